#pragma once
// Fits a stream's columns to a table: a missing table is created, and otherwise the pipeline's policies
// (schema_evolution) decide about each difference, column by column. What a table looks like and how it is changed is
// up to the destination's TargetTable; which errors there are, when they occur, and what they say is the same for all.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::table {

/// A column of the table.
struct Column {
  std::string name;  // as the table spells it
  bool not_null = false;
  /// A row without this column still gets a value: a default, or a number that the table generates.
  bool has_default = false;
  /// Computed by the table; takes no values.
  bool generated = false;
  /// The table would replace a null with a value that is not the source's: such a row is refused.
  bool refuses_null = false;
};

struct TableRequest {
  std::string stream;  // for messages
  sdk::Schema schema;
  std::vector<std::string> key;  // upsert only
  sdk::Policies policies;
  /// Whether the current batch has any row; one without may only show which columns there are.
  bool has_rows = true;
  /// Whether a column of the current batch (an index of `schema`) has any value. A column of nothing but nulls fits
  /// every type: a column without values in a file has no type.
  std::function<bool(size_t column)> has_values = [](size_t) { return true; };
};

/// What was decided about a stored column of the stream.
struct ColumnFit {
  size_t source = 0;  // index in the stream's schema
  size_t column = 0;  // index in TargetTable::columns()
  bool convert = false;          // its type changed: convert value by value
  bool null_if_changed = false;  // a value that cannot be converted becomes NULL instead of a refused row
  bool refuse_null = false;      // part of the upsert's key, or Column::refuses_null
  /// The column does not accept the source's type, and no value has come yet: the text of TYPE_CHANGED for when one
  /// does.
  std::string type_changed = {};
};

struct TableFit {
  std::vector<ColumnFit> columns;
  /// The table has none of the stream's columns, and no row has come yet: the text of NO_COLUMNS for when one does.
  std::string no_columns = {};
};

/// Why a column does not accept the source's type, for TYPE_CHANGED.
struct TypeConflict {
  std::string what;     // follows the column's name: "is integer, but the source has text"
  std::string instead;  // the last of the suggested remedies: "alter the column"
};

/// One table of a destination, created for one fit_table().
class TargetTable {
 public:
  virtual ~TargetTable() = default;

  /// Looks the table up; false when it does not exist.
  virtual sdk::Result<bool> look() = 0;
  /// Creates it with `request`'s columns and key, and looks it up. `declare_not_null`: NOT NULL where the schema says
  /// that there are no nulls.
  virtual sdk::Status create(const TableRequest& request, bool declare_not_null) = 0;
  /// Adds the column after the others, and to columns().
  virtual sdk::Status add_column(const sdk::Field& field) = 0;

  /// For messages: "table "orders" of /data/shop.db".
  [[nodiscard]] virtual std::string described() const = 0;
  /// The columns of the table that look() or create() has seen.
  [[nodiscard]] virtual const std::vector<Column>& columns() const = 0;
  /// Whether the table treats two names as the same.
  [[nodiscard]] virtual bool is_same_name(std::string_view a, std::string_view b) const { return a == b; }

  /// Whether the column accepts values of the field's type unchanged.
  [[nodiscard]] virtual bool takes(size_t column, const sdk::Field& field) const = 0;
  [[nodiscard]] virtual TypeConflict conflict(size_t column, const sdk::Field& field) const = 0;
  /// Any other reason why a column cannot be stored.
  [[nodiscard]] virtual sdk::Status check_column(size_t /*column*/, const sdk::Field& /*field*/) const { return {}; }
  /// UPSERT_KEY_NOT_UNIQUE (schema) unless the table has a unique key over exactly these columns.
  virtual sdk::Status check_upsert_key(const std::vector<std::string>& key) = 0;
};

/// Creates or fits the table, inside whatever transaction the caller has open. Errors (schema): NEW_COLUMN,
/// REMOVED_COLUMN, TYPE_CHANGED, NULLABILITY_CHANGED, COLUMN_REQUIRED, GENERATED_COLUMN, NO_COLUMNS,
/// PRIMARY_KEY_MISSING, and those of `table`. Each names the stream, the column and the setting that would allow it.
sdk::Result<TableFit> fit_table(const TableRequest& request, TargetTable& table);

/// The columns of a new table that is to replace `table`, which look() has seen: types may change, since nothing of the
/// old table is kept; the policies decide about added and removed columns here, too. NEW_COLUMN or REMOVED_COLUMN
/// (schema).
sdk::Result<sdk::Schema> columns_in_place_of(const TargetTable& table, const TableRequest& request);

/// TYPE_CHANGED or NO_COLUMNS (schema) when a batch has a value or row that a fit accepts only as long as there is
/// none. `columns`: anything that has `source` and `type_changed` of a ColumnFit.
template <typename Columns>
sdk::Status check_late_values(const Columns& columns, const std::string& no_columns, const sdk::BatchReader& batch);

/// The column names that a database accepts, for check_columns().
struct ColumnLimits {
  std::string_view product = {};  // "SQLite"
  std::string_view a_table = {};  // "an SQLite table"
  size_t most_columns = 0;
  size_t most_name_bytes = 0;  // 0: any
  bool ignores_case = false;  // of ASCII letters
  bool needs_columns = false;  // a table must have at least one column
};
/// TOO_MANY_COLUMNS, NO_COLUMNS, DUPLICATE_COLUMN or NAME_REFUSED (schema) for columns that no table can have.
sdk::Status check_columns(std::string_view stream, const sdk::Schema& schema, const ColumnLimits& limits);

/// UPSERT_KEY_NOT_UNIQUE (schema). `table`: as TargetTable::described(); `create_index`: the start of the SQL that
/// creates one, up to the columns, "CREATE UNIQUE INDEX ON orders"; `why`: the database's own words, may be empty.
sdk::Status key_not_unique(const std::string& table, const std::vector<std::string>& key,
                           const std::string& create_index, const std::string& why = {});

namespace detail {
sdk::Status type_changed(const std::string& message);
sdk::Status no_columns(const std::string& message);
}  // namespace detail

template <typename Columns>
sdk::Status check_late_values(const Columns& columns, const std::string& no_columns, const sdk::BatchReader& batch) {
  if (!no_columns.empty() && batch.rows() != 0) return detail::no_columns(no_columns);
  for (const auto& column : columns) {
    if (column.type_changed.empty() || !batch.has_values(column.source)) continue;
    return detail::type_changed(column.type_changed);
  }
  return {};
}

}  // namespace rapidbyte::table
