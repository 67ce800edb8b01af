#include "src/row_encoder.h"

#include <algorithm>
#include <bit>

#include "postgres/message.h"
#include "src/column_check.h"
#include "src/value_text.h"
#include "src/wire_value.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::store_be;
using sdk::TypeId;

// Escapes and hex digits turn one byte into two.
template <RowFormat kFormat>
constexpr size_t kVariableFactor = kFormat == RowFormat::kBinary ? 1 : 2;

template <size_t kWords>
bool is_most_negative(const uint64_t (&words)[kWords]) {
  uint64_t low = 0;
  for (size_t i = 0; i + 1 < kWords; ++i) low |= words[i];
  return low == 0 && words[kWords - 1] == uint64_t{1} << 63;
}

template <size_t kWords>
uint8_t* put_words(const ColumnSource& source, bool special_values, size_t row, uint8_t* at) {
  uint64_t words[kWords];
  std::memcpy(words, source.values + row * sizeof words, sizeof words);
  if (special_values && is_most_negative(words)) return put_numeric_nan(at);
  return put_decimal(at, words, kWords, source.type.scale);
}

uint8_t* put_escaped(uint8_t* at, std::string_view text) {
  for (const char c : text) {
    char escaped = 0;
    switch (c) {
      case '\\': escaped = '\\'; break;
      case '\n': escaped = 'n'; break;
      case '\r': escaped = 'r'; break;
      case '\t': escaped = 't'; break;
      default: *at++ = static_cast<uint8_t>(c); continue;
    }
    *at++ = '\\';
    *at++ = static_cast<uint8_t>(escaped);
  }
  return at;
}

uint8_t* put_hex(uint8_t* at, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    *at++ = static_cast<uint8_t>(kDigits[byte >> 4]);
    *at++ = static_cast<uint8_t>(kDigits[byte & 15]);
  }
  return at;
}

template <size_t kWords>
char* put_decimal_text(const ColumnSource& source, bool special_values, size_t row, char* out) {
  uint64_t words[kWords];
  std::memcpy(words, source.values + row * sizeof words, sizeof words);
  if (special_values && is_most_negative(words)) return std::copy_n("NaN", 3, out);
  return write_decimal(out, words, kWords, source.type.scale);
}

// Head of a binary array: dimensions, whether there are NULLs, element type, count, first index; four bytes each.
constexpr size_t kArrayHeadBytes = 20;

void begin_array(Oid element, sdk::ByteBuffer& out) {
  if (out.size() != 0) return;
  out.resize(kArrayHeadBytes);
  store_be<uint32_t>(out.data(), 1);
  store_be<uint32_t>(out.data() + 4, 0);
  store_be<uint32_t>(out.data() + 8, element);
  store_be<uint32_t>(out.data() + 12, 0);
  store_be<uint32_t>(out.data() + 16, 1);
}

void count_array(uint32_t more, bool has_null, sdk::ByteBuffer& out) {
  if (has_null) store_be<uint32_t>(out.data() + 4, 1);
  store_be<uint32_t>(out.data() + 12, postgres::load_be<uint32_t>(out.data() + 12) + more);
}

}  // namespace

uint8_t* put_uuid(uint8_t* at, std::string_view text) {
  store_be<uint32_t>(at, 16);
  at += kLengthBytes;
  int high = -1;
  for (const char c : text) {
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (c | 0x20) - 'a' + 10;
    } else {
      continue;  // a hyphen or brace
    }
    if (high < 0) {
      high = digit;
    } else {
      *at++ = static_cast<uint8_t>(high << 4 | digit);
      high = -1;
    }
  }
  return at;
}

std::string_view RowEncoder::header(RowFormat format) {
  // Signature, no flags, no header extension.
  static constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
  return format == RowFormat::kBinary ? std::string_view(kHeader, 19) : std::string_view();
}

std::string_view RowEncoder::trailer(RowFormat format) {
  return format == RowFormat::kBinary ? std::string_view("\377\377", 2) : std::string_view();
}

RowEncoder::Op RowEncoder::binary_op(WireType wire, const sdk::DataType& type) {
  const uint32_t width = type.value_width();
  switch (wire) {
    case WireType::kBool: return Op::kBool;
    case WireType::kInt2: return width == 2 && type.id == TypeId::kInt16 ? Op::kFixed2 : Op::kWiden2;
    case WireType::kInt4: return type.id == TypeId::kInt32 ? Op::kFixed4 : Op::kWiden4;
    case WireType::kInt8: return type.id == TypeId::kInt64 ? Op::kFixed8 : Op::kWiden8;
    case WireType::kOid: return type.id == TypeId::kUInt32 ? Op::kFixed4 : Op::kWiden4;
    case WireType::kFloat4: return Op::kFixed4;
    case WireType::kFloat8: return type.id == TypeId::kFloat64 ? Op::kFixed8 : Op::kFloatToDouble;
    case WireType::kNumeric:
      if (type.id == TypeId::kDecimal128) return Op::kDecimal128;
      if (type.id == TypeId::kDecimal256) return Op::kDecimal256;
      if (type.is_text()) return Op::kNumericText;
      return type.id == TypeId::kUInt64 ? Op::kUInt64ToNumeric : Op::kIntegerToNumeric;
    case WireType::kJsonb: return Op::kJsonb;
    case WireType::kUuid: return type.is_text() ? Op::kUuidText : Op::kFixedBytes;
    case WireType::kDate: return Op::kDate;
    case WireType::kTime: return Op::kTime;
    case WireType::kTimestamp: return type.unit == sdk::TimeUnit::kMicrosecond ? Op::kTimestampMicros : Op::kTimestamp;
    case WireType::kInterval:
      if (!type.is_text()) return Op::kInterval;
      break;  // the element of a text array
    case WireType::kText:
    case WireType::kBytea:
    case WireType::kOther: break;
  }
  if (type.id == TypeId::kFixedSizeBinary) return Op::kFixedBytes;
  return type.is_large() ? Op::kLargeBytes : Op::kBytes;
}

RowEncoder::Op RowEncoder::text_op(WireType wire, const sdk::DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean: return Op::kBool;
    // The digits that distinguish neighbouring floats give another number as a double: 0.1 is 0.10000000149011612.
    case TypeId::kFloat32: return wire == WireType::kFloat8 ? Op::kFloatToDoubleText : Op::kFloatText;
    case TypeId::kFloat64: return Op::kDoubleText;
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return Op::kDecimalText;
    case TypeId::kUInt64: return Op::kUnsignedText;
    case TypeId::kDate32: return Op::kDateText;
    case TypeId::kTime32:
    case TypeId::kTime64: return Op::kTimeText;
    case TypeId::kTimestamp: return Op::kTimestampText;
    case TypeId::kIntervalMonthDayNano: return Op::kIntervalText;
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return Op::kEscapedText;
    case TypeId::kFixedSizeBinary:
      if (wire == WireType::kUuid) return Op::kUuidText;
      [[fallthrough]];
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return Op::kEscapedBytes;
    default: return Op::kIntegerText;
  }
}

size_t RowEncoder::bound_of(Op op) {
  switch (op) {
    case Op::kBool: return kLengthBytes + 1;
    case Op::kFixed2:
    case Op::kWiden2: return kLengthBytes + 2;
    case Op::kFixed4:
    case Op::kWiden4:
    case Op::kDate: return kLengthBytes + 4;
    case Op::kFixed8:
    case Op::kWiden8:
    case Op::kFloatToDouble:
    case Op::kTimestampMicros:
    case Op::kTimestamp:
    case Op::kTime: return kLengthBytes + 8;
    case Op::kInterval:
    case Op::kUuidText: return kLengthBytes + 36;
    case Op::kDecimal128:
    case Op::kDecimal256:
    case Op::kIntegerToNumeric:
    case Op::kUInt64ToNumeric: return kMaxDecimalBytes;
    case Op::kNumericText: return kLengthBytes + kNumericTextExtra;
    case Op::kBytes:
    case Op::kLargeBytes:
    case Op::kFixedBytes:
    case Op::kEscapedText: return kLengthBytes;
    case Op::kJsonb: return kLengthBytes + 1;
    case Op::kEscapedBytes: return kLengthBytes + 3;
    case Op::kIntegerText:
    case Op::kUnsignedText:
    case Op::kFloatText:
    case Op::kDoubleText:
    case Op::kFloatToDoubleText:
    case Op::kDateText:
    case Op::kTimeText:
    case Op::kTimestampText:
    case Op::kIntervalText:
    case Op::kDecimalText: return kMaxValueText + 1;
  }
  return kMaxValueText;
}

void RowEncoder::use(const TargetPlan& plan) {
  plan_ = &plan;
  columns_.assign(plan.columns.size(), Column());
  converted_.clear();
  binary_.resize(plan.columns.size());
  for (const ColumnPlan& column : plan.columns) {
    converted_.emplace_back(column.convert ? natural_type(column.type) : sdk::DataType::of(TypeId::kBoolean));
  }
}

void RowEncoder::load(const sdk::BatchReader& batch, int64_t first_row_number) {
  rows_ = batch.rows();
  first_row_number_ = first_row_number;
  refused_.clear();
  any_skipped_ = false;
  needs_text_ = false;
  // Count of columns and row number, or tabs and the line's end.
  row_bound_ = 2 + kLengthBytes + 24;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const ColumnPlan& plan = plan_->columns[i];
    Column& column = columns_[i];
    const sdk::ColumnView& view = batch.column(plan.source);
    column.source = ColumnSource::of(view.type(), view.buffers(), plan.special_values);
    ColumnPlan checked = plan;
    if (plan.convert) {
      // The conversion produces infinities only from values that mean infinity in the source.
      checked.special_values = true;
      convert(checked, column);
    } else {
      check_column(checked, column.source, rows_, refused_);
    }
    // After the conversion, which produces NULLs where type_change says so.
    if (plan.refuse_null && column.source.validity != nullptr) {
      for (size_t row = 0; row < rows_; ++row) {
        if (column.source.is_null(row)) {
          refused_.push_back({.row = row, .column = plan.name, .value = "NULL", .reason = "a key cannot be NULL"});
        }
      }
    }
    if (plan.binary_text && plan_->format == RowFormat::kBinary) {
      if (binary_[i].read(plan.type, column.source, rows_)) {
        column.source = binary_[i].source(column.source);
      } else {
        needs_text_ = true;
      }
    }
    column.special_values = checked.special_values;
    const WireType wire = wire_type(plan.type);
    column.op =
        plan_->format == RowFormat::kBinary ? binary_op(wire, column.source.type) : text_op(wire, column.source.type);
    column.fixed_bound = bound_of(column.op);
    column.is_variable = is_variable(column.op);
    row_bound_ += column.fixed_bound + 1;
  }
  choose_block();
  if (refused_.empty()) return;
  std::stable_sort(refused_.begin(), refused_.end(),
                   [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  refused_.erase(std::unique(refused_.begin(), refused_.end(),
                             [](const RefusedRow& a, const RefusedRow& b) { return a.row == b.row; }),
                 refused_.end());
  for (const RefusedRow& refused : refused_) skip(refused.row);
}

std::optional<RowBlock::Form> RowEncoder::block_form(Op op, const sdk::DataType& type) {
  using Form = RowBlock::Form;
  switch (op) {
    case Op::kBool: return Form::kBool;
    case Op::kFixed2: return Form::kFixed2;
    case Op::kFixed4: return Form::kFixed4;
    case Op::kFixed8: return Form::kFixed8;
    case Op::kDate: return Form::kDate;
    case Op::kTimestampMicros: return Form::kTimestampMicros;
    case Op::kDecimal128: return Form::kDecimal128;
    case Op::kBytes: return Form::kBytes;
    case Op::kJsonb: return type.is_large() ? std::nullopt : std::optional(Form::kJsonb);
    case Op::kUuidText: return type.is_large() ? std::nullopt : std::optional(Form::kUuidText);
    default: return std::nullopt;
  }
}

void RowEncoder::choose_block() {
  block_columns_.clear();
  in_blocks_ = false;
  if (plan_->format != RowFormat::kBinary) return;
  for (const Column& column : columns_) {
    const auto form = block_form(column.op, column.source.type);
    if (!form) return;
    block_columns_.push_back(
        {.form = *form,
         .special_values = column.special_values,
         .source = column.source,
         .decimal = DecimalLayout::of(column.op == Op::kDecimal128 ? column.source.type.scale : 0)});
  }
  in_blocks_ = true;
}

size_t RowEncoder::encode_blocks(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit) {
  while (begin < end && out.size() < soft_limit) {
    // Rows of a thousand columns fill the buffer sooner.
    const size_t most = std::clamp<size_t>((soft_limit - out.size()) / row_bound_ + 1, 1, RowBlock::kRows);
    const size_t rows = std::min(most, end - begin);
    const auto number = first_row_number_ + static_cast<int64_t>(begin);
    block_.encode(block_columns_, plan_->number_rows ? std::optional(number) : std::nullopt, begin, rows, out);
    begin += rows;
  }
  return begin;
}

void RowEncoder::convert(const ColumnPlan& plan, Column& column) {
  sdk::ColumnBuilder& out = converted_[static_cast<size_t>(&column - columns_.data())];
  const ColumnSource original = column.source;
  out.clear();
  convert_column(plan, original, rows_, {}, out, refused_);
  column.source = ColumnSource::of(out.type(), out.buffers(), true);
  if (!plan.null_if_changed) return check_column(plan, column.source, rows_, refused_);
  // Converted, but the column is too narrow for it: that is not an exact conversion either.
  std::vector<RefusedRow> too_wide;
  check_column(plan, column.source, rows_, too_wide);
  if (too_wide.empty()) return;
  out.clear();
  convert_column(plan, original, rows_, too_wide, out, refused_);
  column.source = ColumnSource::of(out.type(), out.buffers(), true);
}

void RowEncoder::skip(size_t row) {
  if (!any_skipped_) skipped_.assign(rows_, 0);
  any_skipped_ = true;
  skipped_[row] = 1;
}

bool RowEncoder::is_variable(Op op) {
  switch (op) {
    case Op::kBytes:
    case Op::kLargeBytes:
    case Op::kFixedBytes:
    case Op::kJsonb:
    case Op::kNumericText:
    case Op::kEscapedText:
    case Op::kEscapedBytes: return true;
    default: return false;
  }
}

inline uint8_t* RowEncoder::put_binary(const Column& column, size_t row, uint8_t* at) {
  const ColumnSource& source = column.source;
  switch (column.op) {
    case Op::kBool: return put_fixed<uint8_t>(at, source.boolean(row) ? 1 : 0);
    case Op::kFixed2: return put_fixed(at, source.value<uint16_t>(row));
    case Op::kFixed4: return put_fixed(at, source.value<uint32_t>(row));
    case Op::kFixed8: return put_fixed(at, source.value<uint64_t>(row));
    case Op::kWiden2: return put_fixed(at, static_cast<int16_t>(source.integer(row)));
    case Op::kWiden4: return put_fixed(at, static_cast<uint32_t>(source.integer(row)));
    case Op::kWiden8: return put_fixed(at, source.integer(row));
    case Op::kFloatToDouble:
      return put_fixed(at, std::bit_cast<uint64_t>(static_cast<double>(source.value<float>(row))));
    case Op::kDate: return put_fixed(at, to_postgres_days(source.value<int32_t>(row)));
    case Op::kTimestampMicros:
      return put_fixed(at, to_postgres_micros(source.value<int64_t>(row), sdk::TimeUnit::kMicrosecond));
    case Op::kTimestamp: return put_fixed(at, to_postgres_micros(source.value<int64_t>(row), source.type.unit));
    case Op::kTime: return put_fixed(at, to_micros(source.integer(row), source.type.unit));
    case Op::kInterval: {
      const auto interval = source.value<sdk::MonthDayNano>(row);
      store_be<uint32_t>(at, 16);
      store_be<int64_t>(at + 4, interval.nanoseconds / 1000);
      store_be<int32_t>(at + 12, interval.days);
      store_be<int32_t>(at + 16, interval.months);
      return at + 20;
    }
    case Op::kDecimal128: return put_words<2>(source, column.special_values, row, at);
    case Op::kDecimal256: return put_words<4>(source, column.special_values, row, at);
    case Op::kIntegerToNumeric: {
      const int64_t value = source.integer(row);
      const auto bits = static_cast<uint64_t>(value);
      return put_decimal64(at, value < 0 ? ~bits + 1 : bits, value < 0, 0);
    }
    case Op::kUInt64ToNumeric: return put_decimal64(at, source.value<uint64_t>(row), false, 0);
    case Op::kNumericText: {
      const auto number = parse_numeric(source.bytes(row));
      return number ? put_numeric_text(at, *number) : put_numeric_nan(at);  // check_column() refused it
    }
    case Op::kBytes: return put_bytes(at, source.bytes_at<int32_t>(row));
    case Op::kLargeBytes: return put_bytes(at, source.bytes_at<int64_t>(row));
    case Op::kFixedBytes: return put_bytes(at, source.bytes(row));
    case Op::kJsonb: return put_jsonb(at, source.bytes(row));
    case Op::kUuidText: return put_uuid(at, source.bytes(row));
    default: return at;
  }
}

uint8_t* RowEncoder::put_text(const Column& column, size_t row, uint8_t* at) {
  const ColumnSource& source = column.source;
  auto* out = reinterpret_cast<char*>(at);
  char* end = out;
  switch (column.op) {
    case Op::kBool: *end++ = source.boolean(row) ? 't' : 'f'; break;
    case Op::kIntegerText: {
      const uint64_t words[2] = {static_cast<uint64_t>(source.integer(row)),
                                 source.integer(row) < 0 ? ~uint64_t{0} : 0};
      end = write_decimal(out, words, 2, 0);
      break;
    }
    case Op::kUnsignedText: {
      const uint64_t words[2] = {source.value<uint64_t>(row), 0};
      end = write_decimal(out, words, 2, 0);
      break;
    }
    case Op::kFloatText: end = write_float(out, source.value<float>(row)); break;
    case Op::kDoubleText: end = write_double(out, source.value<double>(row)); break;
    case Op::kFloatToDoubleText: end = write_double(out, static_cast<double>(source.value<float>(row))); break;
    case Op::kDateText: {
      const auto days = source.value<int32_t>(row);
      if (days == INT32_MIN) return put_escaped(at, "-infinity");
      if (days == INT32_MAX) return put_escaped(at, "infinity");
      end = write_date(out, days);
      break;
    }
    case Op::kTimeText: end = write_time(out, to_micros(source.integer(row), source.type.unit)); break;
    case Op::kTimestampText: {
      const auto value = source.value<int64_t>(row);
      if (is_extreme(value)) return put_escaped(at, value < 0 ? "-infinity" : "infinity");
      end = write_timestamp(out, to_micros(value, source.type.unit), source.type.timezone.has_value());
      break;
    }
    case Op::kIntervalText: {
      const auto interval = source.value<sdk::MonthDayNano>(row);
      end = write_interval(out, interval.months, interval.days, interval.nanoseconds / 1000);
      break;
    }
    case Op::kDecimalText:
      end = source.type.id == TypeId::kDecimal128 ? put_decimal_text<2>(source, column.special_values, row, out)
                                                  : put_decimal_text<4>(source, column.special_values, row, out);
      break;
    case Op::kEscapedText: return put_escaped(at, source.bytes(row));
    case Op::kEscapedBytes:
      end = std::copy_n("\\\\x", 3, out);
      return put_hex(reinterpret_cast<uint8_t*>(end), source.bytes(row));
    case Op::kUuidText: return put_hex(at, source.bytes(row));
    default: break;
  }
  return reinterpret_cast<uint8_t*>(end);
}

template <RowFormat kFormat>
size_t RowEncoder::encode_rows(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit) const {
  const auto column_count = static_cast<uint16_t>(columns_.size() + (plan_->number_rows ? 1 : 0));
  const size_t bound = row_bound_;
  size_t row = begin;
  uint8_t* at = out.data() + out.size();
  const auto used = [&] { return static_cast<size_t>(at - out.data()); };
  const auto make_room = [&](size_t bytes) {
    out.resize(used());
    out.reserve(bytes);
    at = out.data() + out.size();
  };
  for (; row < end; ++row) {
    if (is_skipped(row)) continue;
    if (used() >= soft_limit) break;
    if (out.capacity() - used() < bound) make_room(std::max(bound, soft_limit));
    if constexpr (kFormat == RowFormat::kBinary) {
      store_be<uint16_t>(at, column_count);
      at += 2;
    }
    bool first = true;
    for (const Column& column : columns_) {
      if constexpr (kFormat == RowFormat::kText) {
        if (!first) *at++ = '\t';
        first = false;
      }
      if (column.source.is_null(row)) {
        if constexpr (kFormat == RowFormat::kBinary) {
          at = put_null(at);
        } else {
          *at++ = '\\';
          *at++ = 'N';
        }
        continue;
      }
      // The bound of the whole row stays free after a variable value.
      if (column.is_variable) {
        const size_t more = kVariableFactor<kFormat> * column.source.bytes(row).size();
        if (out.capacity() - used() < bound + more) make_room(bound + more);
      }
      at = kFormat == RowFormat::kBinary ? put_binary(column, row, at) : put_text(column, row, at);
    }
    if (plan_->number_rows) {
      const auto number = first_row_number_ + static_cast<int64_t>(row);
      if constexpr (kFormat == RowFormat::kBinary) {
        at = put_fixed(at, number);
      } else {
        if (!first) *at++ = '\t';
        const uint64_t words[2] = {static_cast<uint64_t>(number), 0};
        at = reinterpret_cast<uint8_t*>(write_decimal(reinterpret_cast<char*>(at), words, 2, 0));
      }
    }
    if constexpr (kFormat == RowFormat::kText) *at++ = '\n';
  }
  out.resize(used());
  return row;
}

size_t RowEncoder::encode(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit) {
  if (in_blocks_ && !any_skipped_) return encode_blocks(begin, end, out, soft_limit);
  return plan_->format == RowFormat::kBinary ? encode_rows<RowFormat::kBinary>(begin, end, out, soft_limit)
                                             : encode_rows<RowFormat::kText>(begin, end, out, soft_limit);
}

void RowEncoder::encode_array(size_t column, size_t begin, size_t end, Oid element, sdk::ByteBuffer& out) const {
  const Column& source = columns_[column];
  begin_array(element, out);
  uint32_t count = 0;
  bool has_null = false;
  for (size_t row = begin; row < end; ++row) {
    if (is_skipped(row)) continue;
    ++count;
    if (source.source.is_null(row)) {
      has_null = true;
      out.push(UINT32_MAX);
      continue;
    }
    out.reserve(source.fixed_bound + (source.is_variable ? source.source.bytes(row).size() : 0));
    const uint8_t* value_end = put_binary(source, row, out.data() + out.size());
    out.resize(static_cast<size_t>(value_end - out.data()));
  }
  count_array(count, has_null, out);
}

void RowEncoder::encode_row_numbers(size_t begin, size_t end, sdk::ByteBuffer& out) const {
  begin_array(postgres::kOidInt8, out);
  uint32_t count = 0;
  for (size_t row = begin; row < end; ++row) {
    if (is_skipped(row)) continue;
    ++count;
    out.reserve(12);
    put_fixed(out.data() + out.size(), first_row_number_ + static_cast<int64_t>(row));
    out.resize(out.size() + 12);
  }
  count_array(count, false, out);
}

}  // namespace rapidbyte::dest_postgres
