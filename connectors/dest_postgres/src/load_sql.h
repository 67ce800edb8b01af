#pragma once
// The statements that load rows, built once per schema of a stream. Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "src/column_plan.h"

namespace rapidbyte::dest_postgres {

/// Where upserted rows wait for the merge: a temporary table of the session, empty after every commit.
inline constexpr const char* kUpsertTable = "pg_temp._rapidbyte_upsert";
/// Its last column: the row's number within the load, so that the last row of a key wins.
inline constexpr const char* kRowNumber = "_rapidbyte_row";

/// Whether an upsert writes each of its rows, so that a row missing in the server's count was dropped by a trigger.
bool counts_upserts(const TargetPlan& plan);
/// COPY into the plan's table, or into kUpsertTable when the plan has a key.
std::string copy_sql(const TargetPlan& plan);
/// Creates kUpsertTable with the plan's columns.
std::string create_upsert_table_sql(const TargetPlan& plan);
/// Set before a merge, so that the rows are still there when it fails.
inline constexpr const char* kMergeSavepoint = "rapidbyte_merge";
/// Moves kUpsertTable's rows into the plan's table; with `rows` only those whose numbers are in [first, second).
std::string merge_sql(const TargetPlan& plan, std::optional<std::pair<uint64_t, uint64_t>> rows = {});
/// Removes the rows of kUpsertTable that a later one of the same key replaces.
std::string forget_replaced_sql(const TargetPlan& plan);
/// SELECT of one row of kUpsertTable by its number.
std::string upsert_row_sql(const TargetPlan& plan, uint64_t row);
/// INSERT of arrays, one parameter per column (and a last one of row numbers when the plan has a key). With
/// counts_upserts() it returns the rows to write and those written.
std::string insert_sql(const TargetPlan& plan);
/// Type of the array that carries a column, and of its elements: text for types without a binary form or an array.
struct ArrayType {
  Oid array = 0;
  Oid element = 0;
};
ArrayType array_type(const ColumnPlan& column);

/// A count as the server writes it; NULL is 0.
uint64_t count_of(const std::optional<std::string>& text);

}  // namespace rapidbyte::dest_postgres
