#pragma once
// Text to values, exactly or not at all: what files need beyond the SDK's text library, which this header includes.
// Pure functions on one field. Parsing is strict for inferred columns, and not strict for columns whose type the user
// has set.

#include <cstdint>
#include <string>
#include <string_view>

#include "rapidbyte/text/number_text.h"
#include "rapidbyte/text/time_text.h"

namespace rapidbyte::source_file {

using text::date_text;
using text::decimal_text;
using text::parse_boolean;
using text::parse_date;
using text::parse_decimal;
using text::parse_double;
using text::parse_int64;
using text::parse_time;
using text::parse_timestamp;
using text::parse_uint64;

/// What a date or time pattern (strptime style) yields.
struct PatternValue {
  int64_t micros = 0;  // since 1970-01-01; in UTC when there is a zone
  bool has_zone = false;
};
/// Pattern of %Y %m %d %b %e %H %I %p %M %S %f %z %% and literal characters; all of `text` must match.
bool parse_by_pattern(std::string_view text, std::string_view pattern, PatternValue& out);
/// Empty when the pattern can be used; otherwise what is wrong with it.
std::string check_pattern(std::string_view pattern);
/// Whether the pattern has a time of day, and whether it has a zone.
bool pattern_has_time(std::string_view pattern);
bool pattern_has_zone(std::string_view pattern);

/// The spelling of a number, for inference.
struct NumberShape {
  uint32_t integer_digits = 0;  // without leading zero of 0.5
  uint32_t fraction_digits = 0;
  uint32_t significant_digits = 0;  // without leading zeros
  bool point = false;
  bool exponent = false;
  bool word = false;  // Infinity or NaN
  bool negative_zero = false;  // -0, -0.00
};
/// True when `text` is a number in strict spelling.
bool scan_number(std::string_view text, char point, NumberShape& shape);

}  // namespace rapidbyte::source_file
