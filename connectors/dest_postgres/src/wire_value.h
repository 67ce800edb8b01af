#pragma once
// Single values in PostgreSQL's binary form, preceded by their length: shared by both ways of encoding rows
// (row_encoder.h value by value, row_block.h column by column). Pure functions over the caller's memory.

#include <cstdint>
#include <string_view>

#include "postgres/message.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "src/column_source.h"

namespace rapidbyte::dest_postgres {

inline constexpr uint32_t kLengthBytes = 4;

template <typename T>
inline uint8_t* put_fixed(uint8_t* at, T value) {
  postgres::store_be<uint32_t>(at, sizeof(T));
  postgres::store_be<T>(at + kLengthBytes, value);
  return at + kLengthBytes + sizeof(T);
}

inline uint8_t* put_null(uint8_t* at) {
  postgres::store_be<uint32_t>(at, UINT32_MAX);
  return at + kLengthBytes;
}

inline uint8_t* put_bytes(uint8_t* at, std::string_view bytes) {
  postgres::store_be<uint32_t>(at, static_cast<uint32_t>(bytes.size()));
  sdk::copy_bytes(at + kLengthBytes, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return at + kLengthBytes + bytes.size();
}

/// jsonb is its version and the text.
inline uint8_t* put_jsonb(uint8_t* at, std::string_view text) {
  postgres::store_be<uint32_t>(at, static_cast<uint32_t>(text.size() + 1));
  at[kLengthBytes] = 1;  // the only existing version
  sdk::copy_bytes(at + kLengthBytes + 1, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  return at + kLengthBytes + 1 + text.size();
}

inline bool is_extreme(int64_t value) { return value == INT64_MIN || value == INT64_MAX; }

/// PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01. The check of the column accepted extremes only where they
/// mean infinity; PostgreSQL's own infinities are the same integers.
inline int64_t to_postgres_micros(int64_t value, sdk::TimeUnit unit) {
  constexpr int64_t kEpochMicros = int64_t{10'957} * 86'400'000'000;
  return is_extreme(value) ? value : to_micros(value, unit) - kEpochMicros;
}

inline int32_t to_postgres_days(int32_t days) {
  constexpr int32_t kEpochDays = 10'957;
  return days == INT32_MIN || days == INT32_MAX ? days : days - kEpochDays;
}

/// A UUID's 16 bytes; the check of the column has verified that `text` is one.
uint8_t* put_uuid(uint8_t* at, std::string_view text);

}  // namespace rapidbyte::dest_postgres
