#include "connectors/dest_duckdb/src/target.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "connectors/shared/duckdb/sql_text.h"
#include "connectors/shared/duckdb/types.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_duckdb {

using duck::quoted_name;
using duck::TableDescription;
using duck::type_sql;
using sdk::Field;
using sdk::Schema;
using sdk::TypeId;

namespace {

constexpr table::ColumnLimits kColumnLimits = {.product = "DuckDB",
                                               .a_table = "a table of ours in DuckDB",
                                               .most_columns = 10'000,
                                               .most_name_bytes = 0,
                                               .ignores_case = true,
                                               .needs_columns = true};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct IntegerType {
  std::string_view name;
  int bits;
  bool is_signed;
};
constexpr auto kIntegers = std::to_array<IntegerType>({{"TINYINT", 8, true},
                                                       {"SMALLINT", 16, true},
                                                       {"INTEGER", 32, true},
                                                       {"BIGINT", 64, true},
                                                       {"HUGEINT", 128, true},
                                                       {"UTINYINT", 8, false},
                                                       {"USMALLINT", 16, false},
                                                       {"UINTEGER", 32, false},
                                                       {"UBIGINT", 64, false},
                                                       {"UHUGEINT", 128, false}});

const IntegerType* integer_named(std::string_view name) {
  for (const IntegerType& type : kIntegers) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

struct DecimalType {
  int whole = 0;
  int fraction = 0;
};

// "DECIMAL(12,2)"
std::optional<DecimalType> decimal_named(std::string_view name) {
  constexpr std::string_view kStart = "DECIMAL(";
  if (!name.starts_with(kStart) || !name.ends_with(')')) return std::nullopt;
  name = name.substr(kStart.size(), name.size() - kStart.size() - 1);
  const size_t comma = name.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  int digits = 0;
  int scale = 0;
  std::from_chars(name.data(), name.data() + comma, digits);
  std::from_chars(name.data() + comma + 1, name.data() + name.size(), scale);
  return DecimalType{digits - scale, scale};
}

std::string column_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quoted_name(name);
  return list;
}

// DuckDB's own checks are of the query; this one is of the file.
Status check_for_file(const duck::Database& database, const table::TableRequest& request) {
  RB_SDK_RETURN_NOT_OK(table::check_columns(request.stream, request.schema, kColumnLimits));
  RB_SDK_RETURN_NOT_OK(duck::check_input_columns(request.schema));
  if (!database.is_for_older_versions()) return {};
  for (const Field& field : request.schema.fields) {
    if (field.type.id != TypeId::kTimestamp || !field.type.timezone || field.type.unit != sdk::TimeUnit::kNanosecond)
      continue;
    return sdk::schema_error(codes::kColumnUnsupported,
                             "column `" + field.name + "` is " + field.type.name() + ", for which " + database.path() +
                                 " has no type: DuckDB knows nanoseconds with a time zone since 2.0, and the file is "
                                 "one that older versions read. Cast the column to microseconds or to text in the "
                                 "source's `select`, or load into a new file with `storage_version: latest`");
  }
  return {};
}

std::string create_sql(const std::string& name, const Schema& schema, const std::vector<std::string>& key,
                       bool declare_not_null) {
  std::string sql = "CREATE TABLE main." + quoted_name(name) + " (";
  for (size_t i = 0; i < schema.size(); ++i) {
    const Field& field = schema.fields[i];
    sql += (i == 0 ? "" : ", ") + quoted_name(field.name) + " " + type_sql(field.type);
    if (declare_not_null && !field.nullable) sql += " NOT NULL";
  }
  if (!key.empty()) sql += ", PRIMARY KEY (" + column_list(key) + ")";
  return sql + ")";
}

class DuckTable final : public table::TargetTable {
 public:
  DuckTable(duck::Database& database, std::string name) : database_(database), name_(std::move(name)) {}

  Result<bool> look() override {
    RB_SDK_ASSIGN_OR_RETURN(info_, read_table(database_, name_));
    columns_.clear();
    if (!info_) return false;
    for (const auto& column : info_->columns) {
      columns_.push_back({.name = column.name,
                          .not_null = column.not_null,
                          .has_default = column.has_default,
                          .generated = column.generated});
    }
    return true;
  }

  Status create(const table::TableRequest& request, bool declare_not_null) override {
    RB_SDK_RETURN_NOT_OK(database_.execute(create_sql(name_, request.schema, request.key, declare_not_null)));
    RB_SDK_ASSIGN_OR_RETURN(const bool is_there, look());
    if (is_there) return {};
    return sdk::internal_error(codes::kSqlEngineFailed, "table " + quoted_name(name_) + " was not created");
  }

  Status add_column(const Field& field) override {
    const std::string type = type_sql(field.type);
    const Status added = database_.execute("ALTER TABLE main." + quoted_name(info_->name) + " ADD COLUMN " +
                                           quoted_name(field.name) + " " + type);
    if (!added.ok() && added.error().code == codes::kSqlRefused) {
      return sdk::schema_error(codes::kSqlRefused,
                               described() + ": column " + quoted_name(field.name) +
                                   " cannot be added: " + added.error().message +
                                   "Drop the index that the table has, or set schema_evolution.new_column: ignore.");
    }
    RB_SDK_RETURN_NOT_OK(added);
    sdk::host::log_info(described() + ": added column " + quoted_name(field.name) + " " + type);
    return look().status();
  }

  [[nodiscard]] std::string described() const override {
    return "table " + quoted_name(info_ ? info_->name : name_) + " of " + database_.path();
  }
  [[nodiscard]] const std::vector<table::Column>& columns() const override { return columns_; }
  [[nodiscard]] bool is_same_name(std::string_view a, std::string_view b) const override { return same_name(a, b); }
  [[nodiscard]] bool takes(size_t column, const Field& field) const override {
    const auto given = database_.type_name(type_sql(field.type));
    return given.ok() && stores_unchanged(info_->columns[column].type, *given);
  }
  [[nodiscard]] table::TypeConflict conflict(size_t column, const Field& field) const override {
    return {.what = "is " + info_->columns[column].type + ", but the source has " + field.type.name() +
                    ", whose values it does not hold unchanged",
            .instead = "load into a new table"};
  }
  Status check_upsert_key(const std::vector<std::string>& key) override {
    return dest_duckdb::check_upsert_key(database_, info_->name, key);
  }

  [[nodiscard]] const TableDescription& info() const { return *info_; }

 private:
  duck::Database& database_;
  std::string name_;
  std::optional<TableDescription> info_;
  std::vector<table::Column> columns_;
};

// Whether it has only columns and perhaps a key, as create_sql() makes them.
bool is_plain(const TableDescription& table) {
  return table.unique_keys.empty() && !table.has_checks && !table.has_foreign_keys &&
         std::none_of(table.columns.begin(), table.columns.end(),
                      [](const auto& column) { return column.has_default || column.generated; });
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_name(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool stores_unchanged(std::string_view stored, std::string_view given) {
  if (stored == given) return true;
  if (stored == "DOUBLE" && given == "FLOAT") return true;
  const IntegerType* to = integer_named(stored);
  const IntegerType* from = integer_named(given);
  if (to != nullptr && from != nullptr) {
    if (from->is_signed && !to->is_signed) return false;
    return from->is_signed == to->is_signed ? to->bits >= from->bits : to->bits > from->bits;
  }
  const auto to_decimal = decimal_named(stored);
  const auto from_decimal = decimal_named(given);
  return to_decimal && from_decimal && to_decimal->whole >= from_decimal->whole &&
         to_decimal->fraction >= from_decimal->fraction;
}

Status check_table_name(std::string_view stream, std::string_view table) {
  const auto refuse = [&](std::string_view why) {
    return sdk::config_error(codes::kNameRefused,
                             "stream \"" + std::string(stream) + "\" cannot become a table named " +
                                 quoted_name(table) + ": " + std::string(why) +
                                 ". Rename the stream, or set `table_prefix` in the destination's config.");
  };
  if (table.empty()) return refuse("the name is empty");
  if (table.find('\0') != std::string_view::npos) return refuse("it holds a NUL character");
  constexpr std::string_view kOwn = "_rapidbyte_";
  if (same_name(table.substr(0, kOwn.size()), kOwn))
    return refuse("names that begin with _rapidbyte_ are this connector's own");
  return {};
}

Result<std::optional<TableDescription>> read_table(duck::Database& database, const std::string& name) {
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableDescription> found, database.describe(name));
  if (!found || !found->is_view) return found;
  return sdk::schema_error(codes::kTargetNotATable,
                           "database " + database.path() + ": " + quoted_name(found->name) +
                               " is a view, so rows cannot be loaded into it. Rename it or the stream, or set "
                               "`table_prefix`.");
}

Status check_upsert_key(duck::Database& database, const std::string& table, const std::vector<std::string>& key) {
  const std::string columns = column_list(key);
  // DuckDB itself says whether a key or a unique index matches.
  const Status status =
      database.check("INSERT INTO main." + quoted_name(table) + " (" + columns + ") SELECT " + columns + " FROM main." +
                     quoted_name(table) + " ON CONFLICT (" + columns + ") DO NOTHING");
  if (status.ok()) return {};
  return table::key_not_unique("table " + quoted_name(table) + " of " + database.path(), key,
                               "CREATE UNIQUE INDEX " + quoted_name(table + "_key") + " ON " + quoted_name(table),
                               status.error().message);
}

Result<TargetPlan> prepare_target(duck::Database& database, const std::string& name,
                                  const table::TableRequest& request) {
  RB_SDK_RETURN_NOT_OK(check_for_file(database, request));
  DuckTable target(database, name);
  RB_SDK_ASSIGN_OR_RETURN(table::TableFit fit, table::fit_table(request, target));
  const TableDescription& table = target.info();
  TargetPlan plan{.table = table.name,
                  .columns = {},
                  .key = {},
                  .unique_keys = table.unique_keys,
                  .no_columns = std::move(fit.no_columns)};
  if (!table.primary_key.empty()) plan.unique_keys.push_back(table.primary_key);
  for (table::ColumnFit& column : fit.columns) {
    const auto& stored = table.columns[column.column];
    const bool in_key = std::any_of(request.key.begin(), request.key.end(),
                                    [&](const std::string& key) { return same_name(key, stored.name); });
    plan.columns.push_back({.source = column.source,
                            .name = stored.name,
                            .type = stored.type,
                            .convert = column.convert,
                            .null_if_changed = column.null_if_changed,
                            .type_changed = std::move(column.type_changed),
                            .refuse_null = column.refuse_null || stored.not_null,
                            .in_key = in_key});
    if (in_key) plan.key.push_back(stored.name);
  }
  return plan;
}

Status create_replacement(duck::Database& database, const std::string& target, const std::string& name,
                          const table::TableRequest& request) {
  DuckTable replaced(database, target);
  RB_SDK_ASSIGN_OR_RETURN(const bool replaces, replaced.look());
  // If no columns are known (no batch, no discovered schema), the stream empties the existing table.
  if (replaces && (!is_plain(replaced.info()) || request.schema.fields.empty())) {
    RB_SDK_ASSIGN_OR_RETURN(const std::string sql, database.create_like(replaced.info().name, name));
    return database.execute(sql);
  }
  RB_SDK_RETURN_NOT_OK(check_for_file(database, request));
  Schema schema = request.schema;
  std::vector<std::string> key;
  if (replaces) {
    RB_SDK_ASSIGN_OR_RETURN(schema, table::columns_in_place_of(replaced, request));
    key = replaced.info().primary_key;
    // The target's key, if the new rows have all of its columns.
    const bool whole = std::all_of(key.begin(), key.end(), [&](const std::string& column) {
      return std::any_of(schema.fields.begin(), schema.fields.end(),
                         [&](const Field& field) { return same_name(field.name, column); });
    });
    if (!whole) key.clear();
  }
  return database.execute(
      create_sql(name, schema, key, request.policies.nullability_change == sdk::NullabilityChange::kFail));
}

}  // namespace rapidbyte::dest_duckdb
