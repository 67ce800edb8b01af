#include "src/coercion.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace rapidbyte::dest_sqlite {
namespace {

using sdk::TypeId;

// Every integer up to this magnitude is exact as a double.
constexpr int64_t kExactDouble = int64_t{1} << 53;
// Decimal texts of up to this many digits come back unchanged from a double.
constexpr int kDoubleDigits = 15;

std::string double_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr};
}

struct NumberText {
  bool negative = false;
  std::string_view whole;     // no sign, no leading zero unless it is the only digit
  std::string_view fraction;  // without the point
};

// Plain decimal notation only: exponents, spaces, plus signs and leading zeros could not be restored.
std::optional<NumberText> parse_number(std::string_view text) {
  NumberText number;
  if (!text.empty() && text.front() == '-') {
    number.negative = true;
    text.remove_prefix(1);
  }
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const size_t point = text.find('.');
  number.whole = text.substr(0, point);
  if (!digits(number.whole) || (number.whole.size() > 1 && number.whole.front() == '0')) return std::nullopt;
  if (point != std::string_view::npos) {
    number.fraction = text.substr(point + 1);
    if (!digits(number.fraction)) return std::nullopt;
  }
  return number;
}

std::optional<int64_t> text_to_integer(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || number->fraction.find_first_not_of('0') != std::string_view::npos) return std::nullopt;
  const std::string digits = (number->negative ? "-" : "") + std::string(number->whole);
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<double> text_to_real(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || number->whole.size() + number->fraction.size() > kDoubleDigits) return std::nullopt;
  return std::strtod(std::string(text).c_str(), nullptr);
}

std::optional<Scalar> coerce_integer(int64_t value, Affinity affinity) {
  switch (affinity) {
    case Affinity::kText: return Scalar(std::to_string(value));
    case Affinity::kReal:
      if (value > kExactDouble || value < -kExactDouble) return std::nullopt;
      return Scalar(static_cast<double>(value));
    default: return Scalar(value);
  }
}

std::optional<Scalar> coerce_real(double value, Affinity affinity) {
  if (affinity == Affinity::kText) return Scalar(double_text(value));
  if (std::isnan(value)) return std::nullopt;  // SQLite would store NULL.
  if (affinity == Affinity::kInteger) {
    // 2^63 itself is a double but not an int64.
    if (value != std::trunc(value) || value < -9223372036854775808.0 || value >= 9223372036854775808.0)
      return std::nullopt;
    return Scalar(static_cast<int64_t>(value));
  }
  return Scalar(value);
}

std::optional<Scalar> coerce_text(std::string_view text, Affinity affinity) {
  if (affinity == Affinity::kText) return Scalar(std::string(text));
  if (affinity != Affinity::kReal) {
    if (const auto value = text_to_integer(text)) return Scalar(*value);
    if (affinity == Affinity::kInteger) return std::nullopt;
  }
  if (const auto value = text_to_real(text)) return Scalar(*value);
  return std::nullopt;
}

}  // namespace

std::optional<Scalar> coerce(const sdk::ColumnView& column, size_t row, std::string_view text, Affinity affinity) {
  switch (kind_of(column.type())) {
    case ValueKind::kInteger:
      if (column.type().id == TypeId::kBoolean) {
        const bool value = column.boolean(row);
        if (affinity == Affinity::kText) return Scalar(std::string(value ? "true" : "false"));
        return coerce_integer(value ? 1 : 0, affinity);
      }
      if (column.type().id == TypeId::kUInt64) {
        const auto value = column.value<uint64_t>(row);
        if (value > static_cast<uint64_t>(INT64_MAX)) {
          if (affinity == Affinity::kText) return Scalar(std::to_string(value));
          return std::nullopt;
        }
      }
      return coerce_integer(column.integer(row), affinity);
    case ValueKind::kReal:
      return coerce_real(column.type().id == TypeId::kFloat32 ? static_cast<double>(column.value<float>(row))
                                                              : column.value<double>(row),
                         affinity);
    case ValueKind::kText: return coerce_text(column.bytes(row), affinity);
    case ValueKind::kDecimal: return coerce_text(text, affinity);
    case ValueKind::kTemporal:
      if (affinity == Affinity::kText || affinity == Affinity::kNumeric) return Scalar(std::string(text));
      return std::nullopt;
    case ValueKind::kBlob: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace rapidbyte::dest_sqlite
