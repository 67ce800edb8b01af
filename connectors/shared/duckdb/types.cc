#include "connectors/shared/duckdb/types.h"

#include <duckdb.hpp>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::duck {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using sdk::DataType;
using sdk::Field;
using sdk::Schema;
using sdk::Status;
using sdk::TypeId;

namespace {

std::optional<std::string> why_not(const DataType& type) {
  switch (type.id) {
    case TypeId::kDecimal256: return "has more than the 38 digits that DuckDB's DECIMAL holds";
    case TypeId::kDecimal128:
      if (type.scale < 0) return "has a negative scale, which DuckDB's DECIMAL does not know";
      return std::nullopt;
    default: return std::nullopt;
  }
}

bool nested(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::LIST:
    case LogicalTypeId::STRUCT:
    case LogicalTypeId::MAP:
    case LogicalTypeId::ARRAY:
    case LogicalTypeId::UNION:
    case LogicalTypeId::TUPLE:
    case LogicalTypeId::VARIANT: return true;
    default: return false;
  }
}

bool carried(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::UINTEGER:
    case LogicalTypeId::UBIGINT:
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
    case LogicalTypeId::DECIMAL:
    case LogicalTypeId::VARCHAR:
    case LogicalTypeId::BLOB:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIME:
    case LogicalTypeId::TIME_NS:
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
    case LogicalTypeId::TIMESTAMP_NS:
    case LogicalTypeId::TIMESTAMP_TZ:
    case LogicalTypeId::TIMESTAMP_TZ_NS:
    case LogicalTypeId::INTERVAL: return true;
    default: return false;
  }
}

}  // namespace

Status check_input_columns(const Schema& input) {
  for (size_t i = 0; i < input.size(); ++i) {
    const Field& field = input.fields[i];
    if (const auto why = why_not(field.type)) {
      return sdk::schema_error(codes::kColumnUnsupported,
                               "column `" + field.name + "` is " + field.type.name() + ", which " + *why +
                                   "; cast it to text in the source's `select`, or leave it out there");
    }
    for (size_t j = 0; j < i; ++j) {
      if (duckdb::Identifier(input.fields[j].name) == field.name) {
        return sdk::schema_error(
            codes::kColumnUnsupported,
            "columns `" + input.fields[j].name + "` and `" + field.name +
                "` differ only in the case of letters, which names in SQL do not; rename one in the "
                "source's `select`");
      }
    }
  }
  return {};
}

std::optional<std::string> cast_for_batches(const LogicalType& type, const std::string& column) {
  // A JSON value is already text, with an alias that the cast would not see.
  if (carried(type)) return std::nullopt;
  switch (type.id()) {
    // The cast fails with the row's value where 38 digits are not enough.
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT: return "CAST(" + column + " AS DECIMAL(38, 0))";
    default: break;
  }
  if (nested(type)) return "CAST(to_json(" + column + ") AS VARCHAR)";
  return "CAST(" + column + " AS VARCHAR)";
}

}  // namespace rapidbyte::duck
