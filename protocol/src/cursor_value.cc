#include "rapidbyte/protocol/cursor_value.h"

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::protocol {

Result<CursorValue> CursorValue::from_json(const Json& json) {
  if (json.is_null()) return CursorValue{};
  if (const auto text = as_string(json); text && *text == "null") return CursorValue{};
  if (json.is_object() && json.size() == 1) {
    if (const auto value = int_member(json, "int64")) return of_int64(*value);
    if (auto value = string_member(json, "utf8")) return of_utf8(std::move(*value));
    if (const auto value = int_member(json, "timestamp_millis")) return of_timestamp_millis(*value);
    if (const auto value = int_member(json, "timestamp_micros")) return of_timestamp_micros(*value);
    if (const Json* decimal = find_member(json, "decimal")) {
      auto value = string_member(*decimal, "value");
      const auto scale = int_member(*decimal, "scale");
      if (value && scale && *scale >= INT32_MIN && *scale <= INT32_MAX) {
        return of_decimal(std::move(*value), static_cast<int32_t>(*scale));
      }
    }
    if (const auto member = json.find("json"); member != json.end()) return of_json(*member);
  }
  return config_error(codes::kInvalidCursor, "not a cursor value: " + json_text(json));
}

CursorValue CursorValue::carried(Json json) {
  auto known = from_json(json);
  // A decimal may have members that this program does not know, so compare it after reading.
  if (known.ok() && (known->is_null() || known->to_json() == json)) return *std::move(known);
  return {Kind::kOpaque, 0, {}, 0, std::move(json)};
}

Json CursorValue::to_json() const {
  switch (kind) {
    case Kind::kNull: return "null";
    case Kind::kInt64: return {{"int64", integer}};
    case Kind::kUtf8: return {{"utf8", text}};
    case Kind::kTimestampMillis: return {{"timestamp_millis", integer}};
    case Kind::kTimestampMicros: return {{"timestamp_micros", integer}};
    case Kind::kDecimal: return {{"decimal", {{"value", text}, {"scale", scale}}}};
    case Kind::kJson: return {{"json", json}};
    case Kind::kOpaque: return json;
  }
  return "null";
}

std::string CursorValue::type() const {
  switch (kind) {
    case Kind::kNull: return "";
    case Kind::kInt64: return "int64";
    case Kind::kUtf8: return "utf8";
    case Kind::kTimestampMillis: return "timestamp_millis";
    case Kind::kTimestampMicros: return "timestamp_micros";
    case Kind::kDecimal: return "decimal";
    case Kind::kJson: return "json";
    case Kind::kOpaque: return json.is_object() && json.size() == 1 ? json.begin().key() : "";
  }
  return "";
}

std::string_view cursor_type_of(std::string_view data_type) {
  constexpr std::array<std::string_view, 7> kIntegers = {"Int8",  "Int16",  "Int32", "Int64",
                                                         "UInt8", "UInt16", "UInt32"};
  if (std::find(kIntegers.begin(), kIntegers.end(), data_type) != kIntegers.end()) return "int64";
  if (data_type.starts_with("Timestamp(Millisecond") || data_type.starts_with("Timestamp(Second"))
    return "timestamp_millis";
  if (data_type.starts_with("Timestamp(")) return "timestamp_micros";
  if (data_type.starts_with("Decimal")) return "decimal";
  if (data_type == "Utf8" || data_type == "LargeUtf8" || data_type.starts_with("Date") || data_type.starts_with("Time"))
    return "utf8";
  return "json";
}

}  // namespace rapidbyte::protocol
