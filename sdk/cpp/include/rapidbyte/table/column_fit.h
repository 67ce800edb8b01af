#pragma once
// Fitting a stream's columns to a table: the table is made when it is absent, and otherwise the pipeline's policies
// (schema_evolution) decide column by column what becomes of a difference. What a table is like and how it is changed
// is the destination's TargetTable; which error there is, when, and what it says is the same for all.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::table {

/// A column that a table has.
struct Column {
  std::string name;  // as the table spells it
  bool not_null = false;
  /// A row without this column gets a value: a default, a number that the table counts.
  bool has_default = false;
  /// Computed by the table; takes no values.
  bool generated = false;
  /// The table would make up a value for a null, which would not be the source's: such a row is refused.
  bool refuses_null = false;
};

struct TableRequest {
  std::string stream;  // for messages
  sdk::Schema schema;
  std::vector<std::string> key;  // upsert only
  sdk::Policies policies;
  /// Whether the batch that has come has any row; one without may only say which columns there are.
  bool has_rows = true;
  /// Whether a column of the batch that has come (an index of `schema`) has any value. A column of nothing but nulls
  /// fits every type: a file's column without values has none.
  std::function<bool(size_t column)> has_values = [](size_t) { return true; };
};

/// What was decided about a column of the stream that is stored.
struct ColumnFit {
  size_t source = 0;  // index in the stream's schema
  size_t column = 0;  // index in TargetTable::columns()
  bool convert = false;          // its type changed: convert value by value
  bool null_if_changed = false;  // a value that cannot be converted becomes NULL instead of a refused row
  bool refuse_null = false;      // part of the upsert's key, or Column::refuses_null
  /// The column takes no values of the source's type, and none has come: what TYPE_CHANGED says when one does.
  std::string type_changed = {};
};

struct TableFit {
  std::vector<ColumnFit> columns;
  /// The table has none of the stream's columns, and no row has come: what NO_COLUMNS says when one does.
  std::string no_columns = {};
};

/// Why a column does not take the source's type, for TYPE_CHANGED.
struct TypeConflict {
  std::string what;     // "is integer, but the source has text": behind the column's name
  std::string instead;  // "alter the column": the last of the ways out
};

/// One table of a destination, made for one fit_table().
class TargetTable {
 public:
  virtual ~TargetTable() = default;

  /// Looks at the table; false: it is not there.
  virtual sdk::Result<bool> look() = 0;
  /// Makes it, with `request`'s columns and key, and looks at it. `declare_not_null`: NOT NULL where the schema says
  /// that there are no nulls.
  virtual sdk::Status create(const TableRequest& request, bool declare_not_null) = 0;
  /// Adds the column behind the others, and to columns().
  virtual sdk::Status add_column(const sdk::Field& field) = 0;

  /// For messages: "table "orders" of /data/shop.db".
  [[nodiscard]] virtual std::string described() const = 0;
  /// Of the table that look() or create() has seen.
  [[nodiscard]] virtual const std::vector<Column>& columns() const = 0;
  /// Whether the table takes two names for one.
  [[nodiscard]] virtual bool is_same_name(std::string_view a, std::string_view b) const { return a == b; }

  /// Whether the column takes values of the field's type as they are.
  [[nodiscard]] virtual bool takes(size_t column, const sdk::Field& field) const = 0;
  [[nodiscard]] virtual TypeConflict conflict(size_t column, const sdk::Field& field) const = 0;
  /// Whatever else keeps a column from being stored.
  [[nodiscard]] virtual sdk::Status check_column(size_t /*column*/, const sdk::Field& /*field*/) const { return {}; }
  /// UPSERT_KEY_NOT_UNIQUE (schema) unless exactly these columns of the table are unique together.
  virtual sdk::Status check_upsert_key(const std::vector<std::string>& key) = 0;
};

/// Makes or fits the table, inside whatever transaction the caller has open. Errors (schema): NEW_COLUMN,
/// REMOVED_COLUMN, TYPE_CHANGED, NULLABILITY_CHANGED, COLUMN_REQUIRED, GENERATED_COLUMN, NO_COLUMNS,
/// PRIMARY_KEY_MISSING, and those of `table`. Each names the stream, the column and the setting that would allow it.
sdk::Result<TableFit> fit_table(const TableRequest& request, TargetTable& table);

/// The columns of a new table that is to take the place of `table`, which look() has seen: types may change, since
/// nothing of the old table is kept; columns that come and go are the policies' matter here, too. NEW_COLUMN or
/// REMOVED_COLUMN (schema).
sdk::Result<sdk::Schema> columns_in_place_of(const TargetTable& table, const TableRequest& request);

/// TYPE_CHANGED or NO_COLUMNS (schema) when a batch has a value or row that a fit takes only as long as there is none.
/// `columns`: whatever has `source` and `type_changed` of a ColumnFit.
template <typename Columns>
sdk::Status check_late_values(const Columns& columns, const std::string& no_columns, const sdk::BatchReader& batch);

/// What names of columns a database takes, for check_columns().
struct ColumnLimits {
  std::string_view product = {};      // "SQLite"
  std::string_view a_table = {};      // "an SQLite table"
  size_t most_columns = 0;
  size_t most_name_bytes = 0;    // 0: any
  bool ignores_case = false;     // of ASCII letters
  bool needs_columns = false;    // a table without columns is none
};
/// TOO_MANY_COLUMNS, NO_COLUMNS, DUPLICATE_COLUMN or NAME_REFUSED (schema) for columns that no table can have.
sdk::Status check_columns(std::string_view stream, const sdk::Schema& schema, const ColumnLimits& limits);

/// UPSERT_KEY_NOT_UNIQUE (schema). `table`: as TargetTable::described(); `create_index`: what the SQL that makes one
/// has before the columns, "CREATE UNIQUE INDEX ON orders"; `why`: the database's own words, may be empty.
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
