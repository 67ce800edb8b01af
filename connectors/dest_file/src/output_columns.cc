#include "connectors/dest_file/src/output_columns.h"

#include <string_view>

namespace rapidbyte::dest_file {

using sdk::DataType;
using sdk::TypeId;

namespace {

bool is_binary(const DataType& type) {
  return type.id == TypeId::kBinary || type.id == TypeId::kLargeBinary || type.id == TypeId::kFixedSizeBinary;
}

bool is_float(const DataType& type) { return type.id == TypeId::kFloat32 || type.id == TypeId::kFloat64; }

// The column's value, of the table's type.
std::string value_of(const sdk::Schema& rows, const OutputColumn& column) {
  const sdk::Field& from = rows.fields[column.source];
  const std::string name = quoted_name(from.name);
  if (!column.convert) return name;
  const std::string to = "TRY_CAST(" + name + " AS " + type_sql(column.field.type) + ")";
  const std::string back = "TRY_CAST(" + to + " AS " + type_sql(from.type) + ")";
  const std::string otherwise =
      column.null_if_changed
          ? "NULL"
          : "error(" +
                quoted_text("column " + from.name + ": the value does not fit " + column.field.type.name() + ": ") +
                " || CAST(" + name + " AS VARCHAR))";
  return "CASE WHEN " + name + " IS NULL OR " + back + " = " + name + " THEN " + to + " ELSE " + otherwise + " END";
}

std::string as_hex(const std::string& value) { return R"('\x' || lower(hex()" + value + "))"; }

std::string for_parquet(const DataType& type, const std::string& value) {
  // Parquet's intervals have milliseconds only.
  if (type.id == TypeId::kIntervalMonthDayNano) return "CAST(" + value + " AS VARCHAR)";
  // It has no seconds; a value that is too large in microseconds has to fail here, as a row.
  if (type.id == TypeId::kTimestamp && !type.timezone && type.unit != sdk::TimeUnit::kNanosecond)
    return "CAST(" + value + " AS TIMESTAMP)";
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
  // JSON as text: put in as a value, its numbers would be doubles.
  return value;
}

}  // namespace

std::string select_list(Format format, const sdk::Schema& rows, const std::vector<OutputColumn>& columns) {
  std::string list;
  for (const OutputColumn& column : columns) {
    if (!list.empty()) list += ", ";
    const std::string value = value_of(rows, column);
    const std::string name = quoted_name(column.field.name);
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
