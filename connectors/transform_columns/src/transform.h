#pragma once
// transform-columns: chooses, renames, casts, fills, masks, hashes and empties columns. The rules become one SELECT for
// each stream; a stream that no rule changes passes through.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "connectors/transform_columns/src/column_sql.h"
#include "connectors/transform_columns/src/config.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::transform_columns {

class Transform {
 public:
  sdk::Status open(const sdk::Json& config);
  sdk::Result<sdk::TransformSummary> transform(const sdk::StreamContext& context);
  sdk::Result<sdk::TransformPlan> plan(const sdk::StreamContext& context);

 private:
  sdk::Status open_engine(const sdk::StreamContext& context);
  sdk::Result<ColumnQuery> query_for(const sdk::StreamContext& context, const sdk::Schema& columns);
  sdk::Result<std::unique_ptr<duck::Query>> prepare(const ColumnQuery& query, const sdk::StreamContext& context,
                                                    const sdk::Schema& columns);
  sdk::Status check_constants(const ColumnQuery& query, const sdk::Schema& columns);
  sdk::Status check_patterns(const sdk::StreamContext& context, const ColumnQuery& query);

  Config config_;
  sdk::Json keys_ = sdk::Json::object();
  std::unique_ptr<duck::Engine> engine_;
  std::set<std::string> planned_;  // streams that this instance was asked about
  std::set<PatternPlace> used_;  // by one of them
  std::set<std::string> columns_seen_;  // for suggestions
};

}  // namespace rapidbyte::transform_columns
