#include "value_text.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "numeric.h"
#include "postgres/message.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/text/calendar.h"
#include "rapidbyte/text/time_text.h"

namespace rapidbyte::source_postgres {

namespace {

using postgres::load_be;

constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;
// A message is read by a person; a record's whole value is in the DLQ.
constexpr size_t kShownBytes = 100;

// PostgreSQL counts from 2000-01-01.
text::CivilDate civil_date(int64_t days) { return text::civil_from_days(days + 10'957); }

std::string day_text(const text::CivilDate& date) {
  char buffer[48];
  // There is no year 0: the year before 1 is 1 BC.
  const int64_t year = date.year > 0 ? date.year : 1 - date.year;
  return {buffer, text::write_year_month_day(buffer, static_cast<uint64_t>(year), date.month, date.day)};
}

std::string hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\\x";
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

template <typename T>
std::string float_text(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char buffer[40];
  // The fewest digits that read back as the same value.
  for (int digits = std::numeric_limits<T>::digits10; digits <= std::numeric_limits<T>::max_digits10; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, static_cast<double>(value));
    if (static_cast<T>(std::strtod(buffer, nullptr)) == value) break;
  }
  return buffer;
}

template <typename To, typename From>
To bits_as(From from) {
  To to;
  static_assert(sizeof to == sizeof from);
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace

std::string date_text(int32_t days) {
  if (days == INT32_MAX) return "infinity";
  if (days == INT32_MIN) return "-infinity";
  const text::CivilDate date = civil_date(days);
  return day_text(date) + (date.year > 0 ? "" : " BC");
}

std::string time_text(int64_t micros) {
  char buffer[64];
  const long long seconds = micros / 1'000'000;
  std::snprintf(buffer, sizeof buffer, "%02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
  std::string out = buffer;
  long long fraction = micros % 1'000'000;
  if (fraction == 0) return out;
  std::snprintf(buffer, sizeof buffer, ".%06lld", fraction);
  out += buffer;
  while (out.back() == '0') out.pop_back();
  return out;
}

std::string timestamp_text(int64_t micros, bool zoned) {
  if (micros == INT64_MAX) return "infinity";
  if (micros == INT64_MIN) return "-infinity";
  int64_t days = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  const text::CivilDate date = civil_date(days);
  return day_text(date) + " " + time_text(rest) + (zoned ? "+00" : "") + (date.year > 0 ? "" : " BC");
}

std::string value_text(const ColumnPlan& column, std::span<const uint8_t> bytes) {
  const auto* const at = bytes.data();
  const size_t size = bytes.size();
  const auto as_text = [&](size_t from) { return std::string(reinterpret_cast<const char*>(at) + from, size - from); };
  switch (column.kind) {
    case WireKind::kBool:
      if (size == 1) return *at != 0 ? "true" : "false";
      break;
    case WireKind::kInt16:
      if (size == 2) return std::to_string(load_be<int16_t>(at));
      break;
    case WireKind::kInt32:
      if (size == 4) return std::to_string(load_be<int32_t>(at));
      break;
    case WireKind::kInt64:
      if (size == 8) return std::to_string(load_be<int64_t>(at));
      break;
    case WireKind::kOid:
      if (size == 4) return std::to_string(load_be<uint32_t>(at));
      break;
    case WireKind::kFloat32:
      if (size == 4) return float_text(bits_as<float>(load_be<uint32_t>(at)));
      break;
    case WireKind::kFloat64:
      if (size == 8) return float_text(bits_as<double>(load_be<uint64_t>(at)));
      break;
    case WireKind::kText:
    case WireKind::kWatched: return as_text(0);
    case WireKind::kJsonb:
      if (size >= 1) return as_text(1);
      break;
    case WireKind::kBytes: break;
    case WireKind::kUuid:
      if (size == 16) {
        std::string out = hex(bytes).substr(2);
        for (const size_t dash : {20, 16, 12, 8}) out.insert(dash, 1, '-');
        return out;
      }
      break;
    case WireKind::kDate:
      if (size == 4) return date_text(load_be<int32_t>(at));
      break;
    case WireKind::kTime:
      if (size == 8) return time_text(load_be<int64_t>(at));
      break;
    case WireKind::kTimestamp:
      if (size == 8) return timestamp_text(load_be<int64_t>(at), column.field.type.timezone.has_value());
      break;
    case WireKind::kNumeric128:
    case WireKind::kNumeric256:
    case WireKind::kNumericText:
      if (const size_t bound = numeric_text_bound(bytes); bound != 0) {
        std::string out(bound, '\0');
        out.resize(numeric_text(bytes, out.data()));
        return out;
      }
      break;
  }
  return hex(bytes);
}

std::string shortened(std::string_view text) {
  std::string out(text.substr(0, kShownBytes));
  // A character that was cut in two is left out.
  while (!out.empty() && out.size() < text.size() && !sdk::is_valid_utf8(out) && kShownBytes - out.size() < 3) {
    out.pop_back();
  }
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out.size() < text.size() ? out + "..." : out;
}

}  // namespace rapidbyte::source_postgres
