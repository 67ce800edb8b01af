#include "src/row_block.h"

#include "src/wire_value.h"

namespace rapidbyte::dest_postgres {

using postgres::store_be;

namespace {

constexpr uint32_t kHeadBytes = 2;  // the number of a row's columns
constexpr uint32_t kRowNumberBytes = kLengthBytes + 8;

/// Of a value with its length; for texts only the part that all have.
uint32_t bytes_of(RowBlock::Form form) {
  using Form = RowBlock::Form;
  switch (form) {
    case Form::kBool: return kLengthBytes + 1;
    case Form::kFixed2: return kLengthBytes + 2;
    case Form::kFixed4:
    case Form::kDate: return kLengthBytes + 4;
    case Form::kFixed8:
    case Form::kTimestampMicros: return kLengthBytes + 8;
    case Form::kUuidText: return kLengthBytes + 16;
    case Form::kJsonb: return kLengthBytes + 1;
    case Form::kDecimal128:
    case Form::kBytes: break;
  }
  return kLengthBytes;
}

bool is_most_negative(uint64_t low, uint64_t high) { return low == 0 && high == uint64_t{1} << 63U; }

}  // namespace

template <typename Length>
void RowBlock::add_each(const ColumnSource& source, size_t begin, size_t rows, Length length) {
  if (source.validity == nullptr) {
    for (size_t i = 0; i < rows; ++i) at_[i] += length(i);
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    if (!source.is_null(begin + i)) at_[i] += length(i);
  }
}

void RowBlock::prepare_decimals(const Column& column, size_t begin, size_t rows) {
  const size_t first = decimals_.size();
  decimals_.resize(first + rows);
  Decimal* const decimals = decimals_.data() + first;
  const DecimalLayout layout = column.decimal;
  const ColumnSource& source = column.source;
  add_each(source, begin, rows, [&](size_t i) -> uint32_t {
    const size_t row = begin + i;
    const auto low = source.value<uint64_t>(2 * row);
    const auto high = source.value<uint64_t>(2 * row + 1);
    Decimal& decimal = decimals[i];
    decimal.large_size = 0;
    if (is_small_decimal(low, high, layout)) {
      decimal.small = small_decimal(low, high, layout);
      return decimal.small.value_bytes;
    }
    decimal.large_begin = static_cast<uint32_t>(large_.size());
    large_.reserve(kMaxDecimalBytes);
    uint8_t* const place = large_.data() + large_.size();
    const uint64_t words[2] = {low, high};
    const uint8_t* const end = column.special_values && is_most_negative(low, high)
                                   ? put_numeric_nan(place)
                                   : put_decimal(place, words, 2, source.type.scale);
    decimal.large_size = static_cast<uint32_t>(end - place);
    large_.resize(large_.size() + decimal.large_size);
    return decimal.large_size - kLengthBytes;
  });
}

void RowBlock::add_lengths(const Column& column, size_t begin, size_t rows) {
  const ColumnSource& source = column.source;
  switch (column.form) {
    case Form::kDecimal128: fixed_ += kLengthBytes; return prepare_decimals(column, begin, rows);
    case Form::kBytes:
    case Form::kJsonb: {
      // A null consists only of its length.
      const auto more = static_cast<uint32_t>(bytes_of(column.form) - kLengthBytes);
      fixed_ += kLengthBytes;
      return add_each(source, begin, rows, [&](size_t i) {
        return more + static_cast<uint32_t>(source.bytes_at<int32_t>(begin + i).size());
      });
    }
    default: break;
  }
  const auto value = static_cast<uint32_t>(bytes_of(column.form) - kLengthBytes);
  if (source.validity == nullptr) {
    fixed_ += kLengthBytes + value;
    return;
  }
  fixed_ += kLengthBytes;
  add_each(source, begin, rows, [&](size_t) { return value; });
}

template <typename Put>
void RowBlock::write_each(const ColumnSource& source, size_t begin, size_t rows, uint8_t* base, Put put) {
  if (source.validity == nullptr) {
    for (size_t i = 0; i < rows; ++i) at_[i] = static_cast<uint32_t>(put(begin + i, base + at_[i]) - base);
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    uint8_t* const place = base + at_[i];
    at_[i] = static_cast<uint32_t>((source.is_null(begin + i) ? put_null(place) : put(begin + i, place)) - base);
  }
}

void RowBlock::write_column(const Column& column, const Decimal* decimals, size_t begin, size_t rows, uint8_t* base) {
  const ColumnSource& source = column.source;
  const auto each = [&](auto put) { write_each(source, begin, rows, base, put); };
  switch (column.form) {
    case Form::kBool:
      return each([&](size_t row, uint8_t* at) { return put_fixed<uint8_t>(at, source.boolean(row) ? 1 : 0); });
    case Form::kFixed2:
      return each([&](size_t row, uint8_t* at) { return put_fixed(at, source.value<uint16_t>(row)); });
    case Form::kFixed4:
      return each([&](size_t row, uint8_t* at) { return put_fixed(at, source.value<uint32_t>(row)); });
    case Form::kFixed8:
      return each([&](size_t row, uint8_t* at) { return put_fixed(at, source.value<uint64_t>(row)); });
    case Form::kDate:
      return each([&](size_t row, uint8_t* at) { return put_fixed(at, to_postgres_days(source.value<int32_t>(row))); });
    case Form::kTimestampMicros:
      return each([&](size_t row, uint8_t* at) {
        return put_fixed(at, to_postgres_micros(source.value<int64_t>(row), sdk::TimeUnit::kMicrosecond));
      });
    case Form::kUuidText:
      return each([&](size_t row, uint8_t* at) { return put_uuid(at, source.bytes_at<int32_t>(row)); });
    case Form::kBytes:
      return each([&](size_t row, uint8_t* at) { return put_bytes(at, source.bytes_at<int32_t>(row)); });
    case Form::kJsonb:
      return each([&](size_t row, uint8_t* at) { return put_jsonb(at, source.bytes_at<int32_t>(row)); });
    case Form::kDecimal128:
      return each([&](size_t row, uint8_t* at) {
        const Decimal& decimal = decimals[row - begin];
        if (decimal.large_size == 0) return put_small_decimal(at, decimal.small);
        std::memcpy(at, large_.data() + decimal.large_begin, decimal.large_size);
        return at + decimal.large_size;
      });
  }
}

void RowBlock::encode(std::span<const Column> columns, std::optional<int64_t> first_row_number, size_t begin,
                      size_t rows, sdk::ByteBuffer& out) {
  fixed_ = kHeadBytes + (first_row_number ? kRowNumberBytes : 0);
  decimals_.clear();
  large_.clear();
  std::fill_n(at_.begin(), rows, 0);
  for (const Column& column : columns) add_lengths(column, begin, rows);
  uint32_t total = 0;
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t length = at_[i] + fixed_;
    at_[i] = total;
    total += length;
  }

  const size_t start = out.size();
  out.resize(start + total);
  uint8_t* const base = out.data() + start;
  const auto count = static_cast<uint16_t>(columns.size() + (first_row_number ? 1 : 0));
  for (size_t i = 0; i < rows; ++i) {
    store_be<uint16_t>(base + at_[i], count);
    at_[i] += kHeadBytes;
  }
  const Decimal* decimals = decimals_.data();
  for (const Column& column : columns) {
    write_column(column, decimals, begin, rows, base);
    if (column.form == Form::kDecimal128) decimals += rows;
  }
  if (!first_row_number) return;
  for (size_t i = 0; i < rows; ++i) put_fixed(base + at_[i], *first_row_number + static_cast<int64_t>(i));
}

}  // namespace rapidbyte::dest_postgres
