#pragma once
// The proleptic Gregorian calendar: days since 1970-01-01 to year, month and day, and back. Year 0 is the year before
// year 1 (ISO 8601; 1 BC elsewhere). Pure and constexpr; no locale, no time zones, no leap seconds.

#include <cstdint>

namespace rapidbyte::text {

struct CivilDate {
  int64_t year = 1970;
  uint32_t month = 1;  // 1..12
  uint32_t day = 1;    // 1..31
  bool operator==(const CivilDate&) const = default;
};

/// `value / by`, rounded towards minus infinity; `by` is positive.
constexpr int64_t floor_divide(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

constexpr bool is_leap_year(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/// 28 to 31; 0 for an invalid month.
constexpr uint32_t days_in_month(int64_t year, uint32_t month) {
  constexpr uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month - 1 > 11) return 0;
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

constexpr bool is_valid_date(int64_t year, uint32_t month, uint32_t day) {
  return day - 1 < days_in_month(year, month);
}

/// For any number of days whose year fits 64 bits: all counts of seconds, milliseconds, microseconds and nanoseconds.
constexpr CivilDate civil_from_days(int64_t days) {
  // Years that begin on 1 March put the leap day last; 400 of them have 146097 days, and 719468 days lie between
  // 0000-03-01 and 1970-01-01.
  const int64_t shifted = days + 719468;
  const int64_t cycle = floor_divide(shifted, 146097);
  const auto day_of_cycle = static_cast<uint32_t>(shifted - cycle * 146097);
  const uint32_t year_of_cycle =
      (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
  const uint32_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilDate out;
  out.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  out.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  out.year = cycle * 400 + year_of_cycle + (out.month <= 2 ? 1 : 0);
  return out;
}

/// The inverse, for dates whose days fit 32 bits: -5877641-06-23 to 5881580-07-11. The date must be valid.
constexpr int32_t days_from_civil(int32_t year, uint32_t month, uint32_t day) {
  // Shifted by whole cycles until no year is negative, because unsigned division by a constant is cheap; the sum wraps
  // around and comes back.
  constexpr uint32_t kCycles = 14700;
  const auto y = static_cast<uint32_t>(month <= 2 ? year - 1 : year) + kCycles * 400;
  const uint32_t cycle = y / 400;
  const uint32_t year_of_cycle = y - cycle * 400;
  const uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const uint32_t day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
  return static_cast<int32_t>((cycle - kCycles) * 146097 + day_of_cycle - 719468);
}

}  // namespace rapidbyte::text
