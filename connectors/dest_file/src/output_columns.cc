#include "connectors/dest_file/src/output_columns.h"

#include <string_view>

namespace rapidbyte::dest_file {

using sdk::DataType;
using sdk::TimeUnit;
using sdk::TypeId;

namespace {

std::string put_in(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

bool is_binary(const DataType& type) {
  return type.id == TypeId::kBinary || type.id == TypeId::kLargeBinary || type.id == TypeId::kFixedSizeBinary;
}

bool is_float(const DataType& type) { return type.id == TypeId::kFloat32 || type.id == TypeId::kFloat64; }

bool is_json(const sdk::Field& field) {
  return field.native_type.ends_with(":json") || field.native_type.ends_with(":jsonb");
}

// The column's value, of the table's type.
std::string value_of(const sdk::Schema& rows, const OutputColumn& column) {
  const sdk::Field& from = rows.fields[column.source];
  const std::string name = sql_name(from.name);
  if (!column.convert) return name;
  const std::string to = "TRY_CAST(" + name + " AS " + sql_type(column.field.type) + ")";
  const std::string back = "TRY_CAST(" + to + " AS " + sql_type(from.type) + ")";
  const std::string otherwise =
      column.null_if_changed
          ? "NULL"
          : "error(" + sql_text("column " + from.name + ": the value does not fit " + column.field.type.name() + ": ") +
                " || CAST(" + name + " AS VARCHAR))";
  return "CASE WHEN " + name + " IS NULL OR " + back + " = " + name + " THEN " + to + " ELSE " + otherwise + " END";
}

std::string as_hex(const std::string& value) { return R"('\x' || lower(hex()" + value + "))"; }

std::string for_parquet(const DataType& type, const std::string& value) {
  // Parquet's intervals have milliseconds only.
  if (type.id == TypeId::kIntervalMonthDayNano) return "CAST(" + value + " AS VARCHAR)";
  return value;
}

std::string for_csv(const DataType& type, const std::string& value) { return is_binary(type) ? as_hex(value) : value; }

std::string for_json(const OutputColumn& column, const std::string& value) {
  const DataType& type = column.field.type;
  if (is_binary(type)) return as_hex(value);
  // JSON's numbers are read as doubles by most; a decimal as text keeps all its digits.
  if (type.id == TypeId::kDecimal128) return "CAST(" + value + " AS VARCHAR)";
  // JSON has no word for NaN and the infinities.
  if (is_float(type))
    return "CASE WHEN isfinite(" + value + ") THEN to_json(" + value + ") ELSE to_json(CAST(" + value +
           " AS VARCHAR)) END";
  if (is_json(column.field)) return "CAST(" + value + " AS JSON)";
  return value;
}

}  // namespace

std::string sql_name(const std::string& name) { return put_in(name, '"'); }
std::string sql_text(const std::string& text) { return put_in(text, '\''); }

std::string sql_type(const DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean: return "BOOLEAN";
    case TypeId::kInt8: return "TINYINT";
    case TypeId::kInt16: return "SMALLINT";
    case TypeId::kInt32: return "INTEGER";
    case TypeId::kInt64: return "BIGINT";
    case TypeId::kUInt8: return "UTINYINT";
    case TypeId::kUInt16: return "USMALLINT";
    case TypeId::kUInt32: return "UINTEGER";
    case TypeId::kUInt64: return "UBIGINT";
    case TypeId::kFloat32: return "FLOAT";
    case TypeId::kFloat64: return "DOUBLE";
    case TypeId::kDecimal128:
    case TypeId::kDecimal256:
      return "DECIMAL(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return "VARCHAR";
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return "BLOB";
    case TypeId::kDate32: return "DATE";
    case TypeId::kTime32: return "TIME";
    case TypeId::kTime64: return type.unit == TimeUnit::kNanosecond ? "TIME_NS" : "TIME";
    case TypeId::kTimestamp:
      if (type.timezone) return "TIMESTAMPTZ";
      switch (type.unit) {
        case TimeUnit::kSecond: return "TIMESTAMP_S";
        case TimeUnit::kMillisecond: return "TIMESTAMP_MS";
        case TimeUnit::kMicrosecond: return "TIMESTAMP";
        case TimeUnit::kNanosecond: return "TIMESTAMP_NS";
      }
      return "TIMESTAMP";
    case TypeId::kIntervalMonthDayNano: return "INTERVAL";
  }
  return "VARCHAR";
}

std::string select_list(Format format, const sdk::Schema& rows, const std::vector<OutputColumn>& columns) {
  std::string list;
  for (const OutputColumn& column : columns) {
    if (!list.empty()) list += ", ";
    const std::string value = value_of(rows, column);
    const std::string name = sql_name(column.field.name);
    switch (format) {
      case Format::kParquet: list += for_parquet(column.field.type, value) + " AS " + name; break;
      case Format::kCsv: list += for_csv(column.field.type, value) + " AS " + name; break;
      case Format::kNdjson: list += name + " := " + for_json(column, value); break;
    }
  }
  if (format == Format::kNdjson) return "CAST(to_json(struct_pack(" + list + ")) AS VARCHAR) AS record";
  return list;
}

}  // namespace rapidbyte::dest_file
