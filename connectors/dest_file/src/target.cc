#include "connectors/dest_file/src/target.h"

#include <algorithm>

#include "connectors/shared/duckdb/types.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_file {

using sdk::DataType;
using sdk::Field;
using sdk::Schema;
using sdk::TypeId;

namespace {

// DuckDB, which writes the files, takes names that differ in the case of ASCII letters for one.
constexpr table::ColumnLimits kColumnLimits = {.product = "DuckDB",
                                               .a_table = "a file",
                                               .most_columns = 10'000,
                                               .most_name_bytes = 0,
                                               .ignores_case = true,
                                               .needs_columns = true};

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// Types whose values a file holds in the same way.
bool same_values(const DataType& a, const DataType& b) {
  if (a == b) return true;
  const auto plain = [](TypeId id) {
    return id == TypeId::kLargeUtf8                                       ? TypeId::kUtf8
           : id == TypeId::kLargeBinary || id == TypeId::kFixedSizeBinary ? TypeId::kBinary
                                                                          : id;
  };
  const bool of_bytes = a.is_variable() || b.is_variable();
  return of_bytes && plain(a.id) == plain(b.id);
}

class FileTable final : public table::TargetTable {
 public:
  FileTable(const std::optional<Schema>& existing, std::string described)
      : existing_(existing), described_(std::move(described)) {}

  Result<bool> look() override {
    if (existing_) take(*existing_);
    return existing_.has_value();
  }
  Status create(const table::TableRequest& request, bool /*declare_not_null*/) override {
    existing_ = request.schema;
    take(*existing_);
    return {};
  }
  Status add_column(const Field& field) override {
    sdk::host::log_info(described_ + ": new files have column " + table::quote_name(field.name) + " " +
                        field.type.name());
    existing_->fields.push_back(field);
    take(*existing_);
    return {};
  }
  [[nodiscard]] std::string described() const override { return described_; }
  [[nodiscard]] const std::vector<table::Column>& columns() const override { return columns_; }
  [[nodiscard]] bool is_same_name(std::string_view a, std::string_view b) const override { return same_name(a, b); }
  [[nodiscard]] bool takes(size_t column, const Field& field) const override {
    return same_values(existing_->fields[column].type, field.type);
  }
  [[nodiscard]] table::TypeConflict conflict(size_t column, const Field& field) const override {
    return {.what = "is " + existing_->fields[column].type.name() + " in its files, but the source has " +
                    field.type.name(),
            .instead = "write into another folder"};
  }
  Status check_upsert_key(const std::vector<std::string>& /*key*/) override { return {}; }
  [[nodiscard]] const Schema& table() const { return *existing_; }

 private:
  void take(const Schema& schema) {
    columns_.clear();
    for (const Field& field : schema.fields) columns_.push_back({.name = field.name});
  }

  std::optional<Schema> existing_;
  std::string described_;
  std::vector<table::Column> columns_;
};

Status check_columns(const table::TableRequest& request) {
  RB_SDK_RETURN_NOT_OK(table::check_columns(request.stream, request.schema, kColumnLimits));
  return duck::check_input_columns(request.schema);
}

}  // namespace

Result<TargetPlan> fit_columns(const table::TableRequest& request, const std::optional<Schema>& existing,
                               const std::string& described) {
  RB_SDK_RETURN_NOT_OK(check_columns(request));
  FileTable target(existing, described);
  RB_SDK_ASSIGN_OR_RETURN(table::TableFit fit, table::fit_table(request, target));
  TargetPlan plan{.columns = {}, .no_columns = std::move(fit.no_columns), .table = target.table()};
  for (table::ColumnFit& column : fit.columns) {
    plan.columns.push_back({.source = column.source,
                            .field = plan.table.fields[column.column],
                            .convert = column.convert,
                            .null_if_changed = column.null_if_changed,
                            .type_changed = std::move(column.type_changed)});
  }
  // As the table has them, so that all of its files look alike.
  std::stable_sort(plan.columns.begin(), plan.columns.end(), [&](const OutputColumn& a, const OutputColumn& b) {
    return plan.table.index_of(a.field.name) < plan.table.index_of(b.field.name);
  });
  return plan;
}

Result<Schema> replacing_columns(const table::TableRequest& request, const std::optional<Schema>& existing,
                                 const std::string& described) {
  RB_SDK_RETURN_NOT_OK(check_columns(request));
  FileTable replaced(existing, described);
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, replaced.look());
  if (!is_there) return request.schema;
  return table::columns_in_place_of(replaced, request);
}

Status check_partition_columns(const std::vector<std::string>& names, const Schema& table,
                               const std::string& described) {
  for (const std::string& name : names) {
    const auto index = table.index_of(name);
    if (!index) {
      return sdk::schema_error(codes::kUnknownColumn, described + ": partition_by names " + table::quote_name(name) +
                                                          ", which is no column of the stream. Write it as the source "
                                                          "does.");
    }
    switch (table.fields[*index].type.id) {
      case TypeId::kFloat32:
      case TypeId::kFloat64:
      case TypeId::kBinary:
      case TypeId::kLargeBinary:
      case TypeId::kFixedSizeBinary:
      case TypeId::kIntervalMonthDayNano:
        return sdk::schema_error(codes::kColumnUnsupported,
                                 described + ": partition_by names column " + table::quote_name(name) + " of type " +
                                     table.fields[*index].type.name() +
                                     ", whose values are no names of folders. Partition by another column.");
      default: break;
    }
  }
  if (!names.empty() && names.size() >= table.size()) {
    return sdk::schema_error(codes::kNoColumns, described +
                                                    ": partition_by names all columns, which leaves none for "
                                                    "the files. Leave one out.");
  }
  return {};
}

}  // namespace rapidbyte::dest_file
