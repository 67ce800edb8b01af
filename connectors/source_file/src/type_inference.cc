#include "type_inference.h"

#include <algorithm>

namespace rapidbyte::source_file {

namespace {

constexpr uint32_t kMaxDecimalDigits = 38;
// Up to 15 digits, text -> double -> text gives the digits back; a double printed in full has 15 to 17 of them.
constexpr uint32_t kDoubleDigits = 15;
constexpr uint32_t kMaxDoubleDigits = 17;
constexpr int64_t kExactDoubleInteger = int64_t{1} << 53U;

}  // namespace

void TypeInference::observe(std::string_view text, ValueKind kind) {
  ++values_;
  if (maybe_boolean_) {
    bool ignored = false;
    maybe_boolean_ = kind != ValueKind::kJsonString && parse_boolean(text, false, ignored);
  }
  if (maybe_number_) {
    if (kind == ValueKind::kJsonString) {
      maybe_number_ = false;
    } else {
      observe_number(text);
    }
  }
  if (maybe_date_) {
    int32_t days = 0;
    PatternValue value;
    maybe_date_ = kind != ValueKind::kJsonOther &&
                  (options_->date_pattern.empty() ? parse_date(text, days)
                                                  : parse_by_pattern(text, options_->date_pattern, value));
  }
  if (maybe_timestamp_ || maybe_timestamp_utc_) {
    bool ok = false;
    bool has_zone = false;
    if (kind != ValueKind::kJsonOther) {
      int64_t micros = 0;
      PatternValue value;
      ok = options_->timestamp_pattern.empty() ? parse_timestamp(text, micros, has_zone)
                                               : parse_by_pattern(text, options_->timestamp_pattern, value);
      has_zone = has_zone || value.has_zone;
    }
    maybe_timestamp_ = maybe_timestamp_ && ok && !has_zone;
    maybe_timestamp_utc_ = maybe_timestamp_utc_ && ok && has_zone;
  }
}

void TypeInference::observe_number(std::string_view text) {
  NumberShape shape;
  if (!scan_number(text, options_->decimal_point, shape)) {
    maybe_number_ = false;
    return;
  }
  double as_double = 0;
  maybe_double_ = maybe_double_ && parse_double(text, options_->decimal_point, true, as_double);
  any_exponent_or_word_ = any_exponent_or_word_ || shape.exponent || shape.word;
  if (shape.word) return;
  any_digit_ = true;
  if (shape.exponent) {
    maybe_int64_ = false;
    return;
  }
  if (shape.point) {
    any_point_ = true;
    maybe_int64_ = false;
    min_fraction_digits_ = std::min(min_fraction_digits_, shape.fraction_digits);
    max_fraction_digits_ = std::max(max_fraction_digits_, shape.fraction_digits);
  } else {
    any_integer_negative_zero_ = any_integer_negative_zero_ || shape.negative_zero;
    int64_t value = 0;
    const bool fits = parse_int64(text, true, value);
    maybe_int64_ = maybe_int64_ && fits;
    if (!shape.negative_zero && (!fits || value > kExactDoubleInteger || value < -kExactDoubleInteger))
      maybe_double_ = false;
  }
  max_integer_digits_ = std::max(max_integer_digits_, shape.integer_digits);
  max_significant_digits_ = std::max(max_significant_digits_, shape.significant_digits);
}

sdk::DataType TypeInference::decide_number() const {
  using sdk::DataType;
  using sdk::TypeId;
  DataType text = DataType::of(TypeId::kUtf8);
  DataType real = DataType::of(TypeId::kFloat64);
  if (!any_digit_) return text;  // only words such as NaN
  if (any_exponent_or_word_) return maybe_double_ ? real : text;
  const uint32_t digits = max_integer_digits_ + max_fraction_digits_;
  if (!any_point_) {
    if (maybe_int64_) return DataType::of(TypeId::kInt64);
    if (any_integer_negative_zero_) return maybe_double_ ? real : text;
    return digits <= kMaxDecimalDigits ? DataType::decimal128(kMaxDecimalDigits, 0) : text;
  }
  const bool looks_like_printed_doubles = maybe_double_ && min_fraction_digits_ != max_fraction_digits_ &&
                                          max_significant_digits_ >= kDoubleDigits &&
                                          max_significant_digits_ <= kMaxDoubleDigits;
  if (looks_like_printed_doubles) return real;
  if (digits <= kMaxDecimalDigits)
    return DataType::decimal128(kMaxDecimalDigits, static_cast<int32_t>(max_fraction_digits_));
  return maybe_double_ ? real : text;
}

sdk::DataType TypeInference::decide() const {
  using sdk::DataType;
  using sdk::TypeId;
  if (values_ == 0) return DataType::of(TypeId::kUtf8);
  if (maybe_number_) return decide_number();
  if (maybe_boolean_) return DataType::of(TypeId::kBoolean);
  if (maybe_date_) return DataType::of(TypeId::kDate32);
  if (maybe_timestamp_) return DataType::timestamp(sdk::TimeUnit::kMicrosecond);
  if (maybe_timestamp_utc_) return DataType::timestamp(sdk::TimeUnit::kMicrosecond, "UTC");
  return DataType::of(TypeId::kUtf8);
}

}  // namespace rapidbyte::source_file
