#include "rapidbyte/table/column_fit.h"

#include <algorithm>
#include <map>
#include <optional>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::table {
namespace {

using sdk::Result;
using sdk::Status;

std::string of_stream(std::string_view stream) { return "stream \"" + std::string(stream) + "\""; }

std::optional<size_t> find(const TargetTable& table, std::string_view name) {
  const std::vector<Column>& columns = table.columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (table.is_same_name(columns[i].name, name)) return i;
  }
  return std::nullopt;
}

bool has_field(const TargetTable& table, const sdk::Schema& schema, std::string_view name) {
  return std::any_of(schema.fields.begin(), schema.fields.end(),
                     [&](const sdk::Field& field) { return table.is_same_name(field.name, name); });
}

std::string place(const TableRequest& request, const TargetTable& table) {
  return of_stream(request.stream) + ", " + table.described() + ": ";
}

// For a column that is not in the table: whether it is to be added.
Result<bool> is_added(const TableRequest& request, const TargetTable& table, const sdk::Field& field) {
  switch (request.policies.new_column) {
    case sdk::NewColumn::kIgnore:
      sdk::host::log_info(place(request, table) + "column " + quote_name(field.name) +
                          " is not in the table and is left out (schema_evolution.new_column: ignore)");
      return false;
    case sdk::NewColumn::kFail:
      return sdk::schema_error(codes::kNewColumn, place(request, table) + "the source has a new column " +
                                                      quote_name(field.name) + " (" + field.type.name() +
                                                      "). Set schema_evolution.new_column: add or ignore, or add it "
                                                      "yourself.");
    case sdk::NewColumn::kAdd: break;
  }
  return true;
}

// For a column that the stream does not have.
Status check_may_go(const TableRequest& request, const TargetTable& table, const Column& column) {
  if (request.policies.removed_column != sdk::RemovedColumn::kFail) return {};
  return sdk::schema_error(codes::kRemovedColumn, place(request, table) + "the source no longer has column " +
                                                      quote_name(column.name) +
                                                      ". Set schema_evolution.removed_column: ignore, or drop it.");
}

// Fits one stream to one existing table, column by column.
class Fitting {
 public:
  Fitting(const TableRequest& request, TargetTable& table) : request_(request), table_(table) {}

  Result<TableFit> run() {
    if (!request_.key.empty()) RB_SDK_RETURN_NOT_OK(table_.check_upsert_key(request_.key));
    for (size_t i = 0; i < request_.schema.size(); ++i) RB_SDK_RETURN_NOT_OK(fit(i));
    RB_SDK_RETURN_NOT_OK(check_missing());
    if (fit_.columns.empty() && !table_.columns().empty()) {
      fit_.no_columns = where() +
                        "none of the stream's columns is in the table, so nothing would be stored. Set "
                        "schema_evolution.new_column: add.";
      if (request_.has_rows) return detail::no_columns(fit_.no_columns);
    }
    return std::move(fit_);
  }

 private:
  [[nodiscard]] std::string where() const { return place(request_, table_); }

  Status fit(size_t index) {
    const sdk::Field& field = request_.schema.fields[index];
    const std::optional<size_t> found = find(table_, field.name);
    if (!found) return add(index);
    const Column& column = table_.columns()[*found];
    if (column.generated) {
      if (request_.policies.new_column == sdk::NewColumn::kIgnore) return {};
      return sdk::schema_error(codes::kGeneratedColumn,
                               where() + "column " + quote_name(column.name) +
                                   " is computed by the table (GENERATED ALWAYS) and cannot be loaded. Leave it out in "
                                   "the source, or set schema_evolution.new_column: ignore, which leaves out what the "
                                   "table does not take.");
    }
    RB_SDK_RETURN_NOT_OK(table_.check_column(*found, field));
    ColumnFit fit{.source = index, .column = *found};
    const bool in_key = std::any_of(request_.key.begin(), request_.key.end(),
                                    [&](const std::string& name) { return table_.is_same_name(name, column.name); });
    fit.refuse_null = in_key || column.refuses_null;
    if (!table_.takes(*found, field)) RB_SDK_RETURN_NOT_OK(change_type(column, field, fit));
    if (column.not_null && field.nullable && !fit.refuse_null &&
        request_.policies.nullability_change == sdk::NullabilityChange::kFail) {
      return sdk::schema_error(
          codes::kNullabilityChanged,
          where() + "column " + quote_name(column.name) +
              " is NOT NULL, but the source may send nulls. Set schema_evolution.nullability_change: "
              "allow (rows with a null are then refused one by one), or drop the constraint.");
    }
    fit_.columns.push_back(std::move(fit));
    return {};
  }

  Status change_type(const Column& column, const sdk::Field& field, ColumnFit& fit) const {
    if (request_.policies.type_change == sdk::TypeChange::kFail) {
      const TypeConflict conflict = table_.conflict(fit.column, field);
      fit.type_changed = where() + "column " + quote_name(column.name) + " " + conflict.what +
                         ". Set schema_evolution.type_change: coerce (keeps what converts exactly) or null, override "
                         "the type in the source, or " +
                         conflict.instead + ".";
      if (request_.has_values(fit.source)) return detail::type_changed(fit.type_changed);
    }
    fit.convert = true;
    fit.null_if_changed = request_.policies.type_change == sdk::TypeChange::kNull;
    return {};
  }

  Status add(size_t index) {
    const sdk::Field& field = request_.schema.fields[index];
    RB_SDK_ASSIGN_OR_RETURN(const bool adds, is_added(request_, table_, field));
    if (!adds) return {};
    RB_SDK_RETURN_NOT_OK(table_.add_column(field));
    const std::optional<size_t> column = find(table_, field.name);
    if (!column) return sdk::internal_error(codes::kColumnLost, where() + "the added column is not there");
    fit_.columns.push_back({.source = index, .column = *column});
    return {};
  }

  [[nodiscard]] Status check_missing() const {
    for (const Column& column : table_.columns()) {
      if (column.generated || has_field(table_, request_.schema, column.name)) continue;
      RB_SDK_RETURN_NOT_OK(check_may_go(request_, table_, column));
      if (column.not_null && !column.has_default) {
        return sdk::schema_error(codes::kColumnRequired,
                                 where() + "column " + quote_name(column.name) +
                                     " is NOT NULL without a default, and the source does not have it. "
                                     "Give it a default, or add it to the source.");
      }
    }
    return {};
  }

  const TableRequest& request_;
  TargetTable& table_;
  TableFit fit_;
};

Status check_key_columns(const TableRequest& request, const TargetTable& table) {
  for (const std::string& name : request.key) {
    if (has_field(table, request.schema, name)) continue;
    return sdk::schema_error(codes::kPrimaryKeyMissing,
                             of_stream(request.stream) + " has no column " + quote_name(name) +
                                 ", which primary_key names. Correct primary_key in the pipeline.");
  }
  return {};
}

}  // namespace

namespace detail {
Status type_changed(const std::string& message) { return sdk::schema_error(codes::kTypeChanged, message); }
Status no_columns(const std::string& message) { return sdk::schema_error(codes::kNoColumns, message); }
}  // namespace detail

Result<TableFit> fit_table(const TableRequest& request, TargetTable& table) {
  RB_SDK_RETURN_NOT_OK(check_key_columns(request, table));
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, table.look());
  if (!is_there) {
    const bool strict = request.policies.nullability_change == sdk::NullabilityChange::kFail;
    RB_SDK_RETURN_NOT_OK(table.create(request, strict));
  }
  return Fitting(request, table).run();
}

Result<sdk::Schema> columns_in_place_of(const TargetTable& table, const TableRequest& request) {
  sdk::Schema kept;
  for (const sdk::Field& field : request.schema.fields) {
    bool is_kept = find(table, field.name).has_value();
    if (!is_kept) {
      RB_SDK_ASSIGN_OR_RETURN(is_kept, is_added(request, table, field));
    }
    if (is_kept) kept.fields.push_back(field);
  }
  for (const Column& column : table.columns()) {
    if (!has_field(table, request.schema, column.name)) {
      RB_SDK_RETURN_NOT_OK(check_may_go(request, table, column));
    }
  }
  return kept;
}

Status check_columns(std::string_view stream, const sdk::Schema& schema, const ColumnLimits& limits) {
  const std::string where = of_stream(stream) + ": ";
  if (schema.fields.empty() && limits.needs_columns) {
    return sdk::schema_error(codes::kNoColumns,
                             where + "it has no columns, and a table needs at least one. Check the source.");
  }
  if (schema.size() > limits.most_columns) {
    return sdk::schema_error(codes::kTooManyColumns, where + "it has " + std::to_string(schema.size()) +
                                                         " columns, and " + std::string(limits.a_table) +
                                                         " takes at most " + std::to_string(limits.most_columns) +
                                                         ". Select fewer columns in the source.");
  }
  std::map<std::string, std::string_view> seen;
  for (const sdk::Field& field : schema.fields) {
    const bool is_long = limits.most_name_bytes != 0 && field.name.size() > limits.most_name_bytes;
    if (field.name.empty() || field.name.find('\0') != std::string::npos || is_long) {
      const std::string lengths = limits.most_name_bytes == 0 ? "it is empty or holds a NUL character"
                                                              : "1 to " + std::to_string(limits.most_name_bytes) +
                                                                    " bytes; longer ones would be cut off";
      return sdk::schema_error(
          codes::kNameRefused,
          where + "column \"" + field.name + "\" has no name that " + std::string(limits.product) + " can take (" +
              lengths +
              "). Rename the column in the source. If it is no name at all, but a row of a CSV file or its whole first "
              "line, set header: false or the right delimiter in the source's config.");
    }
    std::string key = field.name;
    if (limits.ignores_case) {
      for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    const auto [other, added] = seen.emplace(std::move(key), field.name);
    if (added) continue;
    if (other->second == field.name) {
      return sdk::schema_error(codes::kDuplicateColumn, where + "there are two columns " + quote_name(field.name) +
                                                            ". Rename one of them in the source.");
    }
    return sdk::schema_error(codes::kDuplicateColumn, where + "columns " + quote_name(other->second) + " and " +
                                                          quote_name(field.name) + " are the same to " +
                                                          std::string(limits.product) +
                                                          ", which ignores case. Rename one of them in the source.");
  }
  return {};
}

Status key_not_unique(const std::string& table, const std::vector<std::string>& key, const std::string& create_index,
                      const std::string& why) {
  const std::string columns = quote_names(key);
  return sdk::schema_error(codes::kUpsertKeyNotUnique, table + " has no unique key over exactly " + columns +
                                                           ", which upsert needs to find the row to update" +
                                                           (why.empty() ? std::string() : " (" + why + ")") +
                                                           ". Run: " + create_index + " (" + columns +
                                                           "), or correct primary_key in the pipeline.");
}

}  // namespace rapidbyte::table
