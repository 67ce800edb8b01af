#pragma once
// The types of PostgreSQL that are more than text to us, in one table for both directions: how their values travel in
// binary COPY, and which column of Arrow they are between a source and a destination. What the source reads by it, the
// destination recognises by it as the type that the values come from. Plain values and pure functions.

#include <cstdint>
#include <string_view>

#include "postgres/types/oids.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::postgres {

/// How a value travels in binary. kOther has no binary form that we read or make: it goes as text.
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

/// `kind`: pg_type.typtype. Domains are to be resolved before.
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
  /// The values are text that the server's cast makes; otherwise they come in their WireType.
  bool by_cast = false;
  /// See sdk::Field::special_values.
  bool special_values = false;
};
ArrowForm arrow_form(Oid type, int32_t modifier, char kind);

/// Stands before a type's name in sdk::Field::native_type.
inline constexpr std::string_view kNativeTypePrefix = "postgresql:";

}  // namespace rapidbyte::postgres
