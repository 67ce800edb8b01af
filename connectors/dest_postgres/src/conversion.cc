#include "src/conversion.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "src/column_check.h"
#include "src/numeric.h"
#include "src/time_text.h"
#include "src/value_text.h"

namespace rapidbyte::dest_postgres {
namespace {

using sdk::ColumnBuilder;
using sdk::TypeId;

constexpr std::string_view kReason = "its type changed and this value does not convert exactly to the column's type";

// A number without leading zeros, which could not be restored. nullopt for NaN and infinities.
std::optional<NumericText> strict_number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('.') || text.ends_with('.')) return std::nullopt;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.starts_with('.') || (digits.size() > 1 && digits[0] == '0' && digits[1] != '.')) return std::nullopt;
  const auto number = parse_numeric(text);
  if (!number || number->kind != NumericText::Kind::kFinite) return std::nullopt;
  return number;
}

std::optional<int64_t> to_integer(const ColumnSource& source, size_t row) {
  switch (source.type.id) {
    case TypeId::kUInt64: {
      const auto value = source.value<uint64_t>(row);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    case TypeId::kBoolean:
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32: return source.integer(row);
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      const double value = source.type.id == TypeId::kFloat32 ? static_cast<double>(source.value<float>(row))
                                                              : source.value<double>(row);
      // 2^63 itself is a double but not an int64; -0 would lose its sign.
      const bool whole = value == std::trunc(value) && !(value == 0 && std::signbit(value));
      if (!whole || value < -9223372036854775808.0 || value >= 9223372036854775808.0) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: {
      const std::string text = value_text(source, row);
      const auto number = strict_number(text);
      if (!number || number->fraction.find_first_not_of('0') != std::string_view::npos) return std::nullopt;
      int64_t value = 0;
      const std::string digits = (number->negative ? "-0" : "0") + std::string(number->whole);
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (parsed.ec != std::errc() || (value == 0 && number->negative)) return std::nullopt;
      return value;
    }
    default: return std::nullopt;
  }
}

// `exact`: every integer up to it is represented exactly; `digits`: texts of that length come back unchanged.
std::optional<double> to_real(const ColumnSource& source, size_t row, int64_t exact, size_t digits) {
  switch (source.type.id) {
    case TypeId::kFloat32: return static_cast<double>(source.value<float>(row));
    case TypeId::kFloat64: return source.value<double>(row);
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: {
      if (!source.type.is_text() && source.is_decimal_nan(row)) return std::numeric_limits<double>::quiet_NaN();
      const std::string text = value_text(source, row);
      const auto number = strict_number(text);
      if (!number || number->whole.size() + number->fraction.size() > digits) return std::nullopt;
      return std::strtod(text.c_str(), nullptr);
    }
    default: {
      const auto value = to_integer(source, row);
      if (!value || *value > exact || *value < -exact) return std::nullopt;
      return static_cast<double>(*value);
    }
  }
}

template <typename T>
bool append_integer(const ColumnSource& source, size_t row, ColumnBuilder& out) {
  const auto value = to_integer(source, row);
  if (!value || *value < int64_t{std::numeric_limits<T>::min()} || *value > int64_t{std::numeric_limits<T>::max()}) {
    return false;
  }
  out.append(static_cast<T>(*value));
  return true;
}

bool append_boolean(const ColumnSource& source, size_t row, ColumnBuilder& out) {
  std::optional<bool> value;
  if (source.type.is_text()) {
    const std::string_view text = source.bytes(row);
    if (text == "true" || text == "t") value = true;
    if (text == "false" || text == "f") value = false;
  } else if (const auto number = to_integer(source, row); number && (*number == 0 || *number == 1)) {
    value = *number == 1;
  }
  if (value) out.append_bool(*value);
  return value.has_value();
}

// -1, 1: the date's or timestamp's value means -infinity or infinity; 0: it is an ordinary time.
int infinity_of(const ColumnSource& source, size_t row) {
  if (!source.special_values) return 0;
  const int64_t value = source.integer(row);
  const bool is_date = source.type.id == TypeId::kDate32;
  if (value == (is_date ? INT32_MIN : INT64_MIN)) return -1;
  return value == (is_date ? INT32_MAX : INT64_MAX) ? 1 : 0;
}

bool append_date(const ColumnSource& source, size_t row, ColumnBuilder& out) {
  std::optional<int64_t> days;
  if (source.type.is_text()) {
    days = parse_date(source.bytes(row));
  } else if (source.type.id == TypeId::kTimestamp && !source.type.timezone) {
    if (const int infinity = infinity_of(source, row); infinity != 0) {
      out.append(infinity < 0 ? INT32_MIN : INT32_MAX);
      return true;
    }
    const int64_t per_day = 86'400 * units_per_second(source.type.unit);
    const auto value = source.value<int64_t>(row);
    if (value % per_day == 0) days = value / per_day;
  }
  if (!days || *days <= INT32_MIN || *days >= INT32_MAX) return false;
  out.append(static_cast<int32_t>(*days));
  return true;
}

bool append_timestamp(const ColumnSource& source, size_t row, ColumnBuilder& out) {
  const bool with_zone = out.type().timezone.has_value();
  std::optional<int64_t> micros;
  if (source.type.is_text()) {
    micros = parse_timestamp(source.bytes(row), with_zone);
  } else if (source.type.id == TypeId::kDate32 && !with_zone) {
    if (const int infinity = infinity_of(source, row); infinity != 0) {
      out.append(infinity < 0 ? INT64_MIN : INT64_MAX);
      return true;
    }
    const int64_t days = source.value<int32_t>(row);
    // Beyond these days the count of microseconds would overflow.
    if (days > -106'000'000 && days < 106'000'000) micros = days * 86'400'000'000;
  } else if (source.type.id == TypeId::kTimestamp && source.type.timezone.has_value() == with_zone) {
    // Another unit or fewer digits: check_column() checks the remainder.
    const auto value = source.value<int64_t>(row);
    const int64_t per_second = units_per_second(source.type.unit);
    if (infinity_of(source, row) != 0) {
      micros = value;
    } else if (source.type.unit == sdk::TimeUnit::kNanosecond) {
      if (value % 1000 == 0) micros = value / 1000;
    } else if (value == INT64_MIN || value == INT64_MAX) {
      micros = std::nullopt;
    } else if (value <= INT64_MAX / (1'000'000 / per_second) && value >= INT64_MIN / (1'000'000 / per_second)) {
      micros = to_micros(value, source.type.unit);
    }
  }
  if (micros) out.append(*micros);
  return micros.has_value();
}

bool append_time(const ColumnSource& source, size_t row, ColumnBuilder& out) {
  std::optional<int64_t> micros;
  if (source.type.is_text()) {
    micros = parse_time(source.bytes(row));
  } else if (source.type.id == TypeId::kTime32 || source.type.id == TypeId::kTime64) {
    const int64_t value = source.integer(row);
    const bool in_day = value >= 0 && value <= 86'400 * units_per_second(source.type.unit);
    const bool whole = source.type.unit != sdk::TimeUnit::kNanosecond || value % 1000 == 0;
    if (in_day && whole) micros = to_micros(value, source.type.unit);
  }
  if (micros) out.append(*micros);
  return micros.has_value();
}

// Digits after the point in money with lc_monetary C.
constexpr size_t kMoneyDigits = 2;

// Whether a column that silently rounds accepts the value unchanged.
bool is_kept_whole(const PgType& type, const ColumnSource& source, size_t row, std::string_view text) {
  const bool is_interval = type.oid == postgres::kOidInterval;
  if (!is_interval && type.oid != postgres::kOidTimetz) {
    const auto number = type.modifier < 0 ? strict_number(text) : std::nullopt;
    return number && number->fraction.size() <= kMoneyDigits;
  }
  // An interval's modifier has its fields in the upper half ("day to hour" drops the others) and its digits in the
  // lower half (INTERVAL_TYPMOD in the server's utils/timestamp.h).
  constexpr int32_t kAllFields = 0x7fff;
  const int32_t digits = is_interval ? type.modifier & 0xffff : type.modifier;
  if (is_interval && ((type.modifier >> 16) & kAllFields) != kAllFields) return false;
  if (source.type.id == TypeId::kIntervalMonthDayNano) {
    int64_t step = 1000;
    for (int32_t digit = digits; digit < 6; ++digit) step *= 10;
    return source.value<sdk::MonthDayNano>(row).nanoseconds % step == 0;
  }
  // Fractions of longer units have no more digits in seconds than they are written with.
  for (size_t at = 0; at < text.size(); ++at) {
    const bool after_digit = at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9';
    if (after_digit && (text[at] == 'e' || text[at] == 'E')) return false;
    if (text[at] != '.') continue;
    const size_t end = std::min(text.find_first_not_of("0123456789", at + 1), text.size());
    if (end - at - 1 > static_cast<size_t>(digits)) return false;
  }
  return source.type.is_text();
}

bool append_text(const ColumnPlan& plan, const ColumnSource& source, size_t row, ColumnBuilder& out) {
  switch (source.type.id) {
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return false;  // bytes are not text in any one encoding
    default: break;
  }
  const bool is_interval = source.type.id == TypeId::kIntervalMonthDayNano;
  if (is_interval && source.value<sdk::MonthDayNano>(row).nanoseconds % 1000 != 0) return false;
  const std::string text = value_text(source, row);
  if (cuts_silently(plan.type) && !is_kept_whole(plan.type, source, row, text)) return false;
  if (wire_type(plan.type) == WireType::kNumeric) {
    const bool is_time = source.type.id == TypeId::kDate32 || source.type.id == TypeId::kTime32 ||
                         source.type.id == TypeId::kTime64 || source.type.id == TypeId::kTimestamp;
    if (is_time || source.type.id == TypeId::kBoolean) return false;
    if (text != "NaN" && !strict_number(text)) return false;
  }
  out.append_bytes(text);
  return true;
}

bool append_converted(const ColumnPlan& plan, const ColumnSource& source, size_t row, ColumnBuilder& out) {
  switch (out.type().id) {
    case TypeId::kBoolean: return append_boolean(source, row, out);
    case TypeId::kInt16: return append_integer<int16_t>(source, row, out);
    case TypeId::kInt32: return append_integer<int32_t>(source, row, out);
    case TypeId::kInt64: return append_integer<int64_t>(source, row, out);
    case TypeId::kUInt32: return append_integer<uint32_t>(source, row, out);
    case TypeId::kFloat32: {
      const auto value = to_real(source, row, int64_t{1} << 24, 6);
      if (!value) return false;
      const auto narrow = static_cast<float>(*value);
      const bool from_text = source.type.id != TypeId::kFloat64;
      if (!from_text && !std::isnan(*value) && static_cast<double>(narrow) != *value) return false;
      out.append(narrow);
      return true;
    }
    case TypeId::kFloat64: {
      const auto value = to_real(source, row, int64_t{1} << 53, 15);
      if (value) out.append(*value);
      return value.has_value();
    }
    case TypeId::kDate32: return append_date(source, row, out);
    case TypeId::kTimestamp: return append_timestamp(source, row, out);
    case TypeId::kTime64: return append_time(source, row, out);
    case TypeId::kUtf8: return append_text(plan, source, row, out);
    default: return false;
  }
}

// Without an exponent. A float as its own shortest text: 0.1f is 0.1, not 0.10000000149011612.
template <typename T>
std::string plain_real(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char text[400];  // 1.8e308 has 309 digits
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr};
}

template <size_t kWords>
char* decimal(const ColumnSource& source, size_t row, char* out) {
  uint64_t words[kWords];
  std::memcpy(words, source.values + row * sizeof words, sizeof words);
  return write_decimal(out, words, kWords, source.type.scale);
}

}  // namespace

bool is_special(const ColumnSource& source, size_t row) {
  switch (source.type.id) {
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return source.is_decimal_nan(row);
    case TypeId::kDate32:
    case TypeId::kTimestamp: return infinity_of(source, row) != 0;
    default: return false;
  }
}

std::string value_text(const ColumnSource& source, size_t row) {
  char text[kMaxValueText];
  const char* end = nullptr;
  if (is_special(source, row)) {
    if (source.type.id == TypeId::kDecimal128 || source.type.id == TypeId::kDecimal256) return "NaN";
    return infinity_of(source, row) < 0 ? "-infinity" : "infinity";
  }
  switch (source.type.id) {
    case TypeId::kBoolean: return source.boolean(row) ? "true" : "false";
    case TypeId::kUInt64: return std::to_string(source.value<uint64_t>(row));
    case TypeId::kFloat32: return plain_real(source.value<float>(row));
    case TypeId::kFloat64: return plain_real(source.value<double>(row));
    case TypeId::kDecimal128: end = decimal<2>(source, row, text); break;
    case TypeId::kDecimal256: end = decimal<4>(source, row, text); break;
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return std::string(source.bytes(row));
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: {
      constexpr char kDigits[] = "0123456789abcdef";
      std::string out = "\\x";
      for (const char c : source.bytes(row)) {
        out += kDigits[static_cast<uint8_t>(c) >> 4];
        out += kDigits[static_cast<uint8_t>(c) & 15];
      }
      return out;
    }
    case TypeId::kDate32: {
      end = write_date(text, source.value<int32_t>(row));
      break;
    }
    case TypeId::kTime32:
    case TypeId::kTime64: {
      const int64_t value = source.integer(row);
      const bool in_day = value >= 0 && value <= 86'400 * units_per_second(source.type.unit);
      if (!in_day) return std::to_string(value);
      end = write_time(text, to_micros(value, source.type.unit));
      break;
    }
    case TypeId::kTimestamp: {
      const auto value = source.value<int64_t>(row);
      const int64_t scale =
          source.type.unit == sdk::TimeUnit::kNanosecond ? 1 : 1'000'000 / units_per_second(source.type.unit);
      if (value > INT64_MAX / scale || value < INT64_MIN / scale) return std::to_string(value);
      end = write_timestamp(text, to_micros(value, source.type.unit), source.type.timezone.has_value());
      break;
    }
    case TypeId::kIntervalMonthDayNano: {
      const auto interval = source.value<sdk::MonthDayNano>(row);
      end = write_interval(text, interval.months, interval.days, interval.nanoseconds / 1000);
      break;
    }
    default: return std::to_string(source.integer(row));
  }
  return {text, static_cast<size_t>(end - text)};
}

void convert_column(const ColumnPlan& plan, const ColumnSource& source, size_t rows,
                    const std::vector<RefusedRow>& as_null, sdk::ColumnBuilder& out, std::vector<RefusedRow>& refused) {
  size_t next_null = 0;
  for (size_t row = 0; row < rows; ++row) {
    while (next_null < as_null.size() && as_null[next_null].row < row) ++next_null;
    if (next_null < as_null.size() && as_null[next_null].row == row) {
      out.append_null();
      continue;
    }
    if (!source.is_null(row) && append_converted(plan, source, row, out)) continue;
    out.append_null();
    if (source.is_null(row) || plan.null_if_changed) continue;
    refused.push_back(
        {.row = row, .column = plan.name, .value = readable_value(source, row), .reason = std::string(kReason)});
  }
}

}  // namespace rapidbyte::dest_postgres
