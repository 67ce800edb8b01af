#pragma once
// Integers, decimals and floating-point numbers to text and back, exactly or not at all: every parser returns false
// instead of rounding an integer or a decimal, truncating or wrapping. "Strict" refuses text whose spelling carries
// meaning that the value would lose: leading zeros, a plus sign, -0 for integers. No locale. Only a double whose
// spelling the fast paths do not handle and whose decimal point is not '.' is copied.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rapidbyte::text {

/// Decimal digits and sign only, within int64.
bool parse_int64(std::string_view text, bool strict, int64_t& out);
/// As parse_int64, without a minus sign.
bool parse_uint64(std::string_view text, bool strict, uint64_t& out);

/// Plain fixed-point text as an unscaled value of `scale` (0..precision) and at most `precision` (1..38) digits. More
/// fraction digits than the scale are accepted only when they are zeros. Negative zero becomes zero. `point` is the
/// decimal separator.
bool parse_decimal(std::string_view text, char point, int32_t precision, int32_t scale, bool strict, __int128& out);

/// inf, infinity or nan in any case, with or without a minus sign.
bool parse_float_word(std::string_view text, double& out);
/// Fixed-point, exponent form and the words above, to the nearest double, ties to even. False when a finite text is out
/// of the range of a double (would become infinity, or zero from non-zero), and, when strict, for more than 17
/// significant digits.
bool parse_double(std::string_view text, char point, bool strict, double& out);

/// true and false in any case; with `lenient` also t f yes no y n 1 0.
bool parse_boolean(std::string_view text, bool lenient, bool& out);

// Writers: at `out`, which must have kMaxValueText bytes (time_text.h); they return the end of what they wrote.

/// The shortest text that reads back as the same number; NaN, Infinity, -Infinity.
char* write_float(char* out, float value);
char* write_double(char* out, double value);

/// "-12.340": exactly `scale` digits after the point; a negative scale appends zeros. Two's complement.
char* write_decimal128(char* out, uint64_t low, int64_t high, int32_t scale);
/// The same for `count` (2 or 4) little-endian words; `scale` -76..76.
char* write_decimal(char* out, const uint64_t* words, size_t count, int32_t scale);
std::string decimal_text(__int128 unscaled, int32_t scale);

}  // namespace rapidbyte::text
