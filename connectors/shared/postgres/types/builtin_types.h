#pragma once
// The types of PostgreSQL that are more than text to us, in one table for both directions: how their values are sent in
// binary COPY, and which Arrow column they are between a source and a destination. The destination recognises the type
// that values come from by the same table that the source reads them with. Plain values and pure functions.

#include <cstdint>
#include <string_view>

#include "postgres/types/oids.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::postgres {

/// How a value is sent in binary. kOther has no binary form that we read or produce: it is sent as text.
enum class WireType : uint8_t {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kOid,
  kFloat4,
  kFloat8,
  kNumeric,
  kText,  // bytes as they are: text, varchar, char(n), name, json, enums
  kJsonb,  // a version byte, then text
  kBytea,
  kUuid,  // 16 bytes
  kDate,  // days since 2000-01-01
  kTime,  // microseconds of the day
  kTimestamp,  // microseconds since 2000-01-01
  kInterval,
  kOther,
};

/// `kind`: pg_type.typtype. Domains must be resolved first.
WireType wire_type(Oid type, char kind);

/// Digits of numeric(precision, scale); precision 0: unbounded.
struct NumericBounds {
  int32_t precision = 0;
  int32_t scale = 0;
};
/// `modifier`: pg_attribute.atttypmod.
NumericBounds numeric_bounds(Oid type, int32_t modifier);

/// What a column of PostgreSQL is in Arrow.
struct ArrowForm {
  sdk::DataType type = sdk::DataType::of(sdk::TypeId::kUtf8);
  /// The values are text produced by the server's cast; otherwise they come in their WireType.
  bool by_cast = false;
  /// See sdk::Field::special_values.
  bool special_values = false;
};
ArrowForm arrow_form(Oid type, int32_t modifier, char kind);

/// Precedes a type's name in sdk::Field::native_type.
inline constexpr std::string_view kNativeTypePrefix = "postgresql:";

}  // namespace rapidbyte::postgres
