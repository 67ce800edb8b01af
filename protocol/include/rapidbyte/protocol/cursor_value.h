#pragma once
// A position in a stream: the protocol's "cursor value" (docs/protocol.md, "Checkpoints"). Plain values, any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

struct CursorValue {
  enum class Kind : uint8_t {
    kNull,
    kInt64,
    kUtf8,
    kTimestampMillis,
    kTimestampMicros,
    kDecimal,
    kJson,
    /// A kind that this program does not know, as a newer source may write: passed on unchanged, never interpreted.
    kOpaque,
  };
  Kind kind = Kind::kNull;
  int64_t integer = 0;  // kInt64 and the timestamps
  std::string text;  // kUtf8; kDecimal: the unscaled or plain value as the source gave it
  int32_t scale = 0;  // kDecimal
  Json json;  // kJson, kOpaque

  static CursorValue of_int64(int64_t value) { return {Kind::kInt64, value, {}, 0, {}}; }
  static CursorValue of_utf8(std::string value) { return {Kind::kUtf8, 0, std::move(value), 0, {}}; }
  static CursorValue of_timestamp_micros(int64_t value) { return {Kind::kTimestampMicros, value, {}, 0, {}}; }
  static CursorValue of_timestamp_millis(int64_t value) { return {Kind::kTimestampMillis, value, {}, 0, {}}; }
  static CursorValue of_decimal(std::string value, int32_t scale) {
    return {Kind::kDecimal, 0, std::move(value), scale, {}};
  }
  static CursorValue of_json(Json value) { return {Kind::kJson, 0, {}, 0, std::move(value)}; }

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  bool operator==(const CursorValue&) const = default;

  /// For a reader of positions: never kOpaque. INVALID_CURSOR (config).
  static Result<CursorValue> from_json(const Json& json);
  /// For the host, which only passes positions on: to_json() returns `json` unchanged, except that null and "null" are
  /// the same.
  static CursorValue carried(Json json);
  [[nodiscard]] Json to_json() const;
  /// The name of the kind as in `cursor_type`: "int64", "utf8" and so on; for an opaque one, its only key. Empty when
  /// there is none.
  [[nodiscard]] std::string type() const;
};

/// The cursor type for a column's data type (Arrow's name): "Int64" -> "int64", "Timestamp(Millisecond, None)" ->
/// "timestamp_millis". Types without one of their own (UInt64, floats, lists) are "json"; dates and times travel as
/// text.
[[nodiscard]] std::string_view cursor_type_of(std::string_view data_type);

}  // namespace rapidbyte::protocol
