#include "src/target.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_sqlite {

Result<bool> SqliteTable::look() {
  RB_SDK_ASSIGN_OR_RETURN(info_, read_table(database_, name_));
  columns_.clear();
  if (!info_) return false;
  const bool integer_key = info_->has_integer_key();
  for (const TableColumn& column : info_->columns) {
    // SQLite would replace a NULL in its row number with a value of its own.
    const bool is_numbered = integer_key && column.key_position != 0;
    columns_.push_back({.name = column.name,
                        .not_null = column.not_null,
                        .has_default = column.has_default || is_numbered,
                        .generated = column.generated,
                        .refuses_null = is_numbered});
  }
  return true;
}

Status SqliteTable::create(const table::TableRequest& request, bool declare_not_null) {
  RB_SDK_RETURN_NOT_OK(database_.exec(create_table_sql(
      {.name = name_, .schema = request.schema, .key = request.key, .declare_not_null = declare_not_null})));
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, look());
  if (is_there) return {};
  return sdk::internal_error(codes::kSqliteError, "table " + quote_name(name_) + " was not created");
}

Status SqliteTable::add_column(const sdk::Field& field) {
  const std::string where = described() + ": ";
  if (columns_.size() >= kMaxColumns) {
    return sdk::schema_error(codes::kTooManyColumns, where + "there is no room for column " + quote_name(field.name) +
                                                         ": an SQLite table takes at most " +
                                                         std::to_string(kMaxColumns) +
                                                         ". Set schema_evolution.new_column: ignore.");
  }
  const std::string type(declared_type(field.type));
  RB_SDK_RETURN_NOT_OK(
      database_.exec("ALTER TABLE " + quote_name(info_->name) + " ADD COLUMN " + quote_name(field.name) + " " + type));
  sdk::host::log_info(where + "added column " + quote_name(field.name) + " " + type);
  info_->columns.push_back({.name = field.name, .declared = type, .affinity = affinity_of(type)});
  columns_.push_back({.name = field.name});
  return {};
}

std::string SqliteTable::described() const {
  return "table " + quote_name(info_ ? info_->name : name_) + " of " + database_.path();
}

bool SqliteTable::takes(size_t column, const sdk::Field& field) const {
  return stores_unchanged(info_->columns[column].affinity, kind_of(field.type));
}

table::TypeConflict SqliteTable::conflict(size_t column, const sdk::Field& field) const {
  const std::string& declared = info_->columns[column].declared;
  return {.what = "is declared " + (declared.empty() ? "without a type" : declared) + ", but the source has " +
                  field.type.name() + ", whose values SQLite would alter there",
          .instead = "load into a new table"};
}

Status SqliteTable::check_upsert_key(const std::vector<std::string>& key) {
  return dest_sqlite::check_upsert_key(database_, info_->name, key);
}

Status check_upsert_key(Database& database, std::string_view table, const std::vector<std::string>& key) {
  std::string parameters;
  for (size_t i = 0; i < key.size(); ++i) parameters += i == 0 ? "?" : ", ?";
  // SQLite itself says whether some PRIMARY KEY or unique index matches.
  const std::string columns = table::quote_names(key);
  const auto statement = database.prepare("INSERT INTO " + quote_name(table) + " (" + columns + ") VALUES (" +
                                          parameters + ") ON CONFLICT (" + columns + ") DO NOTHING");
  if (statement.ok()) return {};
  return table::key_not_unique(
      "table " + quote_name(table) + " of " + database.path(), key,
      "CREATE UNIQUE INDEX " + quote_name(std::string(table) + "_key") + " ON " + quote_name(table),
      sqlite3_errmsg(database.handle()));
}

Result<TargetPlan> prepare_target(Database& database, const std::string& name, const table::TableRequest& request) {
  RB_SDK_RETURN_NOT_OK(table::check_columns(request.stream, request.schema, kColumnLimits));
  SqliteTable target(database, name);
  RB_SDK_ASSIGN_OR_RETURN(table::TableFit fit, table::fit_table(request, target));
  TargetPlan plan{.table = target.info().name,
                  .columns = {},
                  .key = request.key,
                  .row_by_row = target.info().fires_triggers,
                  .no_columns = std::move(fit.no_columns)};
  for (table::ColumnFit& column : fit.columns) {
    const TableColumn& stored = target.info().columns[column.column];
    plan.columns.push_back({.source = column.source,
                            .name = stored.name,
                            .affinity = stored.affinity,
                            .coerce = column.convert,
                            .null_if_changed = column.null_if_changed,
                            .type_changed = std::move(column.type_changed),
                            .refuse_null = column.refuse_null});
  }
  return plan;
}

}  // namespace rapidbyte::dest_sqlite
