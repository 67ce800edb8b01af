#pragma once
// From the rules and a stream's columns to a SELECT. Pure: what it makes is tested natively, and DuckDB runs it.

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "connectors/transform_columns/src/config.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::transform_columns {

/// A pattern of the config: the entry of `streams` that it stands in ("" for all), the rule, the pattern.
using PatternPlace = std::tuple<std::string, std::string, std::string>;

struct ColumnQuery {
  /// A SELECT over `input`, whose keys for hashes are the parameters `$rapidbyte_inner` and `$rapidbyte_outer`.
  std::string sql;
  /// SELECT of the constants that only DuckDB can read (dates and the like); empty: none. Fails if one of them is none.
  std::string constants;
  /// Every column is passed on as it is, under its name and in its place.
  bool unchanged = true;
  /// "2 renamed, 1 hashed"; empty when nothing is done.
  std::string note;
  /// The patterns that fit a column.
  std::set<PatternPlace> used;
};

/// COLUMNS_COLLIDE, CAST_IMPOSSIBLE, INVALID_CONFIG (config) name the column.
sdk::Result<ColumnQuery> make_query(const Config& config, std::string_view stream, const sdk::Schema& columns);

/// All patterns that rules for columns have, of the entry of `streams` with this pattern ("": of the rules for all).
std::vector<PatternPlace> patterns_of(const Config& config, const std::string& entry);

/// SQL that makes of `value` (SQL) of a type another one, and fails a row whose value would change. CAST_IMPOSSIBLE.
sdk::Result<std::string> exact_cast(const std::string& value, const std::string& column, const sdk::DataType& from,
                                    const sdk::DataType& to);

}  // namespace rapidbyte::transform_columns
