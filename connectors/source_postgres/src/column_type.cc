#include "column_type.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace rapidbyte::source_postgres {

namespace {

using sdk::DataType;
using sdk::TimeUnit;
using sdk::TypeId;

struct Mapped {
  DataType type;
  WireKind kind;
  bool cast = false;
  bool special_values = false;
};

Mapped text() { return {DataType::of(TypeId::kUtf8), WireKind::kText}; }
Mapped text_by_cast() { return {DataType::of(TypeId::kUtf8), WireKind::kText, true}; }

Mapped map_numeric(int32_t type_modifier) {
  Mapped as_text{DataType::of(TypeId::kUtf8), WireKind::kNumericText};
  // numeric.c: the modifier is 4 plus precision << 16 plus an 11-bit signed scale.
  constexpr int32_t kHeader = 4;
  if (type_modifier < kHeader) return as_text;
  const int32_t packed = type_modifier - kHeader;
  const int32_t precision = (packed >> 16) & 0xFFFF;
  const int32_t scale = ((packed & 0x7FF) ^ 0x400) - 0x400;
  // Scales beyond the precision or below zero have no equal in Arrow that every destination knows.
  if (scale < 0 || scale > precision) return as_text;
  if (precision <= 38) return {DataType::decimal128(precision, scale), WireKind::kNumeric128, false, true};
  if (precision <= 76) return {DataType::decimal256(precision, scale), WireKind::kNumeric256, false, true};
  return as_text;
}

/// Types that write their values and read none: no table could be loaded with them. They arrive as text.
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

Mapped map_type(const CatalogColumn& column) {
  // The label is what goes over the wire.
  if (column.type_kind == 'e') return text();
  switch (column.type) {
    case postgres::kOidBool: return {DataType::of(TypeId::kBoolean), WireKind::kBool};
    case postgres::kOidInt2: return {DataType::of(TypeId::kInt16), WireKind::kInt16};
    case postgres::kOidInt4: return {DataType::of(TypeId::kInt32), WireKind::kInt32};
    case postgres::kOidInt8: return {DataType::of(TypeId::kInt64), WireKind::kInt64};
    case postgres::kOidOid: return {DataType::of(TypeId::kUInt32), WireKind::kOid};
    case postgres::kOidFloat4: return {DataType::of(TypeId::kFloat32), WireKind::kFloat32};
    case postgres::kOidFloat8: return {DataType::of(TypeId::kFloat64), WireKind::kFloat64};
    case postgres::kOidText:
    case postgres::kOidVarchar:
    case postgres::kOidBpchar:
    case postgres::kOidName:
    case postgres::kOidJson: return text();
    case postgres::kOidJsonb: return {DataType::of(TypeId::kUtf8), WireKind::kJsonb};
    case postgres::kOidBytea: return {DataType::of(TypeId::kBinary), WireKind::kBytes};
    case postgres::kOidUuid: return {DataType::of(TypeId::kUtf8), WireKind::kUuid};
    case postgres::kOidDate: return {DataType::of(TypeId::kDate32), WireKind::kDate, false, true};
    case postgres::kOidTime: return {DataType::time64(TimeUnit::kMicrosecond), WireKind::kTime};
    case postgres::kOidTimestamp:
      return {DataType::timestamp(TimeUnit::kMicrosecond), WireKind::kTimestamp, false, true};
    case postgres::kOidTimestamptz:
      return {DataType::timestamp(TimeUnit::kMicrosecond, "UTC"), WireKind::kTimestamp, false, true};
    case postgres::kOidNumeric: return map_numeric(column.type_modifier);
    // xml goes over the wire with an encoding declaration of its own making, "char" as a byte that may be no
    // character; the casts give what is stored.
    default: return text_by_cast();
  }
}

}  // namespace

ColumnPlan plan_column(const CatalogColumn& column, bool as_text) {
  ColumnPlan plan;
  plan.field.name = column.name;
  plan.field.nullable = column.nullable;
  plan.type_name = column.type_name;
  const Mapped mapped = as_text ? text_by_cast() : map_type(column);
  plan.field.type = mapped.type;
  plan.field.special_values = mapped.special_values;
  // A column that was asked for as text is text on the other side, too.
  // The catalog's names have their schema for all but the system's types, so that the other side takes no other type of
  // the same name.
  if (!as_text && !has_no_input(column.type)) plan.field.native_type = "postgresql:" + column.type_name;
  // Text or not, the fields are told apart by their order alone.
  plan.field.native_fields = column.fields;
  plan.kind = mapped.kind;
  plan.cast_to_text = mapped.cast;
  plan.by_output = mapped.cast && column.has_text_cast;
  plan.wire_type = mapped.cast ? postgres::kOidText : column.type;
  return plan;
}

}  // namespace rapidbyte::source_postgres
