#pragma once
// Between the types of batches and DuckDB's: what is passed through unchanged, what is refused, and what a result's
// column is cast to when no batch can carry its type.

#include <optional>
#include <string>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

namespace duckdb {
struct LogicalType;
}

namespace rapidbyte::duck {

/// COLUMN_UNSUPPORTED (schema) names the first column that DuckDB would change, and says what to do.
sdk::Status check_input_columns(const sdk::Schema& input);

/// The SQL that turns `column` (quoted SQL) into a value that a batch can carry without loss; nullopt when it can carry
/// the column unchanged. Nested values become JSON.
std::optional<std::string> cast_for_batches(const duckdb::LogicalType& type, const std::string& column);

}  // namespace rapidbyte::duck
