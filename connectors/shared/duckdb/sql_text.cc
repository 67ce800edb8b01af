#include "connectors/shared/duckdb/sql_text.h"

#include <string_view>

namespace rapidbyte::duck {

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

}  // namespace rapidbyte::duck
