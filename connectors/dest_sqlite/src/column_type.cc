#include "src/column_type.h"

#include <cctype>

namespace rapidbyte::dest_sqlite {

using sdk::TypeId;

Affinity affinity_of(std::string_view declared_type) {
  std::string upper;
  for (const char c : declared_type) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const auto has = [&upper](std::string_view part) { return upper.find(part) != std::string::npos; };
  // The order of the rules is SQLite's: "CHARINT" is an integer.
  if (has("INT")) return Affinity::kInteger;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::kText;
  if (upper.empty() || has("BLOB")) return Affinity::kBlob;
  if (has("REAL") || has("FLOA") || has("DOUB")) return Affinity::kReal;
  return Affinity::kNumeric;
}

ValueKind kind_of(const sdk::DataType& type) {
  switch (type.id) {
    case TypeId::kFloat32:
    case TypeId::kFloat64: return ValueKind::kReal;
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return ValueKind::kDecimal;
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return ValueKind::kText;
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return ValueKind::kBlob;
    case TypeId::kDate32:
    case TypeId::kTime32:
    case TypeId::kTime64:
    case TypeId::kTimestamp:
    case TypeId::kIntervalMonthDayNano: return ValueKind::kTemporal;
    default: return ValueKind::kInteger;
  }
}

std::string_view declared_type(const sdk::DataType& type) {
  if (type.id == TypeId::kBoolean) return "BOOLEAN";
  switch (kind_of(type)) {
    case ValueKind::kInteger: return "INTEGER";
    case ValueKind::kReal: return "REAL";
    case ValueKind::kBlob: return "BLOB";
    case ValueKind::kText:
    case ValueKind::kDecimal:
    case ValueKind::kTemporal: break;
  }
  return "TEXT";
}

bool stores_unchanged(Affinity affinity, ValueKind kind) {
  if (affinity == Affinity::kBlob) return true;
  switch (kind) {
    case ValueKind::kInteger: return affinity == Affinity::kInteger || affinity == Affinity::kNumeric;
    case ValueKind::kReal: return affinity == Affinity::kReal || affinity == Affinity::kNumeric;
    case ValueKind::kText:
    case ValueKind::kDecimal: return affinity == Affinity::kText;
    case ValueKind::kTemporal:
      // Never looks like a number, so NUMERIC (which DATE and TIMESTAMP columns have) leaves it unchanged.
      return affinity == Affinity::kText || affinity == Affinity::kNumeric;
    case ValueKind::kBlob: return false;
  }
  return false;
}

}  // namespace rapidbyte::dest_sqlite
