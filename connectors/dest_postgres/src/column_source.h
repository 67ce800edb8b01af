#pragma once
// ColumnSource: where the values of one column of the current batch are, and in which of a few forms they are sent.
// Chosen once per batch and column; the loops over rows only read it.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::dest_postgres {

struct ColumnSource {
  sdk::DataType type;
  bool special_values = false;  // see sdk::Field::special_values
  const uint8_t* validity = nullptr;  // null: no nulls
  const uint8_t* offsets = nullptr;
  const uint8_t* values = nullptr;

  static ColumnSource of(const sdk::DataType& type, const sdk::ColumnBuffers& buffers, bool special_values) {
    ColumnSource out;
    out.type = type;
    out.special_values = special_values;
    out.validity = buffers.validity.empty() ? nullptr : buffers.validity.data();
    out.offsets = buffers.offsets.data();
    out.values = buffers.values.data();
    return out;
  }

  [[nodiscard]] bool is_null(size_t row) const {
    return validity != nullptr && ((validity[row / 8] >> (row % 8)) & 1) == 0;
  }
  template <typename T>
  [[nodiscard]] T value(size_t row) const {
    T out;
    std::memcpy(&out, values + row * sizeof(T), sizeof(T));
    return out;
  }
  [[nodiscard]] bool boolean(size_t row) const { return ((values[row / 8] >> (row % 8)) & 1) != 0; }
  template <typename Offset>
  [[nodiscard]] std::string_view bytes_at(size_t row) const {
    Offset begin;
    Offset end;
    std::memcpy(&begin, offsets + row * sizeof(Offset), sizeof(Offset));
    std::memcpy(&end, offsets + (row + 1) * sizeof(Offset), sizeof(Offset));
    return {reinterpret_cast<const char*>(values) + begin, static_cast<size_t>(end - begin)};
  }
  /// Utf8, Binary, their large forms, and FixedSizeBinary.
  [[nodiscard]] std::string_view bytes(size_t row) const {
    if (type.id == sdk::TypeId::kFixedSizeBinary) {
      const auto width = static_cast<size_t>(type.byte_width);
      return {reinterpret_cast<const char*>(values) + row * width, width};
    }
    return type.is_large() ? bytes_at<int64_t>(row) : bytes_at<int32_t>(row);
  }
  /// Whether the value of a decimal column means NaN.
  [[nodiscard]] bool is_decimal_nan(size_t row) const {
    if (!special_values) return false;
    const size_t words = type.id == sdk::TypeId::kDecimal256 ? 4 : 2;
    uint64_t low = 0;
    for (size_t i = 0; i + 1 < words; ++i) low |= value<uint64_t>(row * words + i);
    return low == 0 && value<uint64_t>(row * words + words - 1) == uint64_t{1} << 63;
  }
  /// Integers, dates, times and timestamps, widened; UInt64 beyond int64 wraps.
  [[nodiscard]] int64_t integer(size_t row) const {
    using sdk::TypeId;
    switch (type.id) {
      case TypeId::kBoolean: return boolean(row) ? 1 : 0;
      case TypeId::kInt8: return value<int8_t>(row);
      case TypeId::kUInt8: return value<uint8_t>(row);
      case TypeId::kInt16: return value<int16_t>(row);
      case TypeId::kUInt16: return value<uint16_t>(row);
      case TypeId::kInt32:
      case TypeId::kDate32:
      case TypeId::kTime32: return value<int32_t>(row);
      case TypeId::kUInt32: return value<uint32_t>(row);
      default: return value<int64_t>(row);
    }
  }
};

/// Seconds are 1, nanoseconds 10^9.
constexpr int64_t units_per_second(sdk::TimeUnit unit) {
  switch (unit) {
    case sdk::TimeUnit::kSecond: return 1;
    case sdk::TimeUnit::kMillisecond: return 1'000;
    case sdk::TimeUnit::kMicrosecond: return 1'000'000;
    case sdk::TimeUnit::kNanosecond: break;
  }
  return 1'000'000'000;
}

/// A time or timestamp in microseconds. Requires that it has been checked: no overflow, no nanoseconds left over.
constexpr int64_t to_micros(int64_t value, sdk::TimeUnit unit) {
  return unit == sdk::TimeUnit::kNanosecond ? value / 1000 : value * (1'000'000 / units_per_second(unit));
}

}  // namespace rapidbyte::dest_postgres
