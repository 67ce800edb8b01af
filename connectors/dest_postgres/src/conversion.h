#pragma once
// Conversion of columns whose type changed (schema_evolution.type_change: coerce or null). Only reversible conversions
// are made: "42" becomes a number and "007" stays what it is, a decimal becomes a float only when its digits can be
// restored, a timestamp becomes a date only at midnight. Values that do not convert are left to the caller's policy.

#include <string>
#include <vector>

#include "rapidbyte/sdk/batch_builder.h"
#include "src/column_plan.h"
#include "src/column_source.h"

namespace rapidbyte::dest_postgres {

/// Appends every value of `source` to `out`, whose type is natural_type(plan.type); a value that does not convert is
/// null there and, unless plan.null_if_changed, in `refused`. The rows in `as_null`, in order, become null without a
/// check.
void convert_column(const ColumnPlan& plan, const ColumnSource& source, size_t rows,
                    const std::vector<RefusedRow>& as_null, sdk::ColumnBuilder& out, std::vector<RefusedRow>& refused);

/// Whether the value means NaN or an infinity although its type has none (sdk::Field::special_values).
bool is_special(const ColumnSource& source, size_t row);

/// The value as PostgreSQL would write it; not for nulls. Bytes as "\x...".
std::string value_text(const ColumnSource& source, size_t row);

}  // namespace rapidbyte::dest_postgres
