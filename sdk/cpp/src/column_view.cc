#include <array>
#include <cmath>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/text/calendar.h"
#include "rapidbyte/text/number_text.h"
#include "rapidbyte/text/time_text.h"

namespace rapidbyte::sdk {

namespace {

struct UnitScale {
  int64_t per_second;
  int digits;
};

UnitScale scale_of(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSecond: return {1, 0};
    case TimeUnit::kMillisecond: return {1'000, 3};
    case TimeUnit::kMicrosecond: return {1'000'000, 6};
    case TimeUnit::kNanosecond: return {1'000'000'000, 9};
  }
  return {1, 0};
}

std::string date_text(int64_t days) {
  const text::CivilDate date = text::civil_from_days(days);
  char out[text::kMaxValueText];
  char* end = out;
  if (date.year < 0) *end++ = '-';
  const auto year = static_cast<uint64_t>(date.year < 0 ? -date.year : date.year);
  return {out, text::write_year_month_day(end, year, date.month, date.day)};
}

/// A count of units since midnight as "HH:MM:SS[.fraction]"; a value that is not a time of day as the plain number.
std::string time_text(int64_t value, TimeUnit unit) {
  const UnitScale scale = scale_of(unit);
  if (value < 0 || value / scale.per_second > 86'400) return std::to_string(value);
  char out[text::kMaxValueText];
  char* end = text::write_clock(out, static_cast<uint32_t>(value / scale.per_second));
  if (scale.digits == 0) return {out, end};
  *end++ = '.';
  return {out, text::write_padded(end, static_cast<uint64_t>(value % scale.per_second), scale.digits)};
}

std::string timestamp_text(int64_t value, const DataType& type) {
  const int64_t per_day = scale_of(type.unit).per_second * 86'400;
  const int64_t days = text::floor_divide(value, per_day);
  // Not value - days * per_day: near the smallest value that product does not fit.
  const int64_t of_day = value % per_day;
  return date_text(days) + "T" + time_text(of_day < 0 ? of_day + per_day : of_day, type.unit) +
         (type.timezone ? "Z" : "");
}

std::string hex_text(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

template <size_t kWords>
std::string decimal_digits(const std::array<uint64_t, kWords>& words, int32_t scale) {
  char out[text::kMaxValueText];
  return {out, text::write_decimal(out, words.data(), words.size(), scale)};
}

Json number_or_text(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

}  // namespace

int64_t ColumnView::integer(size_t row) const {
  switch (type_->id) {
    case TypeId::kBoolean: return boolean(row) ? 1 : 0;
    case TypeId::kInt8: return value<int8_t>(row);
    case TypeId::kUInt8: return value<uint8_t>(row);
    case TypeId::kInt16: return value<int16_t>(row);
    case TypeId::kUInt16: return value<uint16_t>(row);
    case TypeId::kUInt32: return value<uint32_t>(row);
    case TypeId::kInt32:
    case TypeId::kDate32:
    case TypeId::kTime32: return value<int32_t>(row);
    case TypeId::kInt64:
    case TypeId::kUInt64:
    case TypeId::kTime64:
    case TypeId::kTimestamp: return value<int64_t>(row);
    default: return 0;
  }
}

std::string ColumnView::decimal_text(size_t row) const {
  if (type_->id == TypeId::kDecimal256) {
    return decimal_digits(value<std::array<uint64_t, 4>>(row), type_->scale);
  }
  return decimal_digits(value<std::array<uint64_t, 2>>(row), type_->scale);
}

Json ColumnView::json(size_t row) const {
  if (is_null(row)) return nullptr;
  switch (type_->id) {
    case TypeId::kBoolean: return boolean(row);
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32: return integer(row);
    case TypeId::kUInt64: return value<uint64_t>(row);
    case TypeId::kFloat32: return number_or_text(static_cast<double>(value<float>(row)));
    case TypeId::kFloat64: return number_or_text(value<double>(row));
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return decimal_text(row);
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return std::string(bytes(row));
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return hex_text(bytes(row));
    case TypeId::kFixedSizeBinary: return hex_text(fixed(row));
    case TypeId::kDate32: return date_text(integer(row));
    case TypeId::kTime32:
    case TypeId::kTime64: return time_text(integer(row), type_->unit);
    case TypeId::kTimestamp: return timestamp_text(integer(row), *type_);
    case TypeId::kIntervalMonthDayNano: {
      const auto interval = value<MonthDayNano>(row);
      return {{"months", interval.months}, {"days", interval.days}, {"nanoseconds", interval.nanoseconds}};
    }
  }
  return nullptr;
}

ColumnBuffers ColumnView::buffers() const {
  ColumnBuffers out;
  if (validity_ != nullptr) {
    out.validity = {validity_, (length_ + 7) / 8};
    out.null_count = null_count_;
  }
  if (offsets_ != nullptr) out.offsets = {offsets_, (length_ + 1) * (large_ ? 8U : 4U)};
  out.values = {values_, values_size_};
  return out;
}

}  // namespace rapidbyte::sdk
