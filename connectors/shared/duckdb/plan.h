#pragma once
// What DuckDB's own plan of a query says about it: whether it can run batch by batch, and which columns of the result
// are unchanged columns of the input.

#include <optional>
#include <string>
#include <vector>

namespace duckdb {
class ArrowScanFactory;
class LogicalOperator;
struct TableFunctionInfo;
}  // namespace duckdb

namespace rapidbyte::duck {

struct PlanFacts {
  /// Why all rows of the input are needed at once; nullopt when each row of the result comes from one row of the input.
  std::optional<std::string> needs_all_rows;
  /// How often the input is read.
  size_t scans = 0;
  /// For each column of the result: the column of the input that it passes through unchanged.
  std::vector<std::optional<size_t>> origins;
};

/// `plan`: bound, not optimized, because the optimizer turns a query into one that is only valid for the current data.
/// `input`: what the scans of the input were bound to.
PlanFacts facts_of(const duckdb::LogicalOperator& plan, const duckdb::TableFunctionInfo* input);

}  // namespace rapidbyte::duck
