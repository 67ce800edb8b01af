#pragma once
// Dates, times, timestamps and durations to ISO 8601 text and back. Exact or not at all: a parser returns false instead
// of rounding, truncating or wrapping. Writers write at `out`, which must have kMaxValueText bytes, and return the end
// of what they wrote. No locale, no allocation.

#include <cstdint>
#include <string>
#include <string_view>

namespace rapidbyte::text {

/// The longest text of any writer of this library, with room to spare: a decimal of 78 digits and 76 zeros, one of 39
/// digits and a scale of up to 127, or a timestamp in the year 292 billion.
inline constexpr int kMaxValueText = 192;

/// `value`, padded with zeros to `width` digits; higher digits are cut off.
inline char* write_padded(char* out, uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

/// "2024-02-29": at least four digits of the year, which must not be negative.
char* write_year_month_day(char* out, uint64_t year, uint32_t month, uint32_t day);

/// "2024-02-29". Years outside of 0000..9999 get a sign and as many digits as they need.
char* write_date(char* out, int64_t days_since_1970);
std::string date_text(int64_t days_since_1970);

/// "13:05:09"; `seconds` of a day, below 360,000.
char* write_clock(char* out, uint32_t seconds);

/// "13:05:09.000250": `value` counts units since midnight, with `units_per_second` of them in a second (a power of ten
/// up to 10^9). Six digits after the point, nine when units are nanoseconds. `value` must be within a day.
char* write_time(char* out, int64_t value, int64_t units_per_second);

/// Formats the timestamps of one column; keeps the date of the previous one, since neighbours often share it.
class TimestampWriter {
 public:
  TimestampWriter(int64_t units_per_second, bool utc_mark) : units_per_second_(units_per_second), utc_mark_(utc_mark) {}
  /// "2024-02-29T13:05:09.000250", followed by "Z" if `utc_mark`.
  char* write(char* out, int64_t value);

 private:
  int64_t units_per_second_;
  bool utc_mark_;
  int64_t day_ = INT64_MIN;
  int date_length_ = 0;
  char date_[32] = {};
};

/// Duration of calendar months, days and nanoseconds: "P14M3DT-0.000001000S"; "PT0S" when all are 0.
char* write_interval(char* out, int32_t months, int32_t days, int64_t nanoseconds);

/// yyyy-mm-dd, years 0001 to 9999, as days since 1970-01-01.
bool parse_date(std::string_view text, int32_t& days);

/// hh:mm[:ss[.fraction]] as microseconds since midnight. At most nine fraction digits; those after the sixth must be
/// zeros.
bool parse_time(std::string_view text, int64_t& micros);

/// yyyy-mm-dd, T or a space, time as above, then optionally a zone: Z, UTC, GMT, +hh, +hhmm or +hh:mm, with or without
/// a space before it. Microseconds since 1970-01-01, in UTC when there is a zone.
bool parse_timestamp(std::string_view text, int64_t& micros, bool& has_zone);

/// Z, UTC, GMT, +hh, +hhmm or +hh:mm as microseconds east of Greenwich.
bool parse_zone(std::string_view text, int64_t& offset_micros);

/// Fraction digits at `p` as microseconds; moves `p` past them. One to nine digits; those after the sixth must be
/// zeros.
bool take_fraction(const char*& p, const char* end, int64_t& micros);

}  // namespace rapidbyte::text
