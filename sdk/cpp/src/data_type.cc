#include "rapidbyte/sdk/data_type.h"

#include <array>
#include <charconv>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {

namespace {

struct PlainName {
  std::string_view name;
  TypeId id;
};

// The types without parameters.
constexpr std::array kPlainNames = {
    PlainName{"Boolean", TypeId::kBoolean},
    PlainName{"Int8", TypeId::kInt8},
    PlainName{"Int16", TypeId::kInt16},
    PlainName{"Int32", TypeId::kInt32},
    PlainName{"Int64", TypeId::kInt64},
    PlainName{"UInt8", TypeId::kUInt8},
    PlainName{"UInt16", TypeId::kUInt16},
    PlainName{"UInt32", TypeId::kUInt32},
    PlainName{"UInt64", TypeId::kUInt64},
    PlainName{"Float32", TypeId::kFloat32},
    PlainName{"Float64", TypeId::kFloat64},
    PlainName{"Utf8", TypeId::kUtf8},
    PlainName{"LargeUtf8", TypeId::kLargeUtf8},
    PlainName{"Binary", TypeId::kBinary},
    PlainName{"LargeBinary", TypeId::kLargeBinary},
    PlainName{"Date32", TypeId::kDate32},
};

constexpr std::array<std::string_view, 4> kUnitNames = {"Second", "Millisecond", "Microsecond", "Nanosecond"};

std::string_view unit_name(TimeUnit unit) { return kUnitNames[static_cast<size_t>(unit)]; }

std::optional<TimeUnit> unit_from_name(std::string_view name) {
  for (size_t i = 0; i < kUnitNames.size(); ++i) {
    if (kUnitNames[i] == name) return static_cast<TimeUnit>(i);
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<int32_t> number(std::string_view text) {
  text = trimmed(text);
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// "Name(arguments)" -> arguments, when the name is `name`.
std::optional<std::string_view> arguments_of(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  return text.substr(1, text.size() - 2);
}

std::optional<DataType> parse_decimal(std::string_view arguments, TypeId id, int32_t max_precision) {
  const size_t comma = arguments.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto precision = number(arguments.substr(0, comma));
  const auto scale = number(arguments.substr(comma + 1));
  if (!precision || !scale || *precision < 1 || *precision > max_precision) return std::nullopt;
  if (*scale > *precision || *scale < -max_precision) return std::nullopt;
  DataType type = DataType::of(id);
  type.precision = *precision;
  type.scale = *scale;
  return type;
}

std::optional<DataType> parse_timestamp(std::string_view arguments) {
  const size_t comma = arguments.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto unit = unit_from_name(trimmed(arguments.substr(0, comma)));
  const std::string_view zone = trimmed(arguments.substr(comma + 1));
  if (!unit) return std::nullopt;
  if (zone == "None") return DataType::timestamp(*unit);
  const auto quoted = arguments_of(zone, "Some");
  if (!quoted || quoted->size() < 3 || quoted->front() != '"' || quoted->back() != '"') return std::nullopt;
  return DataType::timestamp(*unit, std::string(quoted->substr(1, quoted->size() - 2)));
}

std::optional<DataType> parse_parametric(std::string_view name) {
  constexpr int32_t kMaxDecimal128 = 38;  // digits that always fit in 128 bits
  constexpr int32_t kMaxDecimal256 = 76;
  if (const auto arguments = arguments_of(name, "Decimal128")) {
    return parse_decimal(*arguments, TypeId::kDecimal128, kMaxDecimal128);
  }
  if (const auto arguments = arguments_of(name, "Decimal256")) {
    return parse_decimal(*arguments, TypeId::kDecimal256, kMaxDecimal256);
  }
  if (const auto arguments = arguments_of(name, "Timestamp")) return parse_timestamp(*arguments);
  if (const auto arguments = arguments_of(name, "Time32")) {
    const auto unit = unit_from_name(trimmed(*arguments));
    if (unit != TimeUnit::kSecond && unit != TimeUnit::kMillisecond) return std::nullopt;
    return DataType::time32(*unit);
  }
  if (const auto arguments = arguments_of(name, "Time64")) {
    const auto unit = unit_from_name(trimmed(*arguments));
    if (unit != TimeUnit::kMicrosecond && unit != TimeUnit::kNanosecond) return std::nullopt;
    return DataType::time64(*unit);
  }
  if (const auto arguments = arguments_of(name, "Interval")) {
    if (trimmed(*arguments) == "MonthDayNano") return DataType::of(TypeId::kIntervalMonthDayNano);
    return std::nullopt;
  }
  if (const auto arguments = arguments_of(name, "FixedSizeBinary")) {
    const auto width = number(*arguments);
    if (width && *width >= 1) return DataType::fixed_size_binary(*width);
  }
  return std::nullopt;
}

}  // namespace

Result<DataType> DataType::parse(std::string_view name) {
  name = trimmed(name);
  for (const PlainName& plain : kPlainNames) {
    if (plain.name == name) return DataType::of(plain.id);
  }
  if (const auto type = parse_parametric(name)) return *type;
  return schema_error(codes::kUnknownType, "`" + std::string(name) +
                                               "` is not a data type that connectors exchange; examples: Int64, Utf8, "
                                               "Decimal128(38, 9), Timestamp(Microsecond, Some(\"UTC\"))");
}

std::string DataType::name() const {
  for (const PlainName& plain : kPlainNames) {
    if (plain.id == id) return std::string(plain.name);
  }
  const auto decimal = [this](std::string_view prefix) {
    return std::string(prefix) + "(" + std::to_string(precision) + ", " + std::to_string(scale) + ")";
  };
  switch (id) {
    case TypeId::kDecimal128: return decimal("Decimal128");
    case TypeId::kDecimal256: return decimal("Decimal256");
    case TypeId::kTime32: return "Time32(" + std::string(unit_name(unit)) + ")";
    case TypeId::kTime64: return "Time64(" + std::string(unit_name(unit)) + ")";
    case TypeId::kTimestamp:
      return "Timestamp(" + std::string(unit_name(unit)) + ", " +
             (timezone ? "Some(\"" + *timezone + "\")" : std::string("None")) + ")";
    case TypeId::kFixedSizeBinary: return "FixedSizeBinary(" + std::to_string(byte_width) + ")";
    case TypeId::kIntervalMonthDayNano: return "Interval(MonthDayNano)";
    default: return "unknown";
  }
}

uint32_t DataType::value_width() const {
  switch (id) {
    case TypeId::kInt8:
    case TypeId::kUInt8: return 1;
    case TypeId::kInt16:
    case TypeId::kUInt16: return 2;
    case TypeId::kInt32:
    case TypeId::kUInt32:
    case TypeId::kFloat32:
    case TypeId::kDate32:
    case TypeId::kTime32: return 4;
    case TypeId::kInt64:
    case TypeId::kUInt64:
    case TypeId::kFloat64:
    case TypeId::kTime64:
    case TypeId::kTimestamp: return 8;
    case TypeId::kDecimal128:
    case TypeId::kIntervalMonthDayNano: return 16;
    case TypeId::kDecimal256: return 32;
    case TypeId::kFixedSizeBinary: return static_cast<uint32_t>(byte_width);
    case TypeId::kBoolean:
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return 0;
  }
  return 0;
}

Result<Field> Field::from_json(const Json& json) {
  const auto name = string_member(json, "name");
  if (!name) return schema_error(codes::kInvalidColumn, "a column has no `name`");
  const auto type_name = string_member(json, "data_type");
  if (!type_name) return schema_error(codes::kInvalidColumn, "column `" + *name + "` has no `data_type`");
  auto type = DataType::parse(*type_name);
  if (!type.ok()) return std::move(type).status().with_context("column `" + *name + "`");
  return Field{.name = *name,
               .type = std::move(*type),
               .nullable = bool_member(json, "nullable").value_or(true),
               .native_type = string_member(json, "native_type").value_or(""),
               .special_values = bool_member(json, "special_values").value_or(false),
               .native_fields = string_member(json, "native_fields").value_or("")};
}

Json Field::to_json() const {
  Json column = {{"name", name}, {"data_type", type.name()}, {"nullable", nullable}};
  if (!native_type.empty()) column["native_type"] = native_type;
  if (special_values) column["special_values"] = true;
  if (!native_fields.empty()) column["native_fields"] = native_fields;
  return column;
}

std::optional<size_t> Schema::index_of(std::string_view name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return i;
  }
  return std::nullopt;
}

Result<Schema> Schema::from_json(const Json& columns) {
  if (!columns.is_array()) {
    return schema_error(codes::kInvalidColumn,
                        "the columns must be a list, not " + std::string(describe_type(columns)));
  }
  Schema schema;
  for (const Json& column : columns) {
    RB_SDK_ASSIGN_OR_RETURN(Field field, Field::from_json(column));
    schema.fields.push_back(std::move(field));
  }
  return schema;
}

Json Schema::to_json() const {
  Json columns = Json::array();
  for (const Field& field : fields) columns.push_back(field.to_json());
  return columns;
}

}  // namespace rapidbyte::sdk
