#pragma once
// Writes two decimal digits at once, from a table: half as many divisions as one by one.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rapidbyte::text {

inline constexpr std::array<char, 200> kTwoDigits = [] {
  std::array<char, 200> table{};
  for (size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}();

/// `value` below 100.
inline char* write_two(char* out, uint32_t value) {
  std::memcpy(out, &kTwoDigits[size_t{2} * value], 2);
  return out + 2;
}

}  // namespace rapidbyte::text
