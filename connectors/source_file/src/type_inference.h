#pragma once
// TypeInference: the type of one column, from the values of a sample. It picks the narrowest type that holds every
// sampled value exactly, and text when there is none; docs/connectors/source-file.md has the rules. One per column.

#include <cstdint>
#include <string_view>

#include "rapidbyte/sdk/data_type.h"
#include "value_parse.h"

namespace rapidbyte::source_file {

/// What the value is in its file. CSV has only plain values; a JSON string is never a number, a JSON number never a
/// date.
enum class ValueKind : uint8_t { kPlain, kJsonString, kJsonOther };

struct InferenceOptions {
  char decimal_point = '.';
  std::string date_pattern;  // empty: ISO
  std::string timestamp_pattern;  // empty: ISO
};

class TypeInference {
 public:
  explicit TypeInference(const InferenceOptions& options) : options_(&options) {}

  /// One value that is not null.
  void observe(std::string_view text, ValueKind kind);
  void observe_null() { ++nulls_; }

  [[nodiscard]] uint64_t values() const { return values_; }
  [[nodiscard]] sdk::DataType decide() const;

 private:
  void observe_number(std::string_view text);
  [[nodiscard]] sdk::DataType decide_number() const;

  const InferenceOptions* options_;
  uint64_t values_ = 0;
  uint64_t nulls_ = 0;
  bool maybe_boolean_ = true;
  bool maybe_date_ = true;
  bool maybe_timestamp_ = true;
  bool maybe_timestamp_utc_ = true;
  bool maybe_number_ = true;
  // Of numbers:
  bool maybe_int64_ = true;
  bool maybe_double_ = true;
  bool any_point_ = false;
  bool any_exponent_or_word_ = false;
  bool any_digit_ = false;
  bool any_integer_negative_zero_ = false;
  uint32_t max_integer_digits_ = 0;
  uint32_t min_fraction_digits_ = UINT32_MAX;  // of numbers with a point
  uint32_t max_fraction_digits_ = 0;
  uint32_t max_significant_digits_ = 0;
};

}  // namespace rapidbyte::source_file
