#include "rapidbyte/text/time_text.h"

#include <charconv>

#include "rapidbyte/text/calendar.h"
#include "two_digits.h"

namespace rapidbyte::text {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Two digits at p, or a value above 99.
uint32_t two_digits(const char* p) {
  const auto a = static_cast<unsigned char>(p[0] - '0');
  const auto b = static_cast<unsigned char>(p[1] - '0');
  return a > 9 || b > 9 ? 1000U : a * 10U + b;
}

char* write_six(char* out, uint32_t value) {
  out = write_two(out, value / 10000);
  out = write_two(out, value / 100 % 100);
  return write_two(out, value % 100);
}

char* write_int(char* out, int64_t value) { return std::to_chars(out, out + 24, value).ptr; }

// The fraction of a second after the point: at least six digits.
char* write_fraction(char* out, int64_t fraction, int64_t units_per_second) {
  *out++ = '.';
  if (units_per_second > 1'000'000) return write_padded(out, static_cast<uint64_t>(fraction), 9);
  return write_six(out, static_cast<uint32_t>(fraction * (1'000'000 / units_per_second)));
}

/// hh:mm[:ss[.fraction]] from p.
bool take_clock(const char*& p, const char* end, int64_t& micros) {
  if (end - p < 5 || p[2] != ':') return false;
  const uint32_t hour = two_digits(p);
  const uint32_t minute = two_digits(p + 3);
  if (hour > 23 || minute > 59) return false;
  p += 5;
  uint32_t second = 0;
  int64_t fraction = 0;
  if (p != end && *p == ':') {
    if (end - p < 3) return false;
    second = two_digits(p + 1);
    if (second > 59) return false;
    p += 3;
    if (p != end && *p == '.') {
      ++p;
      if (!take_fraction(p, end, fraction)) return false;
    }
  }
  micros = (int64_t{hour} * 3600 + int64_t{minute} * 60 + second) * kMicrosPerSecond + fraction;
  return true;
}

}  // namespace

char* write_year_month_day(char* out, uint64_t year, uint32_t month, uint32_t day) {
  if (year <= 9999) {
    out = write_two(out, static_cast<uint32_t>(year / 100));
    out = write_two(out, static_cast<uint32_t>(year % 100));
  } else {
    out = write_int(out, static_cast<int64_t>(year));
  }
  *out++ = '-';
  out = write_two(out, month);
  *out++ = '-';
  return write_two(out, day);
}

char* write_date(char* out, int64_t days) {
  const CivilDate date = civil_from_days(days);
  if (date.year < 0 || date.year > 9999) *out++ = date.year < 0 ? '-' : '+';
  return write_year_month_day(out, static_cast<uint64_t>(date.year < 0 ? -date.year : date.year), date.month, date.day);
}

std::string date_text(int64_t days) {
  char text[32];
  return {text, write_date(text, days)};
}

char* write_clock(char* out, uint32_t seconds) {
  out = write_two(out, seconds / 3600);
  *out++ = ':';
  out = write_two(out, seconds / 60 % 60);
  *out++ = ':';
  return write_two(out, seconds % 60);
}

char* write_time(char* out, int64_t value, int64_t units_per_second) {
  out = write_clock(out, static_cast<uint32_t>(value / units_per_second));
  return write_fraction(out, value % units_per_second, units_per_second);
}

char* TimestampWriter::write(char* out, int64_t value) {
  const int64_t seconds = floor_divide(value, units_per_second_);
  // Not by multiplying: for the earliest value the product does not fit.
  const int64_t remainder = value % units_per_second_;
  const int64_t fraction = remainder < 0 ? remainder + units_per_second_ : remainder;
  const int64_t day = floor_divide(seconds, 86400);
  if (day != day_) {
    date_length_ = static_cast<int>(write_date(date_, day) - date_);
    day_ = day;
  }
  std::memcpy(out, date_, sizeof(date_));  // A fixed size is two moves; what follows the date is overwritten.
  out += date_length_;
  *out++ = 'T';
  out = write_clock(out, static_cast<uint32_t>(seconds - day * 86400));
  out = write_fraction(out, fraction, units_per_second_);
  if (utc_mark_) *out++ = 'Z';
  return out;
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

bool take_fraction(const char*& p, const char* end, int64_t& micros) {
  micros = 0;
  int count = 0;
  for (; p != end && is_digit(*p); ++p, ++count) {
    if (count >= 9) return false;
    if (count < 6) {
      micros = micros * 10 + (*p - '0');
    } else if (*p != '0') {
      return false;
    }
  }
  if (count == 0) return false;
  for (; count < 6; ++count) micros *= 10;
  return true;
}

bool parse_zone(std::string_view text, int64_t& offset_micros) {
  const char* p = text.data();
  offset_micros = 0;
  const auto length = text.size();
  if (length == 1 && (*p == 'Z' || *p == 'z')) return true;
  if (length == 3 && (text == "UTC" || text == "GMT")) return true;
  if (length < 3 || (*p != '+' && *p != '-')) return false;
  const uint32_t hours = two_digits(p + 1);
  uint32_t minutes = 0;
  if (length == 5) {
    minutes = two_digits(p + 3);
  } else if (length == 6 && p[3] == ':') {
    minutes = two_digits(p + 4);
  } else if (length != 3) {
    return false;
  }
  if (hours > 23 || minutes > 59) return false;
  offset_micros = (int64_t{hours} * 3600 + int64_t{minutes} * 60) * kMicrosPerSecond;
  if (*p == '-') offset_micros = -offset_micros;
  return true;
}

bool parse_date(std::string_view text, int32_t& days) {
  if (text.size() != 10) return false;
  const char* p = text.data();
  if (p[4] != '-' || p[7] != '-') return false;
  const uint32_t century = two_digits(p);
  const uint32_t in_century = two_digits(p + 2);
  const uint32_t month = two_digits(p + 5);
  const uint32_t day = two_digits(p + 8);
  if ((century | in_century) >= 1000) return false;
  const auto year = static_cast<int32_t>(century * 100 + in_century);
  if (year == 0 || !is_valid_date(year, month, day)) return false;
  days = days_from_civil(year, month, day);
  return true;
}

bool parse_timestamp(std::string_view text, int64_t& micros, bool& has_zone) {
  if (text.size() < 16) return false;
  int32_t days = 0;
  if (!parse_date(text.substr(0, 10), days)) return false;
  const char* p = text.data() + 10;
  const char* end = text.data() + text.size();
  if (*p != 'T' && *p != ' ' && *p != 't') return false;
  ++p;
  int64_t clock = 0;
  if (!take_clock(p, end, clock)) return false;
  micros = days * kMicrosPerDay + clock;
  has_zone = p != end;
  if (!has_zone) return true;
  if (*p == ' ') ++p;
  int64_t offset = 0;
  if (!parse_zone({p, static_cast<size_t>(end - p)}, offset)) return false;
  micros -= offset;
  return true;
}

bool parse_time(std::string_view text, int64_t& micros) {
  const char* p = text.data();
  const char* end = p + text.size();
  return take_clock(p, end, micros) && p == end;
}

}  // namespace rapidbyte::text
