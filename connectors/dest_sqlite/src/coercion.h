#pragma once
// Conversion of single values for columns whose type changed (schema_evolution.type_change: coerce or null). Only
// reversible conversions are made: a number with leading zeros stays a text, a decimal becomes a REAL only when its
// digits can be restored, and values that cannot be converted are left to the caller.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "rapidbyte/sdk/batch_reader.h"
#include "src/column_type.h"

namespace rapidbyte::dest_sqlite {

/// A value as it is stored: integer, real or text.
using Scalar = std::variant<int64_t, double, std::string>;

/// The value at `row` (not null) as a column of `affinity` stores it; nullopt when that would lose something. `text` is
/// the value's own text (decimals, times ...), used for the kinds that are stored as text.
std::optional<Scalar> coerce(const sdk::ColumnView& column, size_t row, std::string_view text, Affinity affinity);

}  // namespace rapidbyte::dest_sqlite
