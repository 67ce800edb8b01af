#include "src/value_text.h"

#include <array>
#include <charconv>
#include <cstring>

namespace rapidbyte::dest_sqlite {
namespace {

using Uint128 = unsigned __int128;

constexpr std::array<char, 200> kTwoDigits = [] {
  std::array<char, 200> table{};
  for (size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}();

char* write_two(char* out, uint32_t value) {
  std::memcpy(out, &kTwoDigits[size_t{2} * value], 2);
  return out + 2;
}

char* write_six(char* out, uint32_t value) {
  out = write_two(out, value / 10000);
  out = write_two(out, value / 100 % 100);
  return write_two(out, value % 100);
}

int64_t floor_divide(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

char* write_int(char* out, int64_t value) { return std::to_chars(out, out + 24, value).ptr; }

// `value`, padded with zeros to `width` digits.
char* write_padded(char* out, uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

// Time of a day from seconds and the part of a second.
char* write_clock(char* out, uint32_t seconds, int64_t fraction, int64_t units_per_second) {
  out = write_two(out, seconds / 3600);
  *out++ = ':';
  out = write_two(out, seconds / 60 % 60);
  *out++ = ':';
  out = write_two(out, seconds % 60);
  *out++ = '.';
  if (units_per_second > 1'000'000) return write_padded(out, static_cast<uint64_t>(fraction), 9);
  return write_six(out, static_cast<uint32_t>(fraction * (1'000'000 / units_per_second)));
}

}  // namespace

char* write_date(char* out, int64_t days) {
  // Days are counted from 1 March of year 0, so that the leap day is the last of its year; 400 years have 146097 days.
  const int64_t shifted = days + 719468;
  const int64_t cycle = floor_divide(shifted, 146097);
  const auto day_of_cycle = static_cast<uint32_t>(shifted - cycle * 146097);
  const uint32_t year_of_cycle =
      (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
  const uint32_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  const uint32_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = cycle * 400 + year_of_cycle + (month <= 2 ? 1 : 0);
  if (year >= 0 && year <= 9999) {
    out = write_two(out, static_cast<uint32_t>(year / 100));
    out = write_two(out, static_cast<uint32_t>(year % 100));
  } else {
    *out++ = year < 0 ? '-' : '+';
    const auto magnitude = static_cast<uint64_t>(year < 0 ? -year : year);
    out = magnitude < 10000 ? write_padded(out, magnitude, 4) : write_int(out, static_cast<int64_t>(magnitude));
  }
  *out++ = '-';
  out = write_two(out, month);
  *out++ = '-';
  return write_two(out, day);
}

char* write_time(char* out, int64_t value, int64_t units_per_second) {
  return write_clock(out, static_cast<uint32_t>(value / units_per_second), value % units_per_second, units_per_second);
}

char* TimestampWriter::write(char* out, int64_t value) {
  const int64_t seconds = floor_divide(value, units_per_second_);
  // Not by multiplying: of the earliest value the whole seconds lie beyond what fits.
  const int64_t remainder = value % units_per_second_;
  const int64_t fraction = remainder < 0 ? remainder + units_per_second_ : remainder;
  const int64_t day = floor_divide(seconds, 86400);
  if (day != day_) {
    date_length_ = static_cast<int>(write_date(date_, day) - date_);
    day_ = day;
  }
  std::memcpy(out, date_, sizeof(date_));  // A fixed size is two moves; what is beyond the date is overwritten.
  out += date_length_;
  *out++ = 'T';
  out = write_clock(out, static_cast<uint32_t>(seconds - day * 86400), fraction, units_per_second_);
  if (utc_mark_) *out++ = 'Z';
  return out;
}

char* write_decimal128(char* out, uint64_t low, int64_t high, int32_t scale) {
  char digits[40];
  char* end = digits + sizeof(digits);
  char* begin = end;
  const bool negative = high < 0;
  uint64_t rest = 0;
  if (high == (static_cast<int64_t>(low) >> 63)) {
    rest = negative ? 0 - low : low;
  } else {
    Uint128 magnitude = (static_cast<Uint128>(static_cast<uint64_t>(high)) << 64) | low;
    if (negative) magnitude = 0 - magnitude;
    constexpr uint64_t kBillions = 1'000'000'000'000'000'000U;
    while (magnitude >> 63 != 0) {  // Down in steps of 18 digits until 63 bits are left.
      begin -= 18;
      write_padded(begin, static_cast<uint64_t>(magnitude % kBillions), 18);
      magnitude /= kBillions;
    }
    rest = static_cast<uint64_t>(magnitude);
  }
  while (rest >= 100) {
    begin -= 2;
    std::memcpy(begin, &kTwoDigits[size_t{2} * (rest % 100)], 2);
    rest /= 100;
  }
  if (rest >= 10) {
    begin -= 2;
    std::memcpy(begin, &kTwoDigits[size_t{2} * rest], 2);
  } else if (rest != 0 || begin == end) {
    // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound): 39 digits at most, of 40
    *--begin = static_cast<char>('0' + rest);
  }
  if (negative) *out++ = '-';
  const auto count = static_cast<int32_t>(end - begin);
  if (scale <= 0) {
    std::memcpy(out, begin, static_cast<size_t>(count));
    out += count;
    if (count == 1 && *begin == '0') return out;
    std::memset(out, '0', static_cast<size_t>(-scale));
    return out - scale;
  }
  const int32_t whole = count > scale ? count - scale : 0;
  if (whole == 0) {
    *out++ = '0';
  } else {
    std::memcpy(out, begin, static_cast<size_t>(whole));
    out += whole;
  }
  *out++ = '.';
  const int32_t zeros = scale - (count - whole);
  std::memset(out, '0', static_cast<size_t>(zeros));
  out += zeros;
  std::memcpy(out, begin + whole, static_cast<size_t>(count - whole));
  return out + (count - whole);
}

char* write_interval(char* out, int32_t months, int32_t days, int64_t nanoseconds) {
  *out++ = 'P';
  if (months != 0) {
    out = write_int(out, months);
    *out++ = 'M';
  }
  if (days != 0) {
    out = write_int(out, days);
    *out++ = 'D';
  }
  if (nanoseconds == 0 && (months != 0 || days != 0)) return out;
  *out++ = 'T';
  uint64_t magnitude = static_cast<uint64_t>(nanoseconds);
  if (nanoseconds < 0) {
    *out++ = '-';
    magnitude = 0 - magnitude;
  }
  out = write_int(out, static_cast<int64_t>(magnitude / 1'000'000'000));
  if (magnitude % 1'000'000'000 != 0) {
    *out++ = '.';
    out = write_padded(out, magnitude % 1'000'000'000, 9);
  }
  *out++ = 'S';
  return out;
}

}  // namespace rapidbyte::dest_sqlite
