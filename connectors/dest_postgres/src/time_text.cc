#include "src/time_text.h"

#include "rapidbyte/text/time_text.h"

namespace rapidbyte::dest_postgres {
namespace {

// Exactly `count` digits from the front of `text`.
std::optional<int64_t> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int64_t value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int64_t> take_date(std::string_view& text) {
  constexpr size_t kLength = 10;
  int32_t days = 0;
  if (!text::parse_date(text.substr(0, kLength), days)) return std::nullopt;
  text.remove_prefix(kLength);
  return days;
}

std::optional<int64_t> take_time(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  int64_t micros = ((*hour * 60 + *minute) * 60 + *second) * 1'000'000;
  if (!take(text, '.')) return micros;
  int64_t unit = 100'000;
  size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits, unit /= 10) {
    if (digits == 6) return std::nullopt;
    micros += (text.front() - '0') * unit;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return micros;
}

// Seconds east of Greenwich.
std::optional<int64_t> take_zone(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  const bool west = text.starts_with('-');
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 15) return std::nullopt;
  int64_t minutes = 0;
  if (take(text, ':')) {
    const auto taken = take_digits(text, 2);
    if (!taken || *taken > 59) return std::nullopt;
    minutes = *taken;
  }
  const int64_t seconds = (*hours * 60 + minutes) * 60;
  return west ? -seconds : seconds;
}

}  // namespace

std::optional<int64_t> parse_date(std::string_view text) {
  const auto days = take_date(text);
  return text.empty() ? days : std::nullopt;
}

std::optional<int64_t> parse_time(std::string_view text) {
  const auto micros = take_time(text);
  return text.empty() ? micros : std::nullopt;
}

std::optional<int64_t> parse_timestamp(std::string_view text, bool with_zone) {
  const auto days = take_date(text);
  if (!days || (!take(text, ' ') && !take(text, 'T'))) return std::nullopt;
  const auto micros = take_time(text);
  if (!micros) return std::nullopt;
  int64_t shift = 0;
  if (with_zone) {
    const auto zone = take_zone(text);
    if (!zone) return std::nullopt;
    shift = *zone;
  }
  if (!text.empty()) return std::nullopt;
  return *days * 86'400'000'000 + *micros - shift * 1'000'000;
}

}  // namespace rapidbyte::dest_postgres
