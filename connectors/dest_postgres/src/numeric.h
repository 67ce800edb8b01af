#pragma once
// Numbers in the binary form of PostgreSQL's numeric: base-10000 digits aligned at the decimal point, with weight, sign
// and display scale (numeric_send in the server's numeric.c). From integers, from Arrow's decimals, and from text. All
// exact; nothing goes through a double. Pure functions over the caller's memory.

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "postgres/message.h"

namespace rapidbyte::dest_postgres {

/// Room that put_decimal() needs: length, header, and the digits of 256 bits with any scale that Arrow allows.
inline constexpr size_t kMaxDecimalBytes = 96;
/// Room that put_numeric_text() needs beyond the text's own length.
inline constexpr size_t kNumericTextExtra = 16;

/// What the scale of a column means for its digits, computed once: see put_small_decimal().
struct DecimalLayout {
  uint64_t align = 1;  // 10^n that puts the decimal point between two digits of base 10000
  uint64_t largest = 0;  // magnitude that put_small_decimal() takes; 0: only zero
  int32_t fraction_groups = 0;  // digits of base 10000 after the point
  int32_t scale = 0;

  static DecimalLayout of(int32_t scale);
};

/// A number of up to four digits of base 10000, as nearly all numbers in practice are, ready to be written.
struct SmallDecimal {
  uint64_t head = 0;  // numeric's four header words: digits, weight, sign, scale
  uint64_t digits = 0;  // the first one in the highest 16 bits
  uint32_t value_bytes = 0;  // header and digits
};

/// Whether small_decimal() handles the 128-bit number `high`:`low`.
inline bool is_small_decimal(uint64_t low, uint64_t high, const DecimalLayout& layout) {
  const auto sign = static_cast<uint64_t>(static_cast<int64_t>(high) >> 63);  // all ones for a negative number
  const uint64_t magnitude = (low ^ sign) - sign;
  // -2^64 has no low bits, either.
  return high == sign && magnitude <= layout.largest && (magnitude != 0 || sign == 0);
}

/// Without loops and without branches that depend on the digits: on a column of amounts the branch predictor would be
/// wrong every other time. Requires magnitude <= layout.largest.
inline SmallDecimal small_decimal(uint64_t magnitude, bool negative, const DecimalLayout& layout) {
  const uint64_t aligned = magnitude * layout.align;
  const auto high = static_cast<uint32_t>(aligned / 100'000'000);
  const auto low = static_cast<uint32_t>(aligned - high * uint64_t{100'000'000});
  const uint64_t digits = uint64_t{high / 10'000} << 48U | uint64_t{high % 10'000} << 32U |
                          uint64_t{low / 10'000} << 16U | uint64_t{low % 10'000};
  // Zeros at both ends are expressed by the weight; zero has no digits, and its weight is 0.
  const auto leading = static_cast<uint32_t>(std::countl_zero(digits)) / 16;
  const uint32_t trailing = digits == 0 ? 0 : static_cast<uint32_t>(std::countr_zero(digits)) / 16;
  const uint32_t count = 4 - leading - trailing;
  const int32_t weight = digits == 0 ? 0 : 3 - static_cast<int32_t>(leading) - layout.fraction_groups;
  SmallDecimal out;
  out.head = uint64_t{count} << 48U | uint64_t{static_cast<uint16_t>(weight)} << 32U |
             (negative && digits != 0 ? uint64_t{0x4000} << 16U : 0) | static_cast<uint16_t>(layout.scale);
  out.digits = digits << (16 * (leading & 3U));
  out.value_bytes = 8 + 2 * count;
  return out;
}
/// For a 128-bit number that is_small_decimal() accepts.
inline SmallDecimal small_decimal(uint64_t low, uint64_t high, const DecimalLayout& layout) {
  const auto sign = static_cast<uint64_t>(static_cast<int64_t>(high) >> 63);
  return small_decimal((low ^ sign) - sign, sign != 0, layout);
}

/// Length (4 bytes) and value; returns the end of what was written. Writes no byte beyond it.
inline uint8_t* put_small_decimal(uint8_t* at, const SmallDecimal& number) {
  using postgres::store_be;
  store_be<uint32_t>(at, number.value_bytes);
  store_be<uint64_t>(at + 4, number.head);
  const uint32_t digit_bytes = number.value_bytes - 8;
  at += 12;
  // Overlapping halves: three digits are the first two and the last two.
  if (digit_bytes >= 4) {
    store_be<uint32_t>(at, static_cast<uint32_t>(number.digits >> 32U));
    store_be<uint32_t>(at + digit_bytes - 4, static_cast<uint32_t>(number.digits >> (64 - 8 * digit_bytes)));
  } else if (digit_bytes != 0) {
    store_be<uint16_t>(at, static_cast<uint16_t>(number.digits >> 48U));
  }
  return at + digit_bytes;
}

/// Length (4 bytes) and value of `magnitude` * 10^-scale, scale 0..76; returns the end of what was written.
uint8_t* put_decimal64(uint8_t* at, uint64_t magnitude, bool negative, int32_t scale);
/// The same for `words` little-endian 64-bit words of two's complement (2 or 4), scale -76..76.
uint8_t* put_decimal(uint8_t* at, const uint64_t* words, size_t count, int32_t scale);
/// NaN.
uint8_t* put_numeric_nan(uint8_t* at);

/// A number in plain notation, as PostgreSQL writes numerics: an optional sign, digits, optionally a point.
struct NumericText {
  enum class Kind : uint8_t { kFinite, kNan, kInfinity };
  Kind kind = Kind::kFinite;
  bool negative = false;
  std::string_view whole;  // without leading zeros; may be empty
  std::string_view fraction;  // as written
};
/// nullopt when it is not a number in plain notation, or longer than a numeric can be.
std::optional<NumericText> parse_numeric(std::string_view text);
uint8_t* put_numeric_text(uint8_t* at, const NumericText& number);

/// Whether numeric(precision, scale) holds the number without rounding; precision 0: unbounded. NaN fits everywhere,
/// infinities only unbounded.
bool fits_numeric(const NumericText& number, int32_t precision, int32_t scale);

}  // namespace rapidbyte::dest_postgres
