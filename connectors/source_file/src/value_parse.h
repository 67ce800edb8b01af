#pragma once
// Text to values, exactly or not at all: every function answers false instead of rounding, truncating or wrapping. Pure
// functions on one field. "Strict" refuses text whose spelling carries meaning that the value would lose (leading
// zeros, a plus sign, -0 for integers): that is the rule for inferred columns. Columns whose type the user has set are
// not strict.

#include <cstdint>
#include <string>
#include <string_view>

namespace rapidbyte::source_file {

/// Decimal digits and sign only, within int64.
bool parse_int64(std::string_view text, bool strict, int64_t& out);
/// As parse_int64, without a sign.
bool parse_uint64(std::string_view text, bool strict, uint64_t& out);

/// Plain fixed-point text as unscaled value of `scale` and at most `precision` digits. More fraction digits than the
/// scale are taken only when they are zeros. Negative zero becomes zero. `point` is the decimal separator.
bool parse_decimal(std::string_view text, char point, int32_t precision, int32_t scale, bool strict, __int128& out);

/// Fixed-point, exponent form, Infinity, inf and NaN in any case. False when a finite text is out of the range of a
/// double (to infinity, or from non-zero to zero), and, when strict, for more than 17 significant digits.
bool parse_double(std::string_view text, char point, bool strict, double& out);

/// true and false in any case; with `lenient` also t f yes no y n 1 0.
bool parse_boolean(std::string_view text, bool lenient, bool& out);

/// yyyy-mm-dd of the proleptic Gregorian calendar, years 0001 to 9999, as days since 1970-01-01.
bool parse_date(std::string_view text, int32_t& days);

/// yyyy-mm-dd, T or blank, hh:mm[:ss[.fraction]], then maybe a zone: Z, UTC, +hh, +hhmm or +hh:mm. Microseconds since
/// 1970-01-01, in UTC when there is a zone. Fraction digits beyond the sixth must be zeros.
bool parse_timestamp(std::string_view text, int64_t& micros, bool& has_zone);

/// hh:mm[:ss[.fraction]] as microseconds since midnight.
bool parse_time(std::string_view text, int64_t& micros);

/// What a date or time pattern (strptime style) yields.
struct PatternValue {
  int64_t micros = 0;  // since 1970-01-01; in UTC when there is a zone
  bool has_zone = false;
};
/// Pattern of %Y %m %d %b %e %H %I %p %M %S %f %z %% and literal characters; all of `text` must match.
bool parse_by_pattern(std::string_view text, std::string_view pattern, PatternValue& out);
/// Empty when the pattern can be used; else what is wrong with it.
std::string check_pattern(std::string_view pattern);
/// Whether the pattern has a time of day, and whether it has a zone.
bool pattern_has_time(std::string_view pattern);
bool pattern_has_zone(std::string_view pattern);

/// The spelling of a number, for inference.
struct NumberShape {
  uint32_t integer_digits = 0;  // without leading zero of 0.5
  uint32_t fraction_digits = 0;
  uint32_t significant_digits = 0;  // without leading zeros
  bool point = false;
  bool exponent = false;
  bool word = false;  // Infinity or NaN
  bool negative_zero = false;  // -0, -0.00
};
/// True when `text` is a number in strict spelling.
bool scan_number(std::string_view text, char point, NumberShape& shape);

/// Days since 1970-01-01 of a valid date, and back.
int32_t days_from_civil(int32_t year, uint32_t month, uint32_t day);
std::string date_text(int32_t days);
/// Unscaled value with `scale` as plain text.
std::string decimal_text(__int128 unscaled, int32_t scale);

}  // namespace rapidbyte::source_file
