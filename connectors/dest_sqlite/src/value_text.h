#pragma once
// Exact texts of values that SQLite has no type for: dates, times, timestamps, decimals, intervals. Each function
// writes at `out`, which must have kMaxValueText bytes, and returns the end of what it wrote. No locale, no allocation.

#include <cstdint>

namespace rapidbyte::dest_sqlite {

/// Longest text of the functions below, with room to spare: a decimal of 39 digits and a scale of up to 127, or a
/// timestamp of the year 292 thousand million.
inline constexpr int kMaxValueText = 192;

/// ISO 8601: "2024-02-29". Years outside of 0000..9999 get a sign and as many digits as they need.
char* write_date(char* out, int64_t days_since_1970);

/// "13:05:09.000250": `value` counts units since midnight, `units_per_second` of them in a second (a power of ten up to
/// 10^9). Six digits after the point, nine when units are nanoseconds. `value` must be within a day.
char* write_time(char* out, int64_t value, int64_t units_per_second);

/// Formats timestamps of one column; the date of the previous one is kept, since neighbours often share it.
class TimestampWriter {
 public:
  TimestampWriter(int64_t units_per_second, bool utc_mark) : units_per_second_(units_per_second), utc_mark_(utc_mark) {}
  /// ISO 8601: "2024-02-29T13:05:09.000250", with "Z" behind it if `utc_mark`.
  char* write(char* out, int64_t value);

 private:
  int64_t units_per_second_;
  bool utc_mark_;
  int64_t day_ = INT64_MIN;
  int date_length_ = 0;
  char date_[32] = {};
};

/// "-12.340": exactly `scale` digits after the point; a negative scale appends zeros. Little-endian two's complement.
char* write_decimal128(char* out, uint64_t low, int64_t high, int32_t scale);

/// ISO 8601 duration of calendar months, days and nanoseconds: "P14M3DT-0.000001000S"; "PT0S" when all are 0.
char* write_interval(char* out, int32_t months, int32_t days, int64_t nanoseconds);

}  // namespace rapidbyte::dest_sqlite
