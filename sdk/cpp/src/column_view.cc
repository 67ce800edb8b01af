#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "rapidbyte/sdk/batch_reader.h"

namespace rapidbyte::sdk {

namespace {

std::string formatted(const char* format, auto... values) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, values...);
  return {text.data(), static_cast<size_t>(length)};
}

/// Days since 1970-01-01 to "YYYY-MM-DD" in the proleptic Gregorian calendar.
std::string date_text(int64_t days) {
  // Eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  return formatted("%04lld-%02lld-%02lld", static_cast<long long>(year), static_cast<long long>(month),
                   static_cast<long long>(day));
}

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

/// A non-negative count of units since midnight to "HH:MM:SS[.fraction]".
std::string time_text(int64_t value, TimeUnit unit) {
  const UnitScale scale = scale_of(unit);
  const int64_t seconds = value / scale.per_second;
  std::string out = formatted("%02lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
                              static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  if (scale.digits != 0) out += formatted(".%0*lld", scale.digits, static_cast<long long>(value % scale.per_second));
  return out;
}

std::string timestamp_text(int64_t value, const DataType& type) {
  const int64_t per_day = scale_of(type.unit).per_second * 86'400;
  int64_t days = value / per_day;
  int64_t rest = value % per_day;
  if (rest < 0) {
    --days;
    rest += per_day;
  }
  return date_text(days) + "T" + time_text(rest, type.unit) + (type.timezone ? "Z" : "");
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

/// Two's complement words, least significant first, to decimal digits with a sign and `scale` digits after the point.
template <size_t kWords>
std::string decimal_digits(std::array<uint64_t, kWords> words, int32_t scale) {
  const bool negative = (words[kWords - 1] >> 63) != 0;
  if (negative) {
    uint64_t carry = 1;
    for (uint64_t& word : words) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
  }
  std::array<uint32_t, kWords * 2> limbs{};
  for (size_t i = 0; i < kWords; ++i) {
    limbs[2 * i] = static_cast<uint32_t>(words[i]);
    limbs[2 * i + 1] = static_cast<uint32_t>(words[i] >> 32);
  }
  constexpr uint64_t kChunk = 1'000'000'000;  // nine digits per division
  std::string reversed;
  for (bool more = true; more;) {
    uint64_t remainder = 0;
    more = false;
    for (size_t i = limbs.size(); i-- > 0;) {
      const uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / kChunk);
      remainder = value % kChunk;
      more = more || limbs[i] != 0;
    }
    for (int digit = 0; digit < 9; ++digit, remainder /= 10) {
      reversed += static_cast<char>('0' + static_cast<int>(remainder % 10));
    }
  }
  while (reversed.size() > 1 && reversed.back() == '0') reversed.pop_back();
  if (scale < 0 && reversed != "0") reversed.insert(0, static_cast<size_t>(-scale), '0');
  if (scale > 0) {
    const auto places = static_cast<size_t>(scale);
    if (reversed.size() <= places) reversed.append(places + 1 - reversed.size(), '0');
    reversed.insert(places, 1, '.');
  }
  if (negative) reversed += '-';
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
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
