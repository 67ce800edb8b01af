#include "rapidbyte/pipeline/scalar_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "rapidbyte/base/checked_math.h"
#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

std::string_view strip_digits(std::string_view text) {
  while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  return text;
}

template <typename T>
std::optional<T> whole(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<nlohmann::json> as_integer(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0o")) {
    const std::string_view digits = text.substr(2);
    if (digits.empty() || digits.front() == '-') return std::nullopt;
    if (auto value = whole<uint64_t>(digits, text[1] == 'x' ? 16 : 8)) return *value;
    return std::nullopt;
  }
  const bool negative = text.starts_with('-');
  const std::string_view digits = negative || text.starts_with('+') ? text.substr(1) : text;
  if (!all_digits(digits)) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  if (negative) {
    if (auto value = whole<int64_t>(text)) return *value;
    return std::nullopt;
  }
  if (auto value = whole<int64_t>(digits)) return *value;
  if (auto value = whole<uint64_t>(digits)) return *value;
  return std::nullopt;
}

std::optional<nlohmann::json> as_float(std::string_view text) {
  // [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
  std::string_view rest = text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
  const std::string_view number = rest;
  rest = strip_digits(rest);
  const size_t before_point = number.size() - rest.size();
  // 007 and 007.5 are texts: numbers have no leading zeros.
  if (before_point > 1 && number.front() == '0') return std::nullopt;
  bool decimal = false;
  if (rest.starts_with('.')) {
    decimal = true;
    const std::string_view after = strip_digits(rest.substr(1));
    if (before_point == 0 && after.size() == rest.size() - 1) return std::nullopt;
    rest = after;
  } else if (before_point == 0) {
    return std::nullopt;
  }
  bool exponent = false;
  if (rest.starts_with('e') || rest.starts_with('E')) {
    exponent = true;
    rest.remove_prefix(1);
    if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
    if (!all_digits(rest)) return std::nullopt;
    rest = {};
  }
  if (!rest.empty() || (!decimal && !exponent)) return std::nullopt;
  const std::string_view unsigned_plus = text.starts_with('+') ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(unsigned_plus.data(), unsigned_plus.data() + unsigned_plus.size(), value);
  if (error != std::errc() || end != unsigned_plus.data() + unsigned_plus.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

bool is_null_text(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

nlohmann::json plain_scalar_to_json(std::string_view text) {
  if (is_null_text(text)) return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (auto integer = as_integer(text)) return *integer;
  if (auto number = as_float(text)) return *number;
  return std::string(text);
}

NumberOrMistake parse_size(std::string_view text) {
  constexpr std::string_view kHow = "; write whole bytes or a whole number with kb, mb or gb, for example 64mb";
  const std::string shown = "'" + printable(text) + "'";
  if (text.starts_with('-')) return shown + " is negative" + std::string(kHow);
  const std::string_view tail = strip_digits(text);
  const std::string_view digits = text.substr(0, text.size() - tail.size());
  if (digits.empty()) return shown + " is not a size" + std::string(kHow);
  if (tail.starts_with('.') || tail.starts_with(',')) return shown + " is a fraction" + std::string(kHow);
  std::string unit = lowered(tail);
  unit.erase(0, std::min(unit.find_first_not_of(' '), unit.size()));
  uint64_t factor = 1;
  if (unit == "kb") {
    factor = uint64_t{1} << 10U;
  } else if (unit == "mb") {
    factor = uint64_t{1} << 20U;
  } else if (unit == "gb") {
    factor = uint64_t{1} << 30U;
  } else if (!unit.empty() || !tail.empty()) {
    return shown + " has the unknown unit '" + printable(unit) + "'" + std::string(kHow);
  }
  const auto number = whole<uint64_t>(digits);
  const auto bytes = number ? checked_mul(*number, factor) : std::nullopt;
  if (!bytes) return shown + " is larger than any size can be" + std::string(kHow);
  return *bytes;
}

NumberOrMistake parse_count(std::string_view text) {
  const std::string shown = "'" + printable(text) + "'";
  if (all_digits(text)) {
    if (auto value = whole<uint64_t>(text)) return *value;
    return shown + " is too large";
  }
  if (text.starts_with('-') && all_digits(text.substr(1))) return shown + " is negative; write 0 or more";
  return shown + " is not a whole number";
}

}  // namespace rapidbyte::pipeline
