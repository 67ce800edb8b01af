#include "rapidbyte/testing/batches.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "rapidbyte/sdk/batch_builder.h"

namespace rapidbyte::sdk::testing {
namespace {

double number(const Json& value) {
  if (const auto text = as_string(value)) {
    return *text == "NaN" ? std::nan("") : *text == "Infinity" ? HUGE_VAL : -HUGE_VAL;
  }
  return value.get<double>();
}

template <typename T>
T units(const Json& value) {
  if (const auto text = as_string(value)) {
    return *text == "infinity" ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
  }
  return static_cast<T>(value.get<int64_t>());
}

std::vector<uint64_t> decimal(const Json& value, size_t count) {
  if (value == "NaN") {
    std::vector<uint64_t> words(count, 0);
    words.back() = uint64_t{1} << 63;
    return words;
  }
  return words_of(value.is_string() ? value.get<std::string>() : std::to_string(value.get<int64_t>()), count);
}

void append_value(ColumnBuilder& column, const Json& value) {
  if (value.is_null()) return column.append_null();
  switch (column.type().id) {
    case TypeId::kBoolean: return column.append_bool(value.get<bool>());
    case TypeId::kInt8:
    case TypeId::kUInt8: return column.append(static_cast<int8_t>(value.get<int64_t>()));
    case TypeId::kInt16:
    case TypeId::kUInt16: return column.append(static_cast<int16_t>(value.get<int64_t>()));
    case TypeId::kInt32:
    case TypeId::kUInt32:
    case TypeId::kTime32: return column.append(static_cast<int32_t>(value.get<int64_t>()));
    case TypeId::kDate32: return column.append(units<int32_t>(value));
    case TypeId::kUInt64: return column.append(value.get<uint64_t>());
    case TypeId::kFloat32: return column.append(static_cast<float>(number(value)));
    case TypeId::kFloat64: return column.append(number(value));
    case TypeId::kDecimal128: {
      const auto words = decimal(value, 2);
      return column.append(Decimal128Words{{words[0], words[1]}});
    }
    case TypeId::kDecimal256: {
      const auto words = decimal(value, 4);
      return column.append(Decimal256Words{{words[0], words[1], words[2], words[3]}});
    }
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return column.append_bytes(value.get<std::string>());
    case TypeId::kFixedSizeBinary: return column.append_fixed(value.get<std::string>().data());
    case TypeId::kIntervalMonthDayNano:
      return column.append(MonthDayNano{value[0].get<int32_t>(), value[1].get<int32_t>(), value[2].get<int64_t>()});
    default: return column.append(units<int64_t>(value));
  }
}

}  // namespace

std::vector<uint64_t> words_of(std::string_view text, size_t count) {
  const bool negative = text.starts_with('-');
  std::vector<uint64_t> words(count, 0);
  for (const char digit : negative ? text.substr(1) : text) {
    auto carry = static_cast<unsigned __int128>(digit - '0');
    for (uint64_t& word : words) {
      carry += static_cast<unsigned __int128>(word) * 10;
      word = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
  }
  if (negative) {
    unsigned __int128 carry = 1;
    for (uint64_t& word : words) {
      carry += ~word;
      word = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
  }
  return words;
}

std::vector<uint8_t> make_batch(const Schema& schema, const std::vector<Json>& rows) {
  auto builder = BatchBuilder::make(schema);
  if (!builder.ok()) throw std::invalid_argument(builder.status().to_string());
  for (const Json& row : rows) {
    if (row.size() != schema.size())
      throw std::invalid_argument("a row with another number of values: " + to_text(row));
    for (size_t i = 0; i < schema.size(); ++i) append_value(builder->column(i), row[i]);
    builder->end_row();
  }
  const auto batch = builder->finish();
  if (!batch.ok()) throw std::invalid_argument(batch.status().to_string());
  return {batch->begin(), batch->end()};
}

}  // namespace rapidbyte::sdk::testing
