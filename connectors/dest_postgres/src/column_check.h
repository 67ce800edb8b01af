#pragma once
// Finds the rows of a column that cannot be stored in the table's column unchanged: numbers out of range, digits that
// the column would round away, texts that are not valid UTF-8 or hold a NUL character, malformed UUIDs. Column by
// column, with a fast path for the usual case that there are none. Pure functions.

#include <vector>

#include "src/column_plan.h"
#include "src/column_source.h"

namespace rapidbyte::dest_postgres {

/// Appends the refused rows of `source` (`rows` values) to `refused`, in order.
void check_column(const ColumnPlan& plan, const ColumnSource& source, size_t rows, std::vector<RefusedRow>& refused);

/// Whether `text` is a UUID in one of the forms that PostgreSQL accepts.
bool is_uuid(std::string_view text);

/// The value as readable text, cut to 200 bytes; "NULL".
std::string readable_value(const ColumnSource& source, size_t row);

}  // namespace rapidbyte::dest_postgres
