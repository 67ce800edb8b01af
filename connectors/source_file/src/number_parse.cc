#include "rapidbyte/text/number_text.h"
#include "value_parse.h"

namespace rapidbyte::source_file {

namespace {

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

}  // namespace

bool scan_number(std::string_view text, char point, NumberShape& shape) {
  shape = NumberShape{};
  const char* p = text.data();
  const char* end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  if (p == end) return false;
  if (!is_digit(*p) && *p != point) {
    double ignored = 0;
    shape.word = text::parse_float_word(text, ignored);
    return shape.word;
  }
  if (*p == '0' && end - p > 1 && is_digit(p[1])) return false;
  for (; p != end; ++p) {
    if (is_digit(*p)) {
      if (shape.significant_digits != 0 || *p != '0') ++shape.significant_digits;
      if (shape.point) {
        ++shape.fraction_digits;
      } else {
        ++shape.integer_digits;
      }
    } else if (*p == point && !shape.point) {
      shape.point = true;
    } else {
      break;
    }
  }
  if (shape.integer_digits + shape.fraction_digits == 0 || (shape.point && shape.fraction_digits == 0)) return false;
  shape.negative_zero = negative && shape.significant_digits == 0;
  if (shape.integer_digits == 1 && text[negative ? 1 : 0] == '0' && shape.point) shape.integer_digits = 0;
  if (p == end) return true;
  if (*p != 'e' && *p != 'E') return false;
  shape.exponent = true;
  ++p;
  if (p != end && (*p == '+' || *p == '-')) ++p;
  if (p == end) return false;
  for (; p != end; ++p) {
    if (!is_digit(*p)) return false;
  }
  return true;
}

}  // namespace rapidbyte::source_file
