#include "src/staging.h"

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_sqlite {
namespace {

// While the names change, views and triggers of others must not be rewritten or checked: they mean the target, which is
// missing for a moment.
class LegacyRename {
 public:
  explicit LegacyRename(Database& database) : database_(database) {
    sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, nullptr);
  }
  ~LegacyRename() { sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0, nullptr); }
  LegacyRename(const LegacyRename&) = delete;
  LegacyRename& operator=(const LegacyRename&) = delete;

 private:
  Database& database_;
};

// The target's key, if the new rows have all of its columns.
std::vector<std::string> key_to_keep(const TableInfo& target, const sdk::Schema& schema) {
  std::vector<std::string> key = target.key();
  for (const std::string& name : key) {
    const bool there = std::any_of(schema.fields.begin(), schema.fields.end(),
                                   [&name](const sdk::Field& field) { return same_name(field.name, name); });
    if (!there) return {};
  }
  return key;
}

// The columns of the new table. A type may change, since nothing of the old table is kept; columns that come and go are
// the policies' matter here, too.
Result<sdk::Schema> columns_to_make(const TableInfo& target, const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  const std::string where = "stream \"" + ctx.stream_name + "\", table " + quote_name(target.name) + ": ";
  sdk::Schema kept;
  for (const sdk::Field& field : schema.fields) {
    const bool is_new = target.find(field.name) == nullptr;
    if (is_new && ctx.policies.new_column == sdk::NewColumn::kFail) {
      return sdk::schema_error(codes::kNewColumn, where + "the source has a new column " + quote_name(field.name) +
                                                      ". Set schema_evolution.new_column: add or ignore.");
    }
    if (!is_new || ctx.policies.new_column == sdk::NewColumn::kAdd) kept.fields.push_back(field);
  }
  for (const TableColumn& column : target.columns) {
    const bool gone = std::none_of(schema.fields.begin(), schema.fields.end(),
                                   [&column](const sdk::Field& field) { return same_name(field.name, column.name); });
    if (gone && ctx.policies.removed_column == sdk::RemovedColumn::kFail) {
      return sdk::schema_error(codes::kRemovedColumn, where + "the source no longer has column " +
                                                          quote_name(column.name) +
                                                          ". Set schema_evolution.removed_column: ignore.");
    }
  }
  return kept;
}

}  // namespace

std::string staging_name(std::string_view target) { return "_rapidbyte_staging_" + std::string(target); }

Status drop_staging(Database& database, std::string_view target) {
  return database.exec("DROP TABLE IF EXISTS main." + quote_name(staging_name(target)));
}

Status make_staging(Database& database, std::string_view target, const sdk::StreamContext& ctx,
                    const sdk::Schema& schema) {
  const std::string name = staging_name(target);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(database, name));
  if (existing) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(database, target));
  // Without columns of its own (no batch, no discovered schema) the stream empties the table that is there.
  if (table && (!table->is_plain() || schema.fields.empty())) return database.exec(with_table_name(table->sql, name));
  RB_SDK_RETURN_NOT_OK(check_columns(ctx.stream_name, schema));
  NewTable staging{.name = name, .schema = schema, .key = {}};
  staging.declare_not_null = ctx.policies.nullability_change == sdk::NullabilityChange::kFail;
  if (table) {
    RB_SDK_ASSIGN_OR_RETURN(staging.schema, columns_to_make(*table, ctx, schema));
    staging.key = key_to_keep(*table, staging.schema);
  }
  return database.exec(create_table_sql(staging));
}

Status swap_in_staging(Database& database, std::string_view target, const std::string& stream) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(database, target));
  const std::string name = table ? table->name : std::string(target);
  std::vector<Dependent> dependents;
  if (table) {
    RB_SDK_ASSIGN_OR_RETURN(dependents, read_dependents(database, name));
  }
  const LegacyRename legacy(database);
  if (table) RB_SDK_RETURN_NOT_OK(database.exec("DROP TABLE main." + quote_name(name)));
  RB_SDK_RETURN_NOT_OK(
      database.exec("ALTER TABLE main." + quote_name(staging_name(target)) + " RENAME TO " + quote_name(name)));
  for (const Dependent& dependent : dependents) {
    Status status = database.exec(dependent.sql);
    if (status.ok()) continue;
    const int code = sqlite3_errcode(database.handle()) & 0xff;
    const std::string what = "stream \"" + stream + "\": " + dependent.type + " " + quote_name(dependent.name) +
                             " of table " + quote_name(name) +
                             " cannot be made again on the new rows: " + sqlite3_errmsg(database.handle());
    if (code == SQLITE_CONSTRAINT) {
      return sdk::data_error(
          codes::kIndexLost,
          what + ". The old table was left as it was. Correct the source, or drop the " + dependent.type + ".");
    }
    if (code != SQLITE_ERROR) return status;
    sdk::host::log_warn(what + "; it is gone. It was: " + dependent.sql);
  }
  return {};
}

}  // namespace rapidbyte::dest_sqlite
