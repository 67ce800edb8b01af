#pragma once
// transform-check: rules that rows have to keep. Rows pass as they are; those that fail a rule are refused, left out,
// dead-lettered or only counted, and a stream of which too many fail ends before anything of it is published.

#include <array>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "connectors/transform_check/src/check_sql.h"
#include "connectors/transform_check/src/config.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::transform_check {

class Transform {
 public:
  sdk::Status open(const sdk::Json& config);
  sdk::Result<sdk::TransformSummary> transform(const sdk::StreamContext& context);
  sdk::Result<sdk::TransformPlan> plan(const sdk::StreamContext& context);

 private:
  friend class StreamCheck;
  sdk::Status open_engine(const sdk::StreamContext& context);
  sdk::Result<std::unique_ptr<duck::Query>> prepare(const std::string& sql, const sdk::Schema& columns);
  /// What decides the conditions, ready to run.
  sdk::Result<std::unique_ptr<duck::Query>> prepare_states(const std::vector<Condition>& conditions,
                                                           const sdk::Schema& columns);
  sdk::Status check_rules(const StreamRules& rules, const sdk::Schema& columns);
  sdk::Status check_condition(const Condition& condition, const sdk::Schema& columns);
  sdk::Status check_patterns(const sdk::StreamContext& context, const StreamRules& rules);

  Config config_;
  std::unique_ptr<duck::Engine> engine_;
  std::set<std::string> planned_;                           // streams that this instance was asked about
  std::set<std::pair<std::string, std::string>> used_;      // rules and patterns that fit a column of one of them
  std::set<std::pair<std::string, std::string>> unused_;    // or none
  std::set<std::string> columns_seen_;
};

}  // namespace rapidbyte::transform_check
