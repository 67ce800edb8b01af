#include "column_type.h"

#include <algorithm>
#include <array>
#include <string>

#include "postgres/types/builtin_types.h"

namespace rapidbyte::source_postgres {

namespace {

/// Types that write their values but read none: no table could be loaded with them. They arrive as text.
bool has_no_input(postgres::Oid type) {
  constexpr std::array<postgres::Oid, 9> kOutputOnly = {
      194,   // pg_node_tree
      2277,  // anyarray, in pg_statistic
      3361,  // pg_ndistinct
      3402,  // pg_dependencies
      3642,  // gtsvector
      3644,  // gtsvector[]
      4600,  // pg_brin_bloom_summary
      4601,  // pg_brin_minmax_multi_summary
      5017,  // pg_mcv_list
  };
  return std::find(kOutputOnly.begin(), kOutputOnly.end(), type) != kOutputOnly.end();
}

/// `type`: the column that the values become.
WireKind kind_of(postgres::WireType wire, const sdk::DataType& type) {
  using postgres::WireType;
  switch (wire) {
    case WireType::kBool: return WireKind::kBool;
    case WireType::kInt2: return WireKind::kInt16;
    case WireType::kInt4: return WireKind::kInt32;
    case WireType::kInt8: return WireKind::kInt64;
    case WireType::kOid: return WireKind::kOid;
    case WireType::kFloat4: return WireKind::kFloat32;
    case WireType::kFloat8: return WireKind::kFloat64;
    case WireType::kNumeric:
      if (type.is_text()) return WireKind::kNumericText;
      return type.id == sdk::TypeId::kDecimal128 ? WireKind::kNumeric128 : WireKind::kNumeric256;
    case WireType::kJsonb: return WireKind::kJsonb;
    case WireType::kBytea: return WireKind::kBytes;
    case WireType::kUuid: return WireKind::kUuid;
    case WireType::kDate: return WireKind::kDate;
    case WireType::kTime: return WireKind::kTime;
    case WireType::kTimestamp: return WireKind::kTimestamp;
    case WireType::kText:
    case WireType::kInterval:
    case WireType::kOther: break;
  }
  return WireKind::kText;
}

}  // namespace

ColumnPlan plan_column(const CatalogColumn& column, bool as_text) {
  ColumnPlan plan;
  plan.field.name = column.name;
  plan.field.nullable = column.nullable;
  plan.type_name = column.type_name;
  postgres::ArrowForm form{.by_cast = true};
  if (!as_text) form = postgres::arrow_form(column.type, column.type_modifier, column.type_kind);
  plan.field.type = form.type;
  plan.field.special_values = form.special_values;
  // A column that was requested as text is text on the other side, too. The catalog's names include the schema for all
  // but the system's types, so that the other side uses no other type of the same name.
  if (!as_text && !has_no_input(column.type)) {
    plan.field.native_type = std::string(postgres::kNativeTypePrefix) + column.type_name;
  }
  // Text or not, the fields are distinguished only by their order.
  plan.field.native_fields = column.fields;
  if (!form.by_cast) plan.kind = kind_of(postgres::wire_type(column.type, column.type_kind), form.type);
  plan.cast_to_text = form.by_cast;
  plan.by_output = form.by_cast && column.has_text_cast;
  plan.wire_type = form.by_cast ? postgres::kOidText : column.type;
  return plan;
}

}  // namespace rapidbyte::source_postgres
