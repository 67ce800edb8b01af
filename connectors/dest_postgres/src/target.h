#pragma once
// From a stream's schema to its table: creates the table or fits an existing one according to rapidbyte/table, and
// decides for each column of the batch where and how it is stored.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/column_fit.h"
#include "src/column_plan.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

/// A table of the server, for the columns of a stream.
class PostgresTable final : public table::TargetTable {
 public:
  /// `request` outlives it. `seen`: the table as it is now, when the caller has just looked at it.
  PostgresTable(Session& session, TableName name, const table::TableRequest& request, std::optional<TableInfo> seen)
      : session_(session), name_(std::move(name)), request_(request), seen_(std::move(seen)) {}

  Result<bool> look() override;
  Status create(const table::TableRequest& request, bool declare_not_null) override;
  /// COLUMN_LOST (internal), and the server's errors.
  Status add_column(const sdk::Field& field) override;
  [[nodiscard]] std::string described() const override;
  [[nodiscard]] const std::vector<table::Column>& columns() const override { return columns_; }
  [[nodiscard]] bool takes(size_t column, const sdk::Field& field) const override;
  [[nodiscard]] table::TypeConflict conflict(size_t column, const sdk::Field& field) const override;
  /// COMPOSITE_CHANGED (schema).
  [[nodiscard]] Status check_column(size_t column, const sdk::Field& field) const override;
  Status check_upsert_key(const std::vector<std::string>& key) override;

  /// The table as it is now; requires that look() has seen it.
  [[nodiscard]] const TableInfo& info() const { return *info_; }
  /// It was created or altered, which runs event triggers.
  [[nodiscard]] bool was_changed() const { return was_changed_; }

 private:
  void use(TableInfo info);
  /// Reads the fields of composite columns, for check_column(), where the source says that values have fields.
  Status look_at_composites();
  /// For messages.
  [[nodiscard]] std::string where() const { return "stream \"" + request_.stream + "\", " + described() + ": "; }

  Session& session_;
  TableName name_;
  const table::TableRequest& request_;
  std::optional<TableInfo> seen_;
  std::optional<TableInfo> info_;
  std::vector<table::Column> columns_;
  std::map<Oid, std::string> composites_;  // fields of the columns' types
  bool was_changed_ = false;
};

/// `schema` with native_type, special_values and native_fields for the columns that the context describes identically.
sdk::Schema with_context(const sdk::Schema& schema, const sdk::Schema& context);

/// Creates or fits the table, inside the open transaction. `request`'s schema has what the stream's context says about
/// each column (with_context()). `seen`: the table as it is now, when the caller has just looked at it. Errors: those
/// of table::fit_table() and table::check_columns(), and COMPOSITE_CHANGED (schema).
Result<TargetPlan> prepare_target(Session& session, const TableName& name, const table::TableRequest& request,
                                  std::optional<TableInfo> seen = {});

/// UPSERT_KEY_NOT_UNIQUE (schema) unless the table has a unique key over exactly these columns.
Status check_upsert_key(Session& session, const TableInfo& table, const std::vector<std::string>& key);

}  // namespace rapidbyte::dest_postgres
