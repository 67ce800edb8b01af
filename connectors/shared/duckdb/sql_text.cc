#include "connectors/shared/duckdb/sql_text.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::duck {

using sdk::DataType;
using sdk::Json;
using sdk::Result;
using sdk::Status;
using sdk::TimeUnit;
using sdk::TypeId;

namespace {

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

struct NamedType {
  std::string_view name;
  TypeId id;
};
// PostgreSQL's `float` has 8 bytes and DuckDB's 4, so there is none of that name.
constexpr auto kNamedTypes = std::to_array<NamedType>({
    {"boolean", TypeId::kBoolean}, {"bool", TypeId::kBoolean},        {"int8", TypeId::kInt8},
    {"tinyint", TypeId::kInt8},    {"int16", TypeId::kInt16},         {"smallint", TypeId::kInt16},
    {"int32", TypeId::kInt32},     {"integer", TypeId::kInt32},       {"int", TypeId::kInt32},
    {"int64", TypeId::kInt64},     {"bigint", TypeId::kInt64},        {"uint8", TypeId::kUInt8},
    {"uint16", TypeId::kUInt16},   {"uint32", TypeId::kUInt32},       {"uint64", TypeId::kUInt64},
    {"float32", TypeId::kFloat32}, {"real", TypeId::kFloat32},        {"float64", TypeId::kFloat64},
    {"double", TypeId::kFloat64},  {"text", TypeId::kUtf8},           {"varchar", TypeId::kUtf8},
    {"string", TypeId::kUtf8},     {"utf8", TypeId::kUtf8},           {"binary", TypeId::kBinary},
    {"blob", TypeId::kBinary},     {"bytea", TypeId::kBinary},        {"date", TypeId::kDate32},
    {"time", TypeId::kTime64},     {"timestamp", TypeId::kTimestamp}, {"interval", TypeId::kIntervalMonthDayNano},
});

// Lower case, without spaces.
std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::optional<int32_t> number_in(std::string_view text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<DataType> parse_decimal(std::string_view arguments) {
  const size_t comma = arguments.find(',');
  const auto precision = number_in(arguments.substr(0, comma));
  const auto scale =
      comma == std::string_view::npos ? std::optional<int32_t>(0) : number_in(arguments.substr(comma + 1));
  if (!precision || !scale || *precision < 1 || *precision > 38 || *scale < 0 || *scale > *precision)
    return std::nullopt;
  return DataType::decimal128(*precision, *scale);
}

Status wrong(const Json& value, const DataType& type, std::string_view why) {
  return sdk::config_error(codes::kInvalidConfig,
                           sdk::to_text(value) + " is no value of " + type.name() + ": " + std::string(why));
}

template <typename T>
bool integer_fits(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max());
  const auto number = value.get<int64_t>();
  if (number < 0 && std::numeric_limits<T>::min() == 0) return false;
  return number < 0 ? number >= static_cast<int64_t>(std::numeric_limits<T>::min())
                    : static_cast<uint64_t>(number) <= static_cast<uint64_t>(std::numeric_limits<T>::max());
}

bool integer_fits(const Json& value, TypeId id) {
  switch (id) {
    case TypeId::kInt8: return integer_fits<int8_t>(value);
    case TypeId::kInt16: return integer_fits<int16_t>(value);
    case TypeId::kInt32: return integer_fits<int32_t>(value);
    case TypeId::kInt64: return integer_fits<int64_t>(value);
    case TypeId::kUInt8: return integer_fits<uint8_t>(value);
    case TypeId::kUInt16: return integer_fits<uint16_t>(value);
    case TypeId::kUInt32: return integer_fits<uint32_t>(value);
    default: return integer_fits<uint64_t>(value);
  }
}

// Whether `text` is a number of at most `precision` digits, at most `scale` of them behind the point.
bool decimal_fits(std::string_view text, int32_t precision, int32_t scale) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return false;
  for (const std::string_view part : {whole, fraction}) {
    if (part.find_first_not_of("0123456789") != std::string_view::npos) return false;
  }
  while (whole.starts_with('0')) whole.remove_prefix(1);
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  return whole.size() <= static_cast<size_t>(precision - scale) && fraction.size() <= static_cast<size_t>(scale);
}

std::string cast_of(std::string_view text, const DataType& type) {
  return "CAST(" + quoted_text(text) + " AS " + type_sql(type) + ")";
}

}  // namespace

std::string quoted_name(std::string_view name) { return in_quotes(name, '"'); }

std::string quoted_text(std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return in_quotes(text, '\'');
  std::string out = "(";
  for (;;) {
    const size_t zero = text.find('\0');
    out += in_quotes(text.substr(0, zero), '\'');
    if (zero == std::string_view::npos) return out + ")";
    out += " || chr(0) || ";
    text.remove_prefix(zero + 1);
  }
}

std::string type_sql(const DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean: return "BOOLEAN";
    case TypeId::kInt8: return "TINYINT";
    case TypeId::kInt16: return "SMALLINT";
    case TypeId::kInt32: return "INTEGER";
    case TypeId::kInt64: return "BIGINT";
    case TypeId::kUInt8: return "UTINYINT";
    case TypeId::kUInt16: return "USMALLINT";
    case TypeId::kUInt32: return "UINTEGER";
    case TypeId::kUInt64: return "UBIGINT";
    case TypeId::kFloat32: return "FLOAT";
    case TypeId::kFloat64: return "DOUBLE";
    case TypeId::kDecimal128:
    case TypeId::kDecimal256:
      return "DECIMAL(" + std::to_string(type.precision) + ", " + std::to_string(type.scale) + ")";
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return "VARCHAR";
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return "BLOB";
    case TypeId::kDate32: return "DATE";
    case TypeId::kTime32: return "TIME";
    case TypeId::kTime64: return type.unit == TimeUnit::kNanosecond ? "TIME_NS" : "TIME";
    case TypeId::kTimestamp:
      if (type.timezone) return type.unit == TimeUnit::kNanosecond ? "TIMESTAMPTZ_NS" : "TIMESTAMP WITH TIME ZONE";
      switch (type.unit) {
        case TimeUnit::kSecond: return "TIMESTAMP_S";
        case TimeUnit::kMillisecond: return "TIMESTAMP_MS";
        case TimeUnit::kMicrosecond: return "TIMESTAMP";
        case TimeUnit::kNanosecond: return "TIMESTAMP_NS";
      }
      return "TIMESTAMP";
    case TypeId::kIntervalMonthDayNano: return "INTERVAL";
  }
  return "VARCHAR";
}

std::optional<DataType> parse_type(std::string_view text) {
  const std::string name = folded(text);
  for (const std::string_view decimal : {"decimal(", "numeric(", "decimal128("}) {
    if (name.starts_with(decimal) && name.ends_with(')'))
      return parse_decimal(std::string_view(name).substr(decimal.size(), name.size() - decimal.size() - 1));
  }
  if (name == "timestamptz" || name == "timestampwithtimezone")
    return DataType::timestamp(TimeUnit::kMicrosecond, "UTC");
  for (const NamedType& known : kNamedTypes) {
    if (name != known.name) continue;
    if (known.id == TypeId::kTime64) return DataType::time64(TimeUnit::kMicrosecond);
    if (known.id == TypeId::kTimestamp) return DataType::timestamp(TimeUnit::kMicrosecond);
    return DataType::of(known.id);
  }
  return std::nullopt;
}

std::string_view known_types() {
  return "boolean, int8 to int64 (tinyint, smallint, integer, bigint), uint8 to uint64, float32 (real), float64 "
         "(double), decimal(p, s), text, binary, date, time, timestamp, timestamptz, interval";
}

Result<std::string> typed_literal(const Json& value, const DataType& type, bool& needs_check) {
  switch (type.id) {
    case TypeId::kBoolean:
      if (!value.is_boolean()) return wrong(value, type, "it must be true or false");
      return std::string(value.get<bool>() ? "true" : "false");
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32:
    case TypeId::kUInt64:
      if (!value.is_number_integer()) return wrong(value, type, "it must be a whole number");
      if (!integer_fits(value, type.id)) return wrong(value, type, "it is out of its range");
      return cast_of(sdk::to_text(value), type);
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      if (!value.is_number()) return wrong(value, type, "it must be a number");
      return cast_of(sdk::to_text(value), type);
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: {
      if (!value.is_number() && !value.is_string()) return wrong(value, type, "it must be a number");
      const std::string text = value.is_string() ? value.get<std::string>() : sdk::to_text(value);
      if (!decimal_fits(text, type.precision, type.scale))
        return wrong(value, type, "it must be a number with no more digits than that; write it out, in quotes");
      return cast_of(text, type);
    }
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
      if (!value.is_string()) return wrong(value, type, "it must be a text, in quotes");
      return quoted_text(value.get<std::string>());
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary:
      if (!value.is_string()) return wrong(value, type, "it must be a text, in quotes, whose bytes are taken");
      return "encode(" + quoted_text(value.get<std::string>()) + ")";
    case TypeId::kDate32:
    case TypeId::kTime32:
    case TypeId::kTime64:
    case TypeId::kTimestamp:
    case TypeId::kIntervalMonthDayNano:
      if (!value.is_string()) return wrong(value, type, "it must be a text, in quotes");
      needs_check = true;
      return cast_of(value.get<std::string>(), type);
  }
  return wrong(value, type, "the type has no values that a config can name");
}

}  // namespace rapidbyte::duck
