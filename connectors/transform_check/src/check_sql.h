#pragma once
// From the rules for a stream and its columns to conditions in SQL. Pure: what it makes is tested natively, and DuckDB
// runs it.

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/transform_check/src/config.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::transform_check {

/// A rule that DuckDB decides.
struct Condition {
  const Rule* rule = nullptr;
  /// A boolean expression; false: the row fails.
  std::string sql;
  /// Some rows may have values that it cannot be computed for.
  bool may_fail = false;
};

/// A rule that is decided here: the columns of its key.
struct Key {
  const Rule* rule = nullptr;
  std::vector<size_t> columns;
};

struct StreamRules {
  std::vector<Condition> conditions;
  std::vector<Key> keys;
  /// Constants that only DuckDB can read (dates, regular expressions): SELECT of it fails if one is none.
  std::vector<std::pair<const Rule*, std::string>> constants;
  /// (rule, pattern) of those that fit a column, and of those that do not.
  std::set<std::pair<std::string, std::string>> used;
  std::set<std::pair<std::string, std::string>> unused;
};

/// CHECK_INVALID (config) names rule and column.
sdk::Result<StreamRules> rules_of(const std::vector<const Rule*>& rules, const sdk::Schema& columns);

/// SELECT of each condition as it is, in columns of their own: shows what DuckDB makes of them.
std::string conditions_sql(const std::vector<Condition>& conditions);
/// SELECT of one number for each condition and row: 0 it passes, 1 it fails, 2 it cannot be computed. `guarded`: with
/// TRY around what may fail, which DuckDB does not take around everything.
std::string states_sql(const std::vector<Condition>& conditions, bool guarded);

/// How a rule reads in a message: "amount >= 0", "not_null of email".
std::string shown(const Rule& rule);

}  // namespace rapidbyte::transform_check
