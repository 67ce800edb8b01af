#pragma once
// Numbers in the binary form of PostgreSQL's numeric: base-10000 digits aligned at the decimal point, with weight, sign
// and display scale (numeric_send in the server's numeric.c). From integers, from Arrow's decimals, and from text. All
// exact; nothing goes through a double. Pure functions over caller's memory.

#include <cstdint>
#include <optional>
#include <string_view>

namespace rapidbyte::dest_postgres {

/// Room that put_decimal() needs: length, header, and the digits of 256 bits with any scale that Arrow allows.
inline constexpr size_t kMaxDecimalBytes = 96;
/// Room that put_numeric_text() needs beyond the text's own length.
inline constexpr size_t kNumericTextExtra = 16;

/// Length (4 bytes) and value of `magnitude` * 10^-scale, scale 0..76; the end of what was written.
uint8_t* put_decimal64(uint8_t* at, uint64_t magnitude, bool negative, int32_t scale);
/// The same for `words` little-endian 64-bit words of two's complement (2 or 4), scale -76..76.
uint8_t* put_decimal(uint8_t* at, const uint64_t* words, size_t count, int32_t scale);
/// NaN.
uint8_t* put_numeric_nan(uint8_t* at);

/// A number in plain notation, as PostgreSQL writes numerics: an optional sign, digits, perhaps a point.
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
