#pragma once
// From a stream's schema to its table: creates the table or fits an existing one according to rapidbyte/table, and
// decides for each column of the batch where and how it is stored.

#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/table/column_fit.h"
#include "src/column_type.h"
#include "src/table.h"

namespace rapidbyte::dest_sqlite {

/// How one column of the batch is stored.
struct ColumnPlan {
  size_t source = 0;  // index in the batch
  std::string name;   // as the table spells it
  Affinity affinity = Affinity::kBlob;
  bool coerce = false;            // its type changed: convert value by value
  bool null_if_changed = false;   // a value that cannot be converted becomes NULL instead of a refused row
  std::string type_changed = {};  // see table::ColumnFit
  bool refuse_null = false;       // part of the upsert key, or the table's row number
};

struct TargetPlan {
  std::string table;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> key;  // upsert only
  /// The table has triggers: rows go in one by one, so that a refused one can be named.
  bool row_by_row = false;
  std::string no_columns = {};  // see table::TableFit
};

/// A table of the database, for the columns of a stream.
class SqliteTable final : public table::TargetTable {
 public:
  SqliteTable(Database& database, std::string name) : database_(database), name_(std::move(name)) {}

  Result<bool> look() override;
  Status create(const table::TableRequest& request, bool declare_not_null) override;
  /// TOO_MANY_COLUMNS (schema).
  Status add_column(const sdk::Field& field) override;
  [[nodiscard]] std::string described() const override;
  [[nodiscard]] const std::vector<table::Column>& columns() const override { return columns_; }
  [[nodiscard]] bool is_same_name(std::string_view a, std::string_view b) const override { return same_name(a, b); }
  [[nodiscard]] bool takes(size_t column, const sdk::Field& field) const override;
  [[nodiscard]] table::TypeConflict conflict(size_t column, const sdk::Field& field) const override;
  Status check_upsert_key(const std::vector<std::string>& key) override;

  /// As seen by look().
  [[nodiscard]] const TableInfo& info() const { return *info_; }

 private:
  Database& database_;
  std::string name_;
  std::optional<TableInfo> info_;
  std::vector<table::Column> columns_;
};

/// Creates or fits the table. Errors: those of table::fit_table() and table::check_columns().
Result<TargetPlan> prepare_target(Database& database, const std::string& table, const table::TableRequest& request);

/// UPSERT_KEY_NOT_UNIQUE (schema) unless the table has a unique key over exactly these columns.
Status check_upsert_key(Database& database, std::string_view table, const std::vector<std::string>& key);

}  // namespace rapidbyte::dest_sqlite
