#include "src/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

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
  // Eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  *before_christ = year <= 0;
  out = put_padded(out, year <= 0 ? 1 - year : year, 4);
  *out++ = '-';
  out = put_padded(out, month, 2);
  *out++ = '-';
  return put_padded(out, day, 2);
}

template <typename T>
char* put_number(char* out, T value) {
  if (std::isnan(value)) return put_text(out, "NaN");
  if (std::isinf(value)) return put_text(out, value < 0 ? "-Infinity" : "Infinity");
  return std::to_chars(out, out + kMaxValueText, value).ptr;
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
  const bool negative = (words[count - 1] >> 63) != 0;
  uint32_t limbs[8];
  uint64_t carry = 1;
  for (size_t i = 0; i < count; ++i) {
    uint64_t word = words[i];
    if (negative) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
    limbs[2 * i] = static_cast<uint32_t>(word);
    limbs[2 * i + 1] = static_cast<uint32_t>(word >> 32);
  }
  char digits[kMaxValueText];  // the last one first
  size_t made = 0;
  size_t used = 2 * count;
  while (used > 0 && limbs[used - 1] == 0) --used;
  const bool is_zero = used == 0;
  if (scale < 0 && !is_zero) {
    for (; made < static_cast<size_t>(-scale); ++made) digits[made] = '0';
  }
  while (used > 0) {
    uint64_t remainder = 0;
    for (size_t i = used; i-- > 0;) {
      const uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / 1'000'000'000);
      remainder = value % 1'000'000'000;
    }
    while (used > 0 && limbs[used - 1] == 0) --used;
    for (int i = 0; i < 9 && (used > 0 || remainder != 0); ++i, remainder /= 10) {
      digits[made++] = static_cast<char>('0' + remainder % 10);
    }
  }
  const auto places = static_cast<size_t>(scale > 0 ? scale : 0);
  while (made <= places) digits[made++] = '0';
  if (negative) *out++ = '-';
  for (size_t i = made; i-- > 0;) {
    *out++ = digits[i];
    if (i == places && places != 0) *out++ = '.';
  }
  return out;
}

char* write_float(char* out, float value) { return put_number(out, value); }
char* write_double(char* out, double value) { return put_number(out, value); }

}  // namespace rapidbyte::dest_postgres
