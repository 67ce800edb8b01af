#include "src/target.h"

#include <algorithm>
#include <map>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/binary_text.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using postgres::quote_identifier;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + quote_identifier(name);
  return out;
}

bool has_binary_form(const ColumnPlan& column, const sdk::DataType& type) {
  const WireType wire = wire_type(column.type);
  if (wire == WireType::kInterval) return type.id == sdk::TypeId::kIntervalMonthDayNano;
  return wire != WireType::kOther;
}

/// A field's type for people: what the source says it is, where that is more than "text".
std::string described(const sdk::Field& field) {
  const std::string_view native = field.type.is_text() ? native_type_text(field) : std::string_view();
  return native.empty() ? std::string(field.type.name()) : std::string(native);
}

// Fits one stream to one existing table, column by column.
class Fitting {
 public:
  Fitting(Session& session, const TargetRequest& request, TableInfo table)
      : session_(session), request_(request), table_(std::move(table)) {}

  Result<TargetPlan> run() {
    plan_.name = table_.name;
    plan_.key = request_.key;
    plan_.has_triggers = table_.has_triggers;
    plan_.calls_code = table_.calls_code;
    if (!request_.key.empty()) RB_SDK_RETURN_NOT_OK(check_upsert_key(session_, table_, request_.key));
    RB_SDK_RETURN_NOT_OK(look_at_composites());
    for (size_t i = 0; i < request_.schema.size(); ++i) RB_SDK_RETURN_NOT_OK(fit_column(i));
    RB_SDK_RETURN_NOT_OK(check_missing());
    if (plan_.columns.empty() && !table_.columns.empty()) {
      plan_.no_columns = where() +
                         "none of the stream's columns is in the table, so nothing would be stored. Set "
                         "schema_evolution.new_column: add.";
      if (request_.has_rows) return sdk::schema_error(codes::kNoColumns, plan_.no_columns);
    }
    for (ColumnPlan& column : plan_.columns) {
      const sdk::DataType& type = request_.schema.fields[column.source].type;
      const sdk::DataType sent = column.convert ? natural_type(column.type) : type;
      column.has_binary = has_binary_form(column, sent);
      column.binary_text = !column.has_binary && sent.is_text() && text_form(column.type) != TextForm::kNone;
      if (column.has_binary || column.binary_text) continue;
      if (plan_.format == RowFormat::kBinary) {
        sdk::host::log_debug(where() + "rows are sent in COPY's text format, because values of column " +
                             quote_identifier(column.name) + " (" + column.type.formatted +
                             ") have no binary form here");
      }
      plan_.format = RowFormat::kText;
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::string where() const {
    return "stream \"" + request_.stream + "\", table " + table_.name.text() + " of " + session_.options().where() +
           ": ";
  }

  // Only where the source says that values have fields.
  Status look_at_composites() {
    std::vector<Oid> types;
    for (const sdk::Field& field : request_.schema.fields) {
      const TableColumn* column = field.native_fields.empty() ? nullptr : table_.find(field.name);
      if (column != nullptr) types.push_back(column->type.oid);
    }
    if (types.empty()) return {};
    RB_SDK_ASSIGN_OR_RETURN(composites_, composite_fields_of(session_, types));
    return {};
  }

  // The text of a composite value has its fields in their order and without their names.
  Status check_composite(const TableColumn& column, const sdk::Field& field) const {
    const auto there = composites_.find(column.type.oid);
    if (field.native_fields.empty() || there == composites_.end() || there->second == field.native_fields) return {};
    return sdk::schema_error(
        codes::kCompositeChanged,
        where() + "values of column " + quote_identifier(column.name) + " have the fields " + field.native_fields +
            ", but the column's type " + column.type.formatted + " has " + there->second +
            ". They come one after the other without their names, so that one would be taken for another. Make the "
            "types alike (names, types, order), or give the column type text, which keeps the values as they come.");
  }

  Status fit_column(size_t index) {
    const sdk::Field& field = request_.schema.fields[index];
    const TableColumn* column = table_.find(field.name);
    if (column == nullptr) return add(index);
    if (column->generated) {
      if (request_.policies.new_column == sdk::NewColumn::kIgnore) return {};
      return sdk::schema_error(codes::kGeneratedColumn,
                               where() + "column " + quote_identifier(column->name) +
                                   " is computed by the table (GENERATED ALWAYS) and cannot be loaded. Leave it out in "
                                   "the source, or set schema_evolution.new_column: ignore, which leaves out what the "
                                   "table does not take.");
    }
    RB_SDK_RETURN_NOT_OK(check_composite(*column, field));
    ColumnPlan plan{.source = index, .name = column->name, .type = column->type};
    plan.refuse_null = contains(request_.key, column->name);
    plan.insert_only = column->identity_always;
    plan.special_values = field.special_values;
    plan.fit = fit(column->type, field);
    if (plan.fit == Fit::kChanged) {
      if (request_.policies.type_change == sdk::TypeChange::kFail) {
        plan.type_changed =
            where() + "column " + quote_identifier(column->name) + " is " + column->type.formatted +
            ", but the source has " + described(field) +
            ". Set schema_evolution.type_change: coerce (keeps what converts exactly) or null, override the type "
            "in the source, or alter the column.";
        if (request_.has_values(index)) return sdk::schema_error(codes::kTypeChanged, plan.type_changed);
      }
      plan.convert = true;
      plan.null_if_changed = request_.policies.type_change == sdk::TypeChange::kNull;
    }
    if (column->not_null && field.nullable && !plan.refuse_null &&
        request_.policies.nullability_change == sdk::NullabilityChange::kFail) {
      return sdk::schema_error(
          codes::kNullabilityChanged,
          where() + "column " + quote_identifier(column->name) +
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
        sdk::host::log_info(where() + "column " + quote_identifier(field.name) +
                            " is not in the table and is left out (schema_evolution.new_column: ignore)");
        return {};
      case sdk::NewColumn::kFail:
        return sdk::schema_error(codes::kNewColumn, where() + "the source has a new column " +
                                                        quote_identifier(field.name) + " (" + field.type.name() +
                                                        "). Set schema_evolution.new_column: add or ignore, or add it "
                                                        "yourself.");
      case sdk::NewColumn::kAdd: break;
    }
    RB_SDK_ASSIGN_OR_RETURN(const std::string type, type_for(session_, field));
    plan_.calls_code = true;  // event triggers
    const Status added =
        session_.exec("ALTER TABLE " + table_.name.sql() + " ADD COLUMN " + quote_identifier(field.name) + " " + type);
    if (!added.ok()) return Status(added).with_context(where() + "adding column " + quote_identifier(field.name));
    sdk::host::log_info(where() + "added column " + quote_identifier(field.name) + " " + type);
    // As the server sees it now: a type's name says less than the catalog.
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> now, read_table(session_, table_.name));
    const TableColumn* column = now ? now->find(field.name) : nullptr;
    if (column == nullptr) return sdk::internal_error(codes::kColumnLost, where() + "the added column is not there");
    plan_.columns.push_back({.source = index,
                             .name = field.name,
                             .type = column->type,
                             .fit = fit(column->type, field),
                             .special_values = field.special_values});
    return {};
  }

  [[nodiscard]] Status check_missing() const {
    for (const TableColumn& column : table_.columns) {
      if (column.generated || request_.schema.index_of(column.name)) continue;
      if (request_.policies.removed_column == sdk::RemovedColumn::kFail) {
        return sdk::schema_error(codes::kRemovedColumn,
                                 where() + "the source no longer has column " + quote_identifier(column.name) +
                                     ". Set schema_evolution.removed_column: ignore, or drop it.");
      }
      if (column.not_null && !column.has_default) {
        return sdk::schema_error(codes::kColumnRequired,
                                 where() + "column " + quote_identifier(column.name) +
                                     " is NOT NULL without a default, and the source does not have it. "
                                     "Give it a default, or add it to the source.");
      }
    }
    return {};
  }

  Session& session_;
  const TargetRequest& request_;
  TableInfo table_;
  std::map<Oid, std::string> composites_;  // fields of the columns' types
  TargetPlan plan_;
};

Status check_key_columns(const TargetRequest& request) {
  for (const std::string& name : request.key) {
    if (request.schema.index_of(name)) continue;
    return sdk::schema_error(codes::kPrimaryKeyMissing,
                             "stream \"" + request.stream + "\" has no column " + quote_identifier(name) +
                                 ", which primary_key names. Correct primary_key in the pipeline.");
  }
  return {};
}

}  // namespace

sdk::Schema with_context(const sdk::Schema& schema, const sdk::Schema& context) {
  sdk::Schema out = schema;
  for (sdk::Field& field : out.fields) {
    const auto known = context.index_of(field.name);
    // A transform may have made something else of the column.
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
  return sdk::schema_error(codes::kUpsertKeyNotUnique,
                           "table " + table.name.text() + " of " + session.options().where() +
                               " has no unique key over exactly " + list_of(key) +
                               ", which upsert needs to find the row to update. Run: CREATE UNIQUE INDEX ON " +
                               table.name.sql() + " (" + list_of(key) + "), or correct primary_key in the pipeline.");
}

Result<TargetPlan> prepare_target(Session& session, const TargetRequest& request) {
  RB_SDK_RETURN_NOT_OK(check_columns(request.stream, request.schema));
  RB_SDK_RETURN_NOT_OK(check_key_columns(request));
  std::optional<TableInfo> table = request.seen;
  bool made = false;
  if (!table) {
    RB_SDK_ASSIGN_OR_RETURN(table, read_table(session, request.name));
  }
  if (!table) {
    RB_SDK_RETURN_NOT_OK(ensure_schema(session, request.name.schema));
    const bool strict = request.policies.nullability_change == sdk::NullabilityChange::kFail;
    const Status created = create_table(
        session, {.name = request.name, .schema = request.schema, .key = request.key, .declare_not_null = strict});
    if (!created.ok()) {
      return Status(created).with_context("stream \"" + request.stream + "\": creating table " + request.name.text());
    }
    RB_SDK_ASSIGN_OR_RETURN(table, read_table(session, request.name));
    if (!table) return sdk::internal_error(codes::kTableLost, "table " + request.name.text() + " was not created");
    made = true;
  }
  auto plan = Fitting(session, request, std::move(*table)).run();
  if (plan.ok() && made) plan->calls_code = true;  // event triggers
  return plan;
}

}  // namespace rapidbyte::dest_postgres
