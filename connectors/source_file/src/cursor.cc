#include "cursor.h"

#include <limits>

#include "rapidbyte/protocol/error_codes.h"
#include "resume_position.h"
#include "value_parse.h"

namespace rapidbyte::source_file {

namespace {

using sdk::CursorValue;
using sdk::Result;
using sdk::Status;
using sdk::TypeId;

__int128 number_at(const ColumnWriter& values, size_t row) {
  switch (values.spec().type.id) {
    case TypeId::kInt8: return values.value<int8_t>(row);
    case TypeId::kInt16: return values.value<int16_t>(row);
    case TypeId::kInt32:
    case TypeId::kDate32: return values.value<int32_t>(row);
    case TypeId::kUInt8: return values.value<uint8_t>(row);
    case TypeId::kUInt16: return values.value<uint16_t>(row);
    case TypeId::kUInt32: return values.value<uint32_t>(row);
    case TypeId::kDecimal128: return values.value<__int128>(row);
    default: return values.value<int64_t>(row);
  }
}

bool can_be_cursor(const sdk::DataType& type) {
  switch (type.id) {
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32:
    case TypeId::kDate32:
    case TypeId::kTimestamp:
    case TypeId::kDecimal128:
    case TypeId::kUtf8: return true;
    default: return false;
  }
}

}  // namespace

Result<CursorFilter> CursorFilter::make(const ColumnSpec& column, const CursorValue& last) {
  if (!can_be_cursor(column.type)) {
    return sdk::config_error(codes::kCursorType,
                             "column '" + column.name + "' of type " + column.type.name() +
                                 " cannot be a cursor; use an integer, decimal, date, timestamp or text column");
  }
  CursorFilter filter(column);
  RB_SDK_ASSIGN_OR_RETURN(filter.last_, filter.from_cursor(last));
  filter.max_ = filter.last_;
  return filter;
}

Result<CursorFilter::Value> CursorFilter::from_cursor(const CursorValue& value) const {
  Value out;
  if (value.is_null()) return out;
  out.present = true;
  using Kind = CursorValue::Kind;
  const TypeId type = column_.type.id;
  bool ok = false;
  if (type == TypeId::kUtf8) {
    ok = value.kind == Kind::kUtf8;
    out.text = value.text;
  } else if (type == TypeId::kDate32) {
    int32_t days = 0;
    ok = value.kind == Kind::kUtf8 && parse_date(value.text, days);
    out.number = days;
  } else if (type == TypeId::kTimestamp) {
    ok = value.kind == Kind::kTimestampMicros || value.kind == Kind::kTimestampMillis;
    out.number = value.kind == Kind::kTimestampMillis ? static_cast<__int128>(value.integer) * 1000 : value.integer;
  } else if (type == TypeId::kDecimal128) {
    std::string text = value.kind == Kind::kInt64 ? std::to_string(value.integer) : value.text;
    if (value.kind == Kind::kDecimal && value.scale > 0 && text.find('.') == std::string::npos) {
      // The unscaled form.
      __int128 unscaled = 0;
      ok = parse_decimal(text, '.', 38, 0, false, unscaled);
      if (ok) text = decimal_text(unscaled, value.scale);
    } else {
      ok = value.kind == Kind::kInt64 || value.kind == Kind::kDecimal;
    }
    ok = ok && parse_decimal(text, '.', 38, column_.type.scale, false, out.number);
  } else {
    ok = value.kind == Kind::kInt64;
    out.number = value.integer;
  }
  if (ok) return out;
  return sdk::config_error(codes::kCursorType,
                           "the cursor column '" + column_.name + "' has type " + column_.type.name() +
                               ", but the last run's cursor value is " + sdk::to_text(value.to_json()) +
                               "; set the column's type with the stream option columns, or " + restart_hint());
}

CursorValue CursorFilter::to_cursor(const Value& value) const {
  if (!value.present) return {};
  switch (column_.type.id) {
    case TypeId::kUtf8: return CursorValue::of_utf8(value.text);
    case TypeId::kDate32: return CursorValue::of_utf8(date_text(static_cast<int32_t>(value.number)));
    case TypeId::kTimestamp: return CursorValue::of_timestamp_micros(static_cast<int64_t>(value.number));
    case TypeId::kDecimal128:
      return CursorValue::of_decimal(decimal_text(value.number, column_.type.scale), column_.type.scale);
    default: return CursorValue::of_int64(static_cast<int64_t>(value.number));
  }
}

bool CursorFilter::is_new(const ColumnWriter& values, size_t row) const {
  if (!last_.present) return true;
  return is_text() ? values.text(row) > last_.text : number_at(values, row) > last_.number;
}

void CursorFilter::count(const ColumnWriter& values, size_t row) {
  if (is_text()) {
    const std::string_view text = values.text(row);
    if (!max_.present || text > max_.text) max_.text = text;
  } else {
    const __int128 number = number_at(values, row);
    if (!max_.present || number > max_.number) max_.number = number;
  }
  max_.present = true;
}

Status CursorFilter::raise_max(const CursorValue& value) {
  RB_SDK_ASSIGN_OR_RETURN(Value raised, from_cursor(value));
  if (!raised.present) return {};
  const bool higher = !max_.present || (is_text() ? raised.text > max_.text : raised.number > max_.number);
  if (higher) max_ = std::move(raised);
  return {};
}

}  // namespace rapidbyte::source_file
