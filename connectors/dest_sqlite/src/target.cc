#include "src/target.h"

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_sqlite {
namespace {

bool contains_name(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](const std::string& n) { return same_name(n, name); });
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + quote_name(name);
  return out;
}

// Fits one stream to one existing table, column by column.
class Fitting {
 public:
  Fitting(Database& database, const TargetRequest& request, TableInfo table)
      : database_(database), request_(request), table_(std::move(table)) {}

  Result<TargetPlan> run() {
    plan_.table = table_.name;
    plan_.key = request_.key;
    plan_.row_by_row = table_.fires_triggers;
    if (!request_.key.empty()) RB_SDK_RETURN_NOT_OK(check_upsert_key(database_, table_.name, request_.key));
    for (size_t i = 0; i < request_.schema.size(); ++i) RB_SDK_RETURN_NOT_OK(fit(i));
    RB_SDK_RETURN_NOT_OK(check_missing());
    if (plan_.columns.empty()) {
      return sdk::schema_error(codes::kNoColumns,
                               where() +
                                   "none of its columns is in the table, so nothing would be stored. "
                                   "Set schema_evolution.new_column: add.");
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::string where() const {
    return "stream \"" + request_.stream + "\", table " + quote_name(table_.name) + " of " + database_.path() + ": ";
  }

  Status fit(size_t index) {
    const sdk::Field& field = request_.schema.fields[index];
    const TableColumn* column = table_.find(field.name);
    if (column == nullptr) return add(index);
    if (column->generated) {
      return sdk::schema_error(codes::kGeneratedColumn,
                               where() + "column " + quote_name(column->name) +
                                   " is computed by the table (GENERATED ALWAYS) and cannot be "
                                   "loaded. Leave it out in the source.");
    }
    ColumnPlan plan{.source = index, .name = column->name, .affinity = column->affinity};
    // For a NULL in its row number SQLite would make up a value.
    plan.refuse_null =
        contains_name(request_.key, column->name) || (column->key_position != 0 && table_.has_integer_key());
    if (!stores_unchanged(column->affinity, kind_of(field.type))) {
      if (request_.policies.type_change == sdk::TypeChange::kFail) {
        plan.type_changed =
            where() + "column " + quote_name(column->name) + " is declared " +
            (column->declared.empty() ? "without a type" : column->declared) + ", but the source has " +
            field.type.name() +
            ", whose values SQLite would alter there. Set schema_evolution.type_change: coerce (keeps "
            "what converts exactly) or null, override the type in the source, or load into a new table.";
      }
      plan.coerce = plan.type_changed.empty();
      plan.null_if_changed = request_.policies.type_change == sdk::TypeChange::kNull;
    }
    if (column->not_null && field.nullable && !plan.refuse_null &&
        request_.policies.nullability_change == sdk::NullabilityChange::kFail) {
      return sdk::schema_error(
          codes::kNullabilityChanged,
          where() + "column " + quote_name(column->name) +
              " is NOT NULL, but the source may send nulls. Set schema_evolution.nullability_change: "
              "allow (rows with a null are then refused one by one), or drop the constraint.");
    }
    plan_.columns.push_back(std::move(plan));
    return {};
  }

  Status add(size_t index) {
    const sdk::Field& field = request_.schema.fields[index];
    switch (request_.policies.new_column) {
      case sdk::NewColumn::kIgnore:
        sdk::host::log_info(where() + "column " + quote_name(field.name) +
                            " is not in the table and is left out (schema_evolution.new_column: ignore)");
        return {};
      case sdk::NewColumn::kFail:
        return sdk::schema_error(codes::kNewColumn,
                                 where() + "the source has a new column " + quote_name(field.name) + " (" +
                                     field.type.name() +
                                     "). Set schema_evolution.new_column: add or ignore, or add it yourself.");
      case sdk::NewColumn::kAdd: break;
    }
    if (table_.columns.size() + added_ >= kMaxColumns) {
      return sdk::schema_error(codes::kTooManyColumns, where() + "there is no room for column " +
                                                           quote_name(field.name) + ": an SQLite table takes at most " +
                                                           std::to_string(kMaxColumns) +
                                                           ". Set schema_evolution.new_column: ignore.");
    }
    const std::string type(declared_type(field.type));
    RB_SDK_RETURN_NOT_OK(database_.exec("ALTER TABLE " + quote_name(table_.name) + " ADD COLUMN " +
                                        quote_name(field.name) + " " + type));
    sdk::host::log_info(where() + "added column " + quote_name(field.name) + " " + type);
    ++added_;
    plan_.columns.push_back({.source = index, .name = field.name, .affinity = affinity_of(type)});
    return {};
  }

  [[nodiscard]] Status check_missing() const {
    const bool integer_key = table_.has_integer_key();
    for (const TableColumn& column : table_.columns) {
      const bool present = std::any_of(request_.schema.fields.begin(), request_.schema.fields.end(),
                                       [&](const sdk::Field& field) { return same_name(field.name, column.name); });
      if (present || column.generated) continue;
      if (request_.policies.removed_column == sdk::RemovedColumn::kFail) {
        return sdk::schema_error(codes::kRemovedColumn,
                                 where() + "the source no longer has column " + quote_name(column.name) +
                                     ". Set schema_evolution.removed_column: ignore, or drop it.");
      }
      const bool numbered = integer_key && column.key_position != 0;
      if (column.not_null && !column.has_default && !numbered) {
        return sdk::schema_error(codes::kColumnRequired,
                                 where() + "column " + quote_name(column.name) +
                                     " is NOT NULL without a default, and the source does not have it. "
                                     "Give it a default, or add it to the source.");
      }
    }
    return {};
  }

  Database& database_;
  const TargetRequest& request_;
  TableInfo table_;
  TargetPlan plan_;
  size_t added_ = 0;
};

Status check_key_columns(const TargetRequest& request) {
  for (const std::string& name : request.key) {
    const auto& fields = request.schema.fields;
    if (std::any_of(fields.begin(), fields.end(),
                    [&](const sdk::Field& field) { return same_name(field.name, name); })) {
      continue;
    }
    return sdk::schema_error(codes::kPrimaryKeyMissing,
                             "stream \"" + request.stream + "\" has no column " + quote_name(name) +
                                 ", which primary_key names. Correct primary_key in the pipeline.");
  }
  return {};
}

}  // namespace

Status check_upsert_key(Database& database, std::string_view table, const std::vector<std::string>& key) {
  std::string parameters;
  for (size_t i = 0; i < key.size(); ++i) parameters += i == 0 ? "?" : ", ?";
  // SQLite itself says whether some PRIMARY KEY or unique index matches.
  const std::string columns = list_of(key);
  const auto statement = database.prepare("INSERT INTO " + quote_name(table) + " (" + columns + ") VALUES (" +
                                          parameters + ") ON CONFLICT (" + columns + ") DO NOTHING");
  if (statement.ok()) return {};
  return sdk::schema_error(codes::kUpsertKeyNotUnique,
                           "table " + quote_name(table) + " of " + database.path() +
                               " has no unique key over exactly " + columns +
                               ", which upsert needs to find the row to update (" + sqlite3_errmsg(database.handle()) +
                               "). Run: CREATE UNIQUE INDEX " + quote_name(std::string(table) + "_key") + " ON " +
                               quote_name(table) + " (" + columns + "), or correct primary_key in the pipeline.");
}

Result<TargetPlan> prepare_target(Database& database, const TargetRequest& request) {
  RB_SDK_RETURN_NOT_OK(check_columns(request.stream, request.schema));
  RB_SDK_RETURN_NOT_OK(check_key_columns(request));
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> table, read_table(database, request.table));
  if (!table) {
    const bool strict = request.policies.nullability_change == sdk::NullabilityChange::kFail;
    RB_SDK_RETURN_NOT_OK(database.exec(create_table_sql(
        {.name = request.table, .schema = request.schema, .key = request.key, .declare_not_null = strict})));
    RB_SDK_ASSIGN_OR_RETURN(table, read_table(database, request.table));
    if (!table)
      return sdk::internal_error(codes::kSqliteError, "table " + quote_name(request.table) + " was not created");
  }
  return Fitting(database, request, std::move(*table)).run();
}

}  // namespace rapidbyte::dest_sqlite
