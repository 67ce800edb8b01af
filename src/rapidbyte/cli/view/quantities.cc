#include "rapidbyte/cli/view/quantities.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace rapidbyte::cli {

std::string format_count(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string format_rows(uint64_t count) { return format_count(count) + (count == 1 ? " row" : " rows"); }

std::string format_bytes(uint64_t bytes) {
  constexpr std::array kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  // 999.95 and more would be shown as 1000.0.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_duration(double seconds) {
  if (!(seconds > 0)) return "0 s";
  if (seconds < 0.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_clock(double seconds) {
  const uint64_t whole = seconds > 0 ? static_cast<uint64_t>(seconds) : 0;
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
}

uint64_t per_second(uint64_t amount, double seconds) {
  if (!(seconds > 0)) return 0;
  const double rate = static_cast<double>(amount) / seconds;
  // Far beyond what a machine moves; keeps the conversion defined.
  constexpr double kMost = 1e18;
  return rate < kMost ? static_cast<uint64_t>(std::llround(rate)) : static_cast<uint64_t>(kMost);
}

}  // namespace rapidbyte::cli
