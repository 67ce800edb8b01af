#include "src/target.h"

#include <algorithm>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "src/binary_text.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using table::quote_name;

bool has_binary_form(const ColumnPlan& column, const sdk::DataType& type) {
  const WireType wire = wire_type(column.type);
  if (wire == WireType::kInterval) return type.id == sdk::TypeId::kIntervalMonthDayNano;
  return wire != WireType::kOther;
}

// How the values of a column are sent, and with them the rows.
void choose_format(ColumnPlan& column, const sdk::DataType& type, const std::string& where, TargetPlan& plan) {
  const sdk::DataType sent = column.convert ? natural_type(column.type) : type;
  column.has_binary = has_binary_form(column, sent);
  column.binary_text = !column.has_binary && sent.is_text() && text_form(column.type) != TextForm::kNone;
  if (column.has_binary || column.binary_text) return;
  if (plan.format == RowFormat::kBinary) {
    sdk::host::log_debug(where + "rows are sent in COPY's text format, because values of column " +
                         quote_name(column.name) + " (" + column.type.formatted + ") have no binary form here");
  }
  plan.format = RowFormat::kText;
}

}  // namespace

void PostgresTable::use(TableInfo info) {
  info_ = std::move(info);
  columns_.clear();
  for (const TableColumn& column : info_->columns) {
    columns_.push_back({.name = column.name,
                        .not_null = column.not_null,
                        .has_default = column.has_default,
                        .generated = column.generated});
  }
}

Result<bool> PostgresTable::look() {
  std::optional<TableInfo> found = std::exchange(seen_, std::nullopt);
  if (!found) {
    RB_SDK_ASSIGN_OR_RETURN(found, read_table(session_, name_));
  }
  if (!found) return false;
  use(std::move(*found));
  RB_SDK_RETURN_NOT_OK(look_at_composites());
  return true;
}

Status PostgresTable::create(const table::TableRequest& request, bool declare_not_null) {
  RB_SDK_RETURN_NOT_OK(ensure_schema(session_, name_.schema));
  was_changed_ = true;
  Status created = create_table(
      session_, {.name = name_, .schema = request.schema, .key = request.key, .declare_not_null = declare_not_null});
  if (!created.ok()) {
    return std::move(created).with_context("stream \"" + request_.stream + "\": creating table " + name_.text());
  }
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, look());
  if (is_there) return {};
  return sdk::internal_error(codes::kTableLost, "table " + name_.text() + " was not created");
}

namespace {

bool begins_with(const std::vector<TableColumn>& columns, const std::vector<TableColumn>& first) {
  return columns.size() >= first.size() &&
         std::equal(first.begin(), first.end(), columns.begin(), [](const TableColumn& a, const TableColumn& b) {
           return a.number == b.number && a.name == b.name && a.type.oid == b.type.oid &&
                  a.type.modifier == b.type.modifier;
         });
}

}  // namespace

Status PostgresTable::add_column(const sdk::Field& field) {
  RB_SDK_ASSIGN_OR_RETURN(const std::string type, type_for(session_, field));
  was_changed_ = true;
  Status added = session_.exec("ALTER TABLE " + name_.sql() + " ADD COLUMN " + quote_name(field.name) + " " + type);
  if (!added.ok()) return std::move(added).with_context(where() + "adding column " + quote_name(field.name));
  sdk::host::log_info(where() + "added column " + quote_name(field.name) + " " + type);
  // As the server sees it now: a type's name says less than the catalog.
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> now, read_table(session_, name_));
  if (!now || now->find(field.name) == nullptr) {
    return sdk::internal_error(codes::kColumnLost, where() + "the added column is not there");
  }
  // ALTER TABLE may have waited for somebody who changed the table, and an event trigger may change it. Decisions made
  // about columns so far would then be applied to others.
  if (!begins_with(now->columns, info_->columns)) {
    return sdk::make_retryable_error(
        sdk::ErrorCategory::kTransientDb, codes::kTargetChanged,
        where() + "the table's columns changed while " + quote_name(field.name) +
            " was added to it. Nothing was written; the next attempt uses the table as it is now");
  }
  use(std::move(*now));
  return {};
}

std::string PostgresTable::described() const { return "table " + name_.text() + " of " + session_.options().where(); }

bool PostgresTable::takes(size_t column, const sdk::Field& field) const {
  return fit(info_->columns[column].type, field) != Fit::kChanged;
}

table::TypeConflict PostgresTable::conflict(size_t column, const sdk::Field& field) const {
  // What the source calls it, where that says more than "text".
  const std::string_view native = field.type.is_text() ? native_type_text(field) : std::string_view();
  return {.what = "is " + info_->columns[column].type.formatted + ", but the source has " +
                  (native.empty() ? field.type.name() : std::string(native)),
          .instead = "alter the column"};
}

Status PostgresTable::look_at_composites() {
  std::vector<Oid> types;
  for (const sdk::Field& field : request_.schema.fields) {
    const TableColumn* column = field.native_fields.empty() ? nullptr : info_->find(field.name);
    if (column != nullptr) types.push_back(column->type.oid);
  }
  if (types.empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(composites_, composite_fields_of(session_, types));
  return {};
}

// The text of a composite value has its fields in order and without their names.
Status PostgresTable::check_column(size_t column, const sdk::Field& field) const {
  const PgType& type = info_->columns[column].type;
  const auto there = composites_.find(type.oid);
  if (field.native_fields.empty() || there == composites_.end() || there->second == field.native_fields) return {};
  return sdk::schema_error(
      codes::kCompositeChanged,
      where() + "values of column " + quote_name(info_->columns[column].name) + " have the fields " +
          field.native_fields + ", but the column's type " + type.formatted + " has " + there->second +
          ". Fields are sent in order, without their names, so one would be taken for another. Make the types "
          "alike (names, types, order), or give the column type text, which keeps the values as they are.");
}

Status PostgresTable::check_upsert_key(const std::vector<std::string>& key) {
  return dest_postgres::check_upsert_key(session_, *info_, key);
}

sdk::Schema with_context(const sdk::Schema& schema, const sdk::Schema& context) {
  sdk::Schema out = schema;
  for (sdk::Field& field : out.fields) {
    const auto known = context.index_of(field.name);
    // A transform may have changed the column.
    if (!known || context.fields[*known].type != field.type) continue;
    field.native_type = context.fields[*known].native_type;
    field.special_values = context.fields[*known].special_values;
    field.native_fields = context.fields[*known].native_fields;
  }
  return out;
}

Status check_upsert_key(Session& session, const TableInfo& table, const std::vector<std::string>& key) {
  const std::string oid = std::to_string(table.oid);
  const std::string columns = text_array(key);
  const Parameter parameters[] = {oid, columns};
  RB_SDK_ASSIGN_OR_RETURN(
      const auto found,
      session.value(
          "SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND "
          "i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND "
          "(SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attname::text COLLATE \"C\") "
          "FROM pg_catalog.pg_attribute a "
          "WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) = "
          "(SELECT pg_catalog.array_agg(DISTINCT k COLLATE \"C\" ORDER BY k COLLATE \"C\") "
          "FROM pg_catalog.unnest($2::text[]) k)",
          parameters));
  if (found) return {};
  return table::key_not_unique("table " + table.name.text() + " of " + session.options().where(), key,
                               "CREATE UNIQUE INDEX ON " + table.name.sql());
}

Result<TargetPlan> prepare_target(Session& session, const TableName& name, const table::TableRequest& request,
                                  std::optional<TableInfo> seen) {
  RB_SDK_RETURN_NOT_OK(table::check_columns(request.stream, request.schema, kColumnLimits));
  PostgresTable target(session, name, request, std::move(seen));
  RB_SDK_ASSIGN_OR_RETURN(table::TableFit fitted, table::fit_table(request, target));
  const TableInfo& table = target.info();
  TargetPlan plan{.name = table.name,
                  .columns = {},
                  .key = request.key,
                  .has_triggers = table.has_triggers,
                  .calls_code = table.calls_code || target.was_changed(),
                  .no_columns = std::move(fitted.no_columns)};
  const std::string where = "stream \"" + request.stream + "\", " + target.described() + ": ";
  for (table::ColumnFit& column : fitted.columns) {
    const TableColumn& stored = table.columns[column.column];
    const sdk::Field& field = request.schema.fields[column.source];
    plan.columns.push_back({.source = column.source,
                            .name = stored.name,
                            .type = stored.type,
                            .fit = fit(stored.type, field),
                            .convert = column.convert,
                            .null_if_changed = column.null_if_changed,
                            .refuse_null = column.refuse_null,
                            .insert_only = stored.identity_always,
                            .special_values = field.special_values,
                            .type_changed = std::move(column.type_changed)});
    choose_format(plan.columns.back(), field.type, where, plan);
  }
  return plan;
}

}  // namespace rapidbyte::dest_postgres
