#pragma once
// transform-sql: a SELECT over each batch of a stream, or over all of it. A stream without a query passes through
// unchanged.

#include <memory>
#include <optional>
#include <string>

#include "connectors/shared/duckdb/engine.h"
#include "connectors/transform_sql/src/config.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::transform_sql {

class Transform {
 public:
  sdk::Status open(const sdk::Json& config);
  sdk::Result<sdk::TransformSummary> transform(const sdk::StreamContext& context);
  /// The stream's columns after the query, before its first row; called by the host.
  sdk::Result<sdk::TransformPlan> plan(const sdk::StreamContext& context);

 private:
  void warn_of_unused_queries(const sdk::StreamContext& context);
  sdk::Status open_engine(const sdk::StreamContext& context);
  sdk::Result<std::unique_ptr<duck::Query>> prepare(const std::string& sql, const sdk::StreamContext& context,
                                                    const sdk::Schema& input);

  Config config_;
  std::unique_ptr<duck::Engine> engine_;
  bool warned_ = false;  // of queries that fit no stream
};

}  // namespace rapidbyte::transform_sql
