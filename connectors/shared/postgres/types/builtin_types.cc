#include "postgres/types/builtin_types.h"

#include <algorithm>
#include <array>

namespace rapidbyte::postgres {
namespace {

using sdk::DataType;
using sdk::TimeUnit;
using sdk::TypeId;

struct BuiltinType {
  Oid oid;
  WireType wire;
  TypeId arrow;  // of those with parameters, see arrow_form()
  bool special_values = false;
};

// xml is not here: it is sent with its own encoding declaration, and the server reads its bytes in the encoding that
// the document itself names. Nor is "char", a byte that may not be a character; the casts of both return what is
// stored. By OID.
constexpr std::array kTypes = {
    BuiltinType{kOidBool, WireType::kBool, TypeId::kBoolean},
    BuiltinType{kOidBytea, WireType::kBytea, TypeId::kBinary},
    BuiltinType{kOidName, WireType::kText, TypeId::kUtf8},
    BuiltinType{kOidInt8, WireType::kInt8, TypeId::kInt64},
    BuiltinType{kOidInt2, WireType::kInt2, TypeId::kInt16},
    BuiltinType{kOidInt4, WireType::kInt4, TypeId::kInt32},
    BuiltinType{kOidText, WireType::kText, TypeId::kUtf8},
    BuiltinType{kOidOid, WireType::kOid, TypeId::kUInt32},
    BuiltinType{kOidJson, WireType::kText, TypeId::kUtf8},
    BuiltinType{kOidFloat4, WireType::kFloat4, TypeId::kFloat32},
    BuiltinType{kOidFloat8, WireType::kFloat8, TypeId::kFloat64},
    BuiltinType{kOidBpchar, WireType::kText, TypeId::kUtf8},
    BuiltinType{kOidVarchar, WireType::kText, TypeId::kUtf8},
    BuiltinType{kOidDate, WireType::kDate, TypeId::kDate32, true},
    BuiltinType{kOidTime, WireType::kTime, TypeId::kTime64},
    BuiltinType{kOidTimestamp, WireType::kTimestamp, TypeId::kTimestamp, true},
    BuiltinType{kOidTimestamptz, WireType::kTimestamp, TypeId::kTimestamp, true},
    // Written in binary, but read as text: not every interval is one of Arrow's.
    BuiltinType{kOidInterval, WireType::kInterval, TypeId::kUtf8},
    BuiltinType{kOidNumeric, WireType::kNumeric, TypeId::kDecimal128, true},
    BuiltinType{kOidUuid, WireType::kUuid, TypeId::kUtf8},
    BuiltinType{kOidJsonb, WireType::kJsonb, TypeId::kUtf8},
};
static_assert(std::is_sorted(kTypes.begin(), kTypes.end(),
                             [](const BuiltinType& a, const BuiltinType& b) { return a.oid < b.oid; }));

// numeric.c: the modifier is 4 plus precision << 16 plus an 11-bit signed scale.
constexpr int32_t kNumericHeader = 4;

// The column for numeric(precision, scale); text for those without an equivalent in Arrow that every destination knows:
// unbounded ones, scales beyond the precision and below zero (which exist since PostgreSQL 15), and the longest.
DataType decimal(const NumericBounds& bounds) {
  constexpr int32_t kMostDigits128 = 38;
  constexpr int32_t kMostDigits256 = 76;
  if (bounds.precision == 0 || bounds.scale < 0 || bounds.scale > bounds.precision) return DataType::of(TypeId::kUtf8);
  if (bounds.precision <= kMostDigits128) return DataType::decimal128(bounds.precision, bounds.scale);
  if (bounds.precision <= kMostDigits256) return DataType::decimal256(bounds.precision, bounds.scale);
  return DataType::of(TypeId::kUtf8);
}

const BuiltinType* find(Oid type) {
  const auto found = std::lower_bound(kTypes.begin(), kTypes.end(), type,
                                      [](const BuiltinType& builtin, Oid wanted) { return builtin.oid < wanted; });
  return found == kTypes.end() || found->oid != type ? nullptr : &*found;
}

}  // namespace

WireType wire_type(Oid type, char kind) {
  // The label is what is sent.
  if (kind == 'e') return WireType::kText;
  const BuiltinType* found = find(type);
  return found == nullptr ? WireType::kOther : found->wire;
}

NumericBounds numeric_bounds(Oid type, int32_t modifier) {
  if (type != kOidNumeric || modifier < kNumericHeader) return {};
  const int32_t packed = modifier - kNumericHeader;
  return {(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 0x400) - 0x400};
}

ArrowForm arrow_form(Oid type, int32_t modifier, char kind) {
  const WireType wire = wire_type(type, kind);
  ArrowForm out;
  out.by_cast = wire == WireType::kInterval || wire == WireType::kOther;
  const BuiltinType* found = kind == 'e' ? nullptr : find(type);
  if (found == nullptr) return out;
  out.special_values = found->special_values;
  switch (wire) {
    case WireType::kNumeric:
      out.type = decimal(numeric_bounds(type, modifier));
      // As text they say what they are.
      if (out.type.is_text()) out.special_values = false;
      return out;
    case WireType::kTime: out.type = DataType::time64(TimeUnit::kMicrosecond); return out;
    case WireType::kTimestamp:
      out.type = type == kOidTimestamptz ? DataType::timestamp(TimeUnit::kMicrosecond, "UTC")
                                         : DataType::timestamp(TimeUnit::kMicrosecond);
      return out;
    default: out.type = DataType::of(found->arrow); return out;
  }
}

}  // namespace rapidbyte::postgres
