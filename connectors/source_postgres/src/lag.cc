#include "lag.h"

#include <charconv>

namespace rapidbyte::source_postgres {

namespace {

// A century in seconds: more is a mistake, and less keeps the arithmetic with timestamps far from their limits.
constexpr uint64_t kMaxSeconds = uint64_t{100} * 366 * 86'400;
constexpr size_t kMaxAmountDigits = 30;

uint64_t seconds_of_unit(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86'400;
    default: return 0;
  }
}

}  // namespace

std::optional<Lag> parse_lag(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (const uint64_t unit = seconds_of_unit(text.back()); unit != 0) {
    const std::string_view digits = text.substr(0, text.size() - 1);
    uint64_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc() || end != digits.data() + digits.size() || count > kMaxSeconds / unit) return std::nullopt;
    if (count == 0) return std::nullopt;
    Lag lag;
    lag.seconds = count * unit;
    return lag;
  }
  if (text.size() > kMaxAmountDigits) return std::nullopt;
  size_t points = 0;
  bool is_zero = true;
  for (const char c : text) {
    if (c == '.') {
      ++points;
    } else if (c < '0' || c > '9') {
      return std::nullopt;
    } else if (c != '0') {
      is_zero = false;
    }
  }
  if (points > 1 || text.front() == '.' || text.back() == '.' || is_zero) return std::nullopt;
  Lag lag;
  lag.amount = text;
  return lag;
}

}  // namespace rapidbyte::source_postgres
