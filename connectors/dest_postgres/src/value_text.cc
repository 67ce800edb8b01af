#include "src/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "rapidbyte/text/calendar.h"
#include "rapidbyte/text/number_text.h"
#include "rapidbyte/text/time_text.h"

namespace rapidbyte::dest_postgres {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;

char* put_padded(char* out, int64_t value, int digits) {
  char text[24];
  const char* end = std::to_chars(text, text + sizeof text, value).ptr;
  for (auto length = end - text; length < digits; ++length) *out++ = '0';
  std::memcpy(out, text, static_cast<size_t>(end - text));
  return out + (end - text);
}

char* put_text(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

// Writes the date without its era; true when it is before the year 1.
char* put_date(char* out, int64_t days, bool* before_christ) {
  const text::CivilDate date = text::civil_from_days(days);
  *before_christ = date.year <= 0;
  const int64_t year = date.year <= 0 ? 1 - date.year : date.year;
  return text::write_year_month_day(out, static_cast<uint64_t>(year), date.month, date.day);
}

}  // namespace

char* write_date(char* out, int64_t days_since_1970) {
  bool before_christ = false;
  out = put_date(out, days_since_1970, &before_christ);
  return before_christ ? put_text(out, " BC") : out;
}

char* write_time(char* out, int64_t microseconds) {
  const int64_t seconds = microseconds / 1'000'000;
  out = put_padded(out, seconds / 3600, 2);
  *out++ = ':';
  out = put_padded(out, seconds / 60 % 60, 2);
  *out++ = ':';
  out = put_padded(out, seconds % 60, 2);
  const int64_t fraction = microseconds % 1'000'000;
  if (fraction == 0) return out;
  *out++ = '.';
  out = put_padded(out, fraction, 6);
  while (out[-1] == '0') --out;
  return out;
}

char* write_timestamp(char* out, int64_t microseconds_since_1970, bool utc) {
  int64_t days = microseconds_since_1970 / kMicrosPerDay;
  int64_t rest = microseconds_since_1970 % kMicrosPerDay;
  if (rest < 0) {
    --days;
    rest += kMicrosPerDay;
  }
  bool before_christ = false;
  out = put_date(out, days, &before_christ);
  *out++ = ' ';
  out = write_time(out, rest);
  if (utc) out = put_text(out, "+00");
  return before_christ ? put_text(out, " BC") : out;
}

char* write_interval(char* out, int32_t months, int32_t days, int64_t microseconds) {
  out = put_text(put_padded(out, months, 1), " mons ");
  out = put_text(put_padded(out, days, 1), " days ");
  return put_text(put_padded(out, microseconds, 1), " us");
}

char* write_decimal(char* out, const uint64_t* words, size_t count, int32_t scale) {
  return text::write_decimal(out, words, count, scale);
}

char* write_float(char* out, float value) { return text::write_float(out, value); }
char* write_double(char* out, double value) { return text::write_double(out, value); }

}  // namespace rapidbyte::dest_postgres
