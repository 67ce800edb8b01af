#include "rapidbyte/text/calendar.h"
#include "rapidbyte/text/time_text.h"
#include "value_parse.h"

namespace rapidbyte::source_file {

namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

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
      case 'f': ok = text::take_fraction(p, end, fraction); break;
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
        ok = text::parse_zone({p, static_cast<size_t>(zone_end - p)}, offset);
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
  if (hour > 23 || minute > 59 || second > 59 || year == 0 || !text::is_valid_date(year, month, day)) return false;
  out.micros = text::days_from_civil(static_cast<int32_t>(year), month, day) * kMicrosPerDay +
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
