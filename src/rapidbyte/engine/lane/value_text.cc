#include "rapidbyte/engine/lane/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

namespace rapidbyte::engine {
namespace {

struct Unit {
  std::string_view name;
  int64_t per_second;
  int digits;
};

Unit unit_of(ArrowTimeUnit unit) {
  switch (unit) {
    case NANOARROW_TIME_UNIT_SECOND: return {"Second", 1, 0};
    case NANOARROW_TIME_UNIT_MILLI: return {"Millisecond", 1'000, 3};
    case NANOARROW_TIME_UNIT_MICRO: return {"Microsecond", 1'000'000, 6};
    case NANOARROW_TIME_UNIT_NANO: return {"Nanosecond", 1'000'000'000, 9};
  }
  return {"Second", 1, 0};
}

int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

// Years that std::chrono can represent; beyond that, the number itself is better than a wrong date.
constexpr int64_t kMaxDays = int64_t{32'000} * 366;

std::optional<std::string> date_text(int64_t days) {
  if (days > kMaxDays || days < -kMaxDays) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string clock_text(int64_t ticks, const Unit& unit) {
  const int64_t seconds = ticks / unit.per_second;
  std::string text = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  const int64_t fraction = ticks % unit.per_second;
  if (fraction != 0) text += fmt::format(".{:0{}}", fraction, unit.digits);
  return text;
}

std::string timestamp_text(int64_t ticks, const Unit& unit, bool zoned) {
  constexpr int64_t kSecondsPerDay = 86'400;
  const int64_t seconds = floor_div(ticks, unit.per_second);
  const int64_t days = floor_div(seconds, kSecondsPerDay);
  const auto date = date_text(days);
  if (!date) return fmt::format("{} ({}s since 1970)", ticks, unit.name);
  // Not ticks - seconds * per_second: near the least value that product does not fit.
  const int64_t fraction = (ticks % unit.per_second + unit.per_second) % unit.per_second;
  const int64_t of_day = seconds - days * kSecondsPerDay;
  return *date + " " + clock_text(of_day * unit.per_second + fraction, unit) + (zoned ? "Z" : "");
}

// Text may be invalid UTF-8 (Arrow's validation does not check): invalid bytes are replaced.
std::string sound_utf8(ArrowStringView text) {
  const std::string raw(text.data, static_cast<size_t>(text.size_bytes));
  const std::string quoted = nlohmann::json(raw).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(quoted, nullptr, false).get<std::string>();
}

std::string hex_text(ArrowBufferView bytes) {
  std::string text;
  text.reserve(2 + 2 * static_cast<size_t>(bytes.size_bytes));
  text += "0x";
  for (int64_t i = 0; i < bytes.size_bytes; ++i)
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes.data.as_uint8[i]);
  return text;
}

std::string decimal_text(const ArrowSchemaView& type, const ArrowArrayView& array, int64_t row) {
  ArrowDecimal value;
  ArrowDecimalInit(&value, type.decimal_bitwidth, type.decimal_precision, type.decimal_scale);
  ArrowArrayViewGetDecimalUnsafe(&array, row, &value);
  ArrowBuffer digits;
  ArrowBufferInit(&digits);
  std::string text;
  if (ArrowDecimalAppendStringToBuffer(&value, &digits) == NANOARROW_OK) {
    text.assign(reinterpret_cast<const char*>(digits.data), static_cast<size_t>(digits.size_bytes));
  }
  ArrowBufferReset(&digits);
  return text;
}

struct ListRange {
  int64_t begin;
  int64_t end;
};

ListRange list_range(const ArrowSchemaView& type, const ArrowArrayView& array, int64_t row) {
  if (type.type == NANOARROW_TYPE_FIXED_SIZE_LIST) {
    return {row * type.fixed_size, (row + 1) * type.fixed_size};
  }
  return {ArrowArrayViewListChildOffset(&array, row), ArrowArrayViewListChildOffset(&array, row + 1)};
}

// Lists in a cell are cut here: the guest chooses their length, and the preview is for people.
constexpr size_t kMaxListText = 4096;

std::string list_text(const ArrowSchema& child, const ArrowArrayView& array, ListRange range) {
  std::string text = "[";
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (i > range.begin) text += ", ";
    if (text.size() > kMaxListText) return text + "...]";
    text += value_text(child, *array.children[0], i).value_or("null");
  }
  return text + "]";
}

std::string struct_text(const ArrowSchema& schema, const ArrowArrayView& array, int64_t row) {
  std::string text = "{";
  for (int64_t i = 0; i < schema.n_children; ++i) {
    if (i > 0) text += ", ";
    const ArrowSchema& child = *schema.children[i];
    text += fmt::format("{}: {}", child.name != nullptr ? child.name : "",
                        value_text(child, *array.children[i], row).value_or("null"));
  }
  return text + "}";
}

std::string interval_text(const ArrowSchemaView& type, const ArrowArrayView& array, int64_t row) {
  ArrowInterval value;
  ArrowIntervalInit(&value, type.type);
  ArrowArrayViewGetIntervalUnsafe(&array, row, &value);
  switch (type.type) {
    case NANOARROW_TYPE_INTERVAL_MONTHS: return fmt::format("{} months", value.months);
    case NANOARROW_TYPE_INTERVAL_DAY_TIME: return fmt::format("{} days {} ms", value.days, value.ms);
    default: return fmt::format("{} months {} days {} ns", value.months, value.days, value.ns);
  }
}

std::string scalar_text(const ArrowSchemaView& type, const ArrowArrayView& array, int64_t row) {
  switch (type.type) {
    case NANOARROW_TYPE_BOOL: return ArrowArrayViewGetIntUnsafe(&array, row) != 0 ? "true" : "false";
    case NANOARROW_TYPE_UINT8:
    case NANOARROW_TYPE_UINT16:
    case NANOARROW_TYPE_UINT32:
    case NANOARROW_TYPE_UINT64: return fmt::format("{}", ArrowArrayViewGetUIntUnsafe(&array, row));
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64: return fmt::format("{}", ArrowArrayViewGetIntUnsafe(&array, row));
    case NANOARROW_TYPE_HALF_FLOAT:
    case NANOARROW_TYPE_FLOAT: return fmt::format("{}", static_cast<float>(ArrowArrayViewGetDoubleUnsafe(&array, row)));
    case NANOARROW_TYPE_DOUBLE: return fmt::format("{}", ArrowArrayViewGetDoubleUnsafe(&array, row));
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256: return decimal_text(type, array, row);
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING: return sound_utf8(ArrowArrayViewGetStringUnsafe(&array, row));
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_FIXED_SIZE_BINARY: return hex_text(ArrowArrayViewGetBytesUnsafe(&array, row));
    case NANOARROW_TYPE_DATE32: {
      const int64_t days = ArrowArrayViewGetIntUnsafe(&array, row);
      return date_text(days).value_or(fmt::format("{} (days since 1970)", days));
    }
    case NANOARROW_TYPE_DATE64:
      return timestamp_text(ArrowArrayViewGetIntUnsafe(&array, row), unit_of(NANOARROW_TIME_UNIT_MILLI), false);
    case NANOARROW_TYPE_TIMESTAMP:
      return timestamp_text(ArrowArrayViewGetIntUnsafe(&array, row), unit_of(type.time_unit),
                            type.timezone != nullptr && *type.timezone != '\0');
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64: {
      const int64_t ticks = ArrowArrayViewGetIntUnsafe(&array, row);
      return ticks >= 0 ? clock_text(ticks, unit_of(type.time_unit)) : fmt::format("{}", ticks);
    }
    case NANOARROW_TYPE_DURATION:
      return fmt::format("{} {}s", ArrowArrayViewGetIntUnsafe(&array, row), unit_of(type.time_unit).name);
    case NANOARROW_TYPE_INTERVAL_MONTHS:
    case NANOARROW_TYPE_INTERVAL_DAY_TIME:
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO: return interval_text(type, array, row);
    default: return fmt::format("({})", ArrowTypeString(type.type));
  }
}

std::string child_type(const ArrowSchema& schema) {
  return schema.n_children > 0 ? type_text(*schema.children[0]) : std::string("?");
}

std::string plain_type_name(ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_NA: return "Null";
    case NANOARROW_TYPE_BOOL: return "Boolean";
    case NANOARROW_TYPE_INT8: return "Int8";
    case NANOARROW_TYPE_INT16: return "Int16";
    case NANOARROW_TYPE_INT32: return "Int32";
    case NANOARROW_TYPE_INT64: return "Int64";
    case NANOARROW_TYPE_UINT8: return "UInt8";
    case NANOARROW_TYPE_UINT16: return "UInt16";
    case NANOARROW_TYPE_UINT32: return "UInt32";
    case NANOARROW_TYPE_UINT64: return "UInt64";
    case NANOARROW_TYPE_HALF_FLOAT: return "Float16";
    case NANOARROW_TYPE_FLOAT: return "Float32";
    case NANOARROW_TYPE_DOUBLE: return "Float64";
    case NANOARROW_TYPE_STRING: return "Utf8";
    case NANOARROW_TYPE_LARGE_STRING: return "LargeUtf8";
    case NANOARROW_TYPE_BINARY: return "Binary";
    case NANOARROW_TYPE_LARGE_BINARY: return "LargeBinary";
    case NANOARROW_TYPE_DATE32: return "Date32";
    case NANOARROW_TYPE_DATE64: return "Date64";
    case NANOARROW_TYPE_INTERVAL_MONTHS: return "Interval(YearMonth)";
    case NANOARROW_TYPE_INTERVAL_DAY_TIME: return "Interval(DayTime)";
    case NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO: return "Interval(MonthDayNano)";
    default: return ArrowTypeString(type);
  }
}

}  // namespace

std::optional<std::string> special_value_text(const ArrowSchema& schema, const ArrowArrayView& array, int64_t row) {
  ArrowSchemaView type;
  if (ArrowSchemaViewInit(&type, &schema, nullptr) != NANOARROW_OK || ArrowArrayViewIsNull(&array, row) != 0)
    return std::nullopt;
  switch (type.type) {
    case NANOARROW_TYPE_DATE32:
    case NANOARROW_TYPE_TIMESTAMP: {
      const bool is_date = type.type == NANOARROW_TYPE_DATE32;
      const int64_t value = ArrowArrayViewGetIntUnsafe(&array, row);
      if (value == (is_date ? INT32_MIN : INT64_MIN)) return "-infinity";
      if (value == (is_date ? INT32_MAX : INT64_MAX)) return "infinity";
      return std::nullopt;
    }
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256: {
      ArrowDecimal value;
      ArrowDecimalInit(&value, type.decimal_bitwidth, type.decimal_precision, type.decimal_scale);
      ArrowArrayViewGetDecimalUnsafe(&array, row, &value);
      // The words are in the machine's order, which is little-endian wherever this builds.
      const size_t highest = type.type == NANOARROW_TYPE_DECIMAL128 ? 1 : 3;
      const bool rest_is_zero =
          std::all_of(value.words, value.words + highest, [](uint64_t word) { return word == 0; });
      if (!rest_is_zero || value.words[highest] != uint64_t{1} << 63U) return std::nullopt;
      return "NaN";
    }
    default: return std::nullopt;
  }
}

std::string type_text(const ArrowSchema& schema) {
  ArrowSchemaView type;
  if (ArrowSchemaViewInit(&type, &schema, nullptr) != NANOARROW_OK) return "?";
  switch (type.type) {
    case NANOARROW_TYPE_FIXED_SIZE_BINARY: return fmt::format("FixedSizeBinary({})", type.fixed_size);
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256:
      return fmt::format("Decimal{}({}, {})", type.decimal_bitwidth, type.decimal_precision, type.decimal_scale);
    case NANOARROW_TYPE_TIMESTAMP:
      return type.timezone != nullptr && *type.timezone != '\0'
                 ? fmt::format("Timestamp({}, Some(\"{}\"))", unit_of(type.time_unit).name, type.timezone)
                 : fmt::format("Timestamp({}, None)", unit_of(type.time_unit).name);
    case NANOARROW_TYPE_TIME32: return fmt::format("Time32({})", unit_of(type.time_unit).name);
    case NANOARROW_TYPE_TIME64: return fmt::format("Time64({})", unit_of(type.time_unit).name);
    case NANOARROW_TYPE_DURATION: return fmt::format("Duration({})", unit_of(type.time_unit).name);
    case NANOARROW_TYPE_LIST: return fmt::format("List({})", child_type(schema));
    case NANOARROW_TYPE_LARGE_LIST: return fmt::format("LargeList({})", child_type(schema));
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
      return fmt::format("FixedSizeList({}, {})", child_type(schema), type.fixed_size);
    case NANOARROW_TYPE_STRUCT: return "Struct";
    case NANOARROW_TYPE_MAP: return "Map";
    default: return plain_type_name(type.type);
  }
}

std::optional<std::string> value_text(const ArrowSchema& schema, const ArrowArrayView& array, int64_t row) {
  ArrowSchemaView type;
  if (ArrowSchemaViewInit(&type, &schema, nullptr) != NANOARROW_OK) return "?";
  if (type.type == NANOARROW_TYPE_NA || ArrowArrayViewIsNull(&array, row) != 0) return std::nullopt;
  switch (type.type) {
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_FIXED_SIZE_LIST:
    case NANOARROW_TYPE_MAP: return list_text(*schema.children[0], array, list_range(type, array, row));
    case NANOARROW_TYPE_STRUCT: return struct_text(schema, array, row);
    default: return scalar_text(type, array, row);
  }
}

}  // namespace rapidbyte::engine
