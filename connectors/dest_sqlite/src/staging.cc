#include "src/staging.h"

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/target.h"

namespace rapidbyte::dest_sqlite {
namespace {

// While names change, other objects' views and triggers must not be rewritten or checked: they refer to the target,
// which is missing for a moment.
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

}  // namespace

std::string staging_name(std::string_view target) { return "_rapidbyte_staging_" + std::string(target); }

Status drop_staging(Database& database, std::string_view target) {
  return database.exec("DROP TABLE IF EXISTS main." + quote_name(staging_name(target)));
}

Status make_staging(Database& database, std::string_view target, const sdk::StreamContext& ctx,
                    const sdk::Schema& schema) {
  const std::string name = staging_name(target);
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, has_table(database, name));
  if (is_there) return {};
  SqliteTable replaced(database, std::string(target));
  RB_SDK_ASSIGN_OR_RETURN(const bool replaces, replaced.look());
  // If no columns are known (no batch, no discovered schema), the stream empties the existing table.
  if (replaces && (!replaced.info().is_plain() || schema.fields.empty())) {
    return database.exec(with_table_name(replaced.info().sql, name));
  }
  RB_SDK_RETURN_NOT_OK(table::check_columns(ctx.stream_name, schema, kColumnLimits));
  NewTable staging{.name = name, .schema = schema, .key = {}};
  staging.declare_not_null = ctx.policies.nullability_change == sdk::NullabilityChange::kFail;
  if (replaces) {
    RB_SDK_ASSIGN_OR_RETURN(
        staging.schema,
        table::columns_in_place_of(replaced,
                                   {.stream = ctx.stream_name, .schema = schema, .key = {}, .policies = ctx.policies}));
    staging.key = key_to_keep(replaced.info(), staging.schema);
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
                             " cannot be recreated on the new rows: " + sqlite3_errmsg(database.handle());
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
