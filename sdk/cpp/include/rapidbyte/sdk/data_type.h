#pragma once
// DataType, Field and Schema: the Arrow types that connectors exchange, with the names used in catalogs and stream
// contexts ("Int64", "Decimal128(38, 10)", "Timestamp(Microsecond, Some(\"UTC\"))"). Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

enum class TypeId : uint8_t {
  kBoolean,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
  kDecimal128,
  kDecimal256,
  kUtf8,
  kLargeUtf8,
  kBinary,
  kLargeBinary,
  kFixedSizeBinary,
  kDate32,
  kTime32,
  kTime64,
  kTimestamp,
  kIntervalMonthDayNano,
};
enum class TimeUnit : uint8_t { kSecond, kMillisecond, kMicrosecond, kNanosecond };

struct DataType {
  TypeId id = TypeId::kUtf8;
  int32_t precision = 0;                        // decimals: digits
  int32_t scale = 0;                            // decimals: digits after the point
  int32_t byte_width = 0;                       // fixed-size binary
  TimeUnit unit = TimeUnit::kMicrosecond;       // times and timestamps
  std::optional<std::string> timezone = std::nullopt;  // timestamps

  bool operator==(const DataType&) const = default;

  static DataType of(TypeId id) { return {.id = id}; }
  static DataType decimal128(int32_t precision, int32_t scale) {
    return {.id = TypeId::kDecimal128, .precision = precision, .scale = scale};
  }
  static DataType decimal256(int32_t precision, int32_t scale) {
    return {.id = TypeId::kDecimal256, .precision = precision, .scale = scale};
  }
  static DataType timestamp(TimeUnit unit, std::optional<std::string> timezone = std::nullopt) {
    return {.id = TypeId::kTimestamp, .unit = unit, .timezone = std::move(timezone)};
  }
  static DataType time64(TimeUnit unit) { return {.id = TypeId::kTime64, .unit = unit}; }
  static DataType time32(TimeUnit unit) { return {.id = TypeId::kTime32, .unit = unit}; }
  static DataType fixed_size_binary(int32_t width) { return {.id = TypeId::kFixedSizeBinary, .byte_width = width}; }

  /// Parses a type name as in docs/protocol.md; UNKNOWN_TYPE (schema) names it.
  static Result<DataType> parse(std::string_view name);
  /// The name; parse(name()) gives an equal type.
  [[nodiscard]] std::string name() const;

  /// Bytes of one value in its values buffer; 0 for Boolean (bits) and for variable-length types.
  [[nodiscard]] uint32_t value_width() const;
  [[nodiscard]] bool is_variable() const {
    return id == TypeId::kUtf8 || id == TypeId::kLargeUtf8 || id == TypeId::kBinary || id == TypeId::kLargeBinary;
  }
  /// Whether offsets are 64-bit.
  [[nodiscard]] bool is_large() const { return id == TypeId::kLargeUtf8 || id == TypeId::kLargeBinary; }
  [[nodiscard]] bool is_text() const { return id == TypeId::kUtf8 || id == TypeId::kLargeUtf8; }
};

/// One column: in contexts and catalogs {"name", "data_type", "nullable"}, and the members below when they are set.
struct Field {
  std::string name;
  DataType type;
  bool nullable = true;
  /// The column's type in the source's own words, prefixed with the system that they belong to: "postgresql:jsonb",
  /// "postgresql:numeric(12,2)". A destination of the same system may create the column with it; others ignore it.
  std::string native_type = {};
  /// The column may hold values for which Arrow has no number, encoded as the extremes of its range: Date32 and
  /// Timestamp, most negative: -infinity, most positive: infinity; decimals, most negative two's complement value: NaN.
  /// A source sends them only when StreamContext::destination_has(kSpecialValues).
  bool special_values = false;
  /// What native_type is made of, when its values are texts that hold the values of several fields in order: then only
  /// a type with exactly these fields accepts them. In the words of the same system: "(a integer,b text)".
  std::string native_fields = {};

  /// Whether both describe the same values in a batch. `native_type` and the members after it are not compared: they
  /// exist only in catalogs and contexts, and a batch's own schema has no place for them.
  bool operator==(const Field& other) const {
    return name == other.name && type == other.type && nullable == other.nullable;
  }
  static Result<Field> from_json(const Json& json);
  [[nodiscard]] Json to_json() const;
};

struct Schema {
  std::vector<Field> fields;

  bool operator==(const Schema&) const = default;
  [[nodiscard]] size_t size() const { return fields.size(); }
  /// Index of the field with exactly that name; nullopt when there is none.
  [[nodiscard]] std::optional<size_t> index_of(std::string_view name) const;
  /// From a JSON list of columns; the error names the column.
  static Result<Schema> from_json(const Json& columns);
  [[nodiscard]] Json to_json() const;
};

}  // namespace rapidbyte::sdk
