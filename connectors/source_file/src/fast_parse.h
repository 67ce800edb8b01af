#pragma once
// Fast paths for the values that fill most files: plain integers of up to 16 digits, and true and false in lower case.
// Each returns false for everything else, also for values that are valid in another spelling: then use value_parse.h.
// They read whole words, so the text must be in a padded buffer (byte_scan.h).

#include <cstdint>
#include <cstring>
#include <string_view>

namespace rapidbyte::source_file {

namespace fast_parse {

inline uint64_t load8(const char* p) {
  uint64_t word = 0;
  std::memcpy(&word, p, 8);
  return word;
}

/// The first `count` (1 to 8) bytes of p as the last bytes of eight, preceded by zeros.
inline uint64_t right_aligned(const char* p, uint32_t count) {
  const uint32_t shift = 64 - 8 * count;
  // Shifted in two steps, since a shift by 64 is undefined.
  return (load8(p) << shift) | ((uint64_t{0x3030303030303030} >> 1U) >> (63 - shift));
}

inline bool all_digits(uint64_t word) {
  return ((word & 0xF0F0F0F0F0F0F0F0ULL) | (((word + 0x0606060606060606ULL) & 0xF0F0F0F0F0F0F0F0ULL) >> 4U)) ==
         0x3333333333333333ULL;
}

/// Eight digits, the most significant in the lowest byte: pairs, then fours, then all, are joined by multiplication.
inline uint32_t eight_digits(uint64_t word) {
  word -= 0x3030303030303030ULL;
  word = word * 10 + (word >> 8U);
  word = ((word & 0x000000FF000000FFULL) * 0x000F424000000064ULL +
          ((word >> 16U) & 0x000000FF000000FFULL) * 0x0000271000000001ULL) >>
         32U;
  return static_cast<uint32_t>(word);
}

}  // namespace fast_parse

/// Without sign or with a minus, no leading zero, at most 16 digits.
inline bool fast_parse_int64(std::string_view text, int64_t& out) {
  const char* p = text.data();
  auto count = static_cast<uint32_t>(text.size());
  const bool negative = count != 0 && *p == '-';
  p += negative ? 1 : 0;
  count -= negative ? 1 : 0;
  if (count - 1 > 15) return false;
  if (*p == '0' && (count > 1 || negative)) return false;
  int64_t value = 0;
  if (count <= 8) {
    const uint64_t word = fast_parse::right_aligned(p, count);
    if (!fast_parse::all_digits(word)) return false;
    value = fast_parse::eight_digits(word);
  } else {
    const uint64_t high = fast_parse::right_aligned(p, count - 8);
    const uint64_t low = fast_parse::load8(p + count - 8);
    if (!fast_parse::all_digits(high) || !fast_parse::all_digits(low)) return false;
    value = int64_t{fast_parse::eight_digits(high)} * 100'000'000 + fast_parse::eight_digits(low);
  }
  out = negative ? -value : value;
  return true;
}

inline bool fast_parse_boolean(std::string_view text, uint8_t& out) {
  if (text.size() == 4 && std::memcmp(text.data(), "true", 4) == 0) {
    out = 1;
    return true;
  }
  if (text.size() == 5 && std::memcmp(text.data(), "false", 5) == 0) {
    out = 0;
    return true;
  }
  return false;
}

}  // namespace rapidbyte::source_file
