#include <cstdio>
#include <cstring>

#include "value_parse.h"

namespace rapidbyte::source_file {

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

bool is_leap(int32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

bool valid_date(int32_t year, uint32_t month, uint32_t day) {
  constexpr uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1 || month - 1 > 11 || day == 0) return false;
  return day <= kDays[month - 1] || (month == 2 && day == 29 && is_leap(year));
}

/// Fraction digits as microseconds; digits beyond the sixth must be zeros. At least one and at most nine digits.
bool parse_fraction(const char*& p, const char* end, int64_t& micros) {
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

/// hh:mm[:ss[.fraction]] from p.
bool parse_clock(const char*& p, const char* end, int64_t& micros) {
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
      if (!parse_fraction(p, end, fraction)) return false;
    }
  }
  micros = (int64_t{hour} * 3600 + int64_t{minute} * 60 + second) * kMicrosPerSecond + fraction;
  return true;
}

/// Z, UTC, +hh, +hhmm or +hh:mm, and nothing behind it.
bool parse_zone(const char* p, const char* end, int64_t& offset_micros) {
  offset_micros = 0;
  const auto length = end - p;
  if (length == 1 && (*p == 'Z' || *p == 'z')) return true;
  if (length == 3 && (memcmp(p, "UTC", 3) == 0 || memcmp(p, "GMT", 3) == 0)) return true;
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

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};

/// One to `max_digits` digits, at least `min_digits`.
bool take_number(const char*& p, const char* end, int min_digits, int max_digits, uint32_t& out) {
  out = 0;
  int count = 0;
  for (; p != end && count < max_digits && is_digit(*p); ++p, ++count) out = out * 10 + static_cast<uint32_t>(*p - '0');
  return count >= min_digits;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

int32_t days_from_civil(int32_t year, uint32_t month, uint32_t day) {
  // Years that begin in March put the leap day last; 719468 days lie between 0000-03-01 and 1970-01-01.
  const int32_t y = month <= 2 ? year - 1 : year;
  const auto era = static_cast<uint32_t>(y) / 400;
  const uint32_t year_of_era = static_cast<uint32_t>(y) - era * 400;
  const uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<int32_t>(era * 146097 + day_of_era) - 719468;
}

std::string date_text(int32_t days) {
  const auto z = static_cast<uint32_t>(days + 719468);
  const uint32_t era = z / 146097;
  const uint32_t day_of_era = z - era * 146097;
  const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted = (5 * day_of_year + 2) / 153;
  const uint32_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
  const uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const uint32_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  char text[16];
  const int length = snprintf(text, sizeof(text), "%04u-%02u-%02u", year, month, day);
  return {text, static_cast<size_t>(length)};
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
  if (!valid_date(year, month, day)) return false;
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
  if (!parse_clock(p, end, clock)) return false;
  micros = days * kMicrosPerDay + clock;
  has_zone = p != end;
  if (!has_zone) return true;
  if (*p == ' ') ++p;
  int64_t offset = 0;
  if (!parse_zone(p, end, offset)) return false;
  micros -= offset;
  return true;
}

bool parse_time(std::string_view text, int64_t& micros) {
  const char* p = text.data();
  const char* end = p + text.size();
  return parse_clock(p, end, micros) && p == end;
}

bool parse_by_pattern(std::string_view text, std::string_view pattern, PatternValue& out) {
  const char* p = text.data();
  const char* end = p + text.size();
  uint32_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, half = 2;
  int64_t fraction = 0, offset = 0;
  out = PatternValue{};
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      if (p == end || *p != pattern[i]) return false;
      ++p;
      continue;
    }
    if (++i == pattern.size()) return false;
    bool ok = true;
    switch (pattern[i]) {
      case 'Y': ok = take_number(p, end, 4, 4, year); break;
      case 'm': ok = take_number(p, end, 1, 2, month); break;
      case 'd':
      case 'e': ok = take_number(p, end, 1, 2, day); break;
      case 'H':
      case 'I': ok = take_number(p, end, 1, 2, hour); break;
      case 'M': ok = take_number(p, end, 1, 2, minute); break;
      case 'S': ok = take_number(p, end, 1, 2, second); break;
      case 'f': ok = parse_fraction(p, end, fraction); break;
      case 'b': {
        ok = false;
        if (end - p < 3) break;
        const char name[3] = {lower(p[0]), lower(p[1]), lower(p[2])};
        for (uint32_t m = 0; m < 12; ++m) {
          if (kMonths[m] == std::string_view(name, 3)) {
            month = m + 1;
            ok = true;
          }
        }
        p += 3;
        break;
      }
      case 'p':
        ok = end - p >= 2 && lower(p[1]) == 'm' && (lower(p[0]) == 'a' || lower(p[0]) == 'p');
        if (ok) half = lower(p[0]) == 'p' ? 1 : 0;
        p += ok ? 2 : 0;
        break;
      case 'z': {
        const char* zone_end = p;
        while (zone_end != end && *zone_end != ' ') ++zone_end;
        ok = parse_zone(p, zone_end, offset);
        out.has_zone = true;
        p = zone_end;
        break;
      }
      case '%':
        ok = p != end && *p == '%';
        p += ok ? 1 : 0;
        break;
      default: return false;
    }
    if (!ok) return false;
  }
  if (p != end) return false;
  if (half != 2) {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + half * 12;
  }
  if (hour > 23 || minute > 59 || second > 59 || !valid_date(static_cast<int32_t>(year), month, day)) return false;
  out.micros = days_from_civil(static_cast<int32_t>(year), month, day) * kMicrosPerDay +
               (int64_t{hour} * 3600 + int64_t{minute} * 60 + second) * kMicrosPerSecond + fraction - offset;
  return true;
}

std::string check_pattern(std::string_view pattern) {
  if (pattern.empty()) return "the pattern is empty";
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    if (++i == pattern.size()) return "the pattern ends with a single %";
    if (std::string_view("YmdebHIpMSfz%").find(pattern[i]) == std::string_view::npos) {
      return std::string("%") + pattern[i] + " is not known; use %Y %m %d %e %b %H %I %p %M %S %f %z or %%";
    }
  }
  return {};
}

bool pattern_has_time(std::string_view pattern) {
  return pattern.find("%H") != std::string_view::npos || pattern.find("%I") != std::string_view::npos;
}

bool pattern_has_zone(std::string_view pattern) { return pattern.find("%z") != std::string_view::npos; }

}  // namespace rapidbyte::source_file
