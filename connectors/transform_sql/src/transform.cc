#include "connectors/transform_sql/src/transform.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "connectors/shared/duckdb/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_sql {

using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::StreamContext;
using sdk::TransformPlan;
using sdk::TransformSummary;

namespace {

// Of a folder that DuckDB makes when the first row has to go there, and removes with the engine.
std::string private_name() {
  uint64_t random = 0;
  if (getentropy(&random, sizeof(random)) != 0) random = static_cast<uint64_t>(clock());
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(random));
  return std::string("rapidbyte-spill-") + hex.data();
}

}  // namespace

Status Transform::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(config_, Config::parse(config));
  return {};
}

void Transform::warn_of_unused_queries(const StreamContext& context) {
  const std::vector<std::string> streams = duck::streams_of_pipeline(context);
  if (streams.empty() || warned_) return;
  warned_ = true;
  const std::vector<std::string_view> names(streams.begin(), streams.end());
  for (const auto& [pattern, query] : config_.queries) {
    if (!protocol::named_by(pattern, names).empty()) continue;
    sdk::host::log_warn("`queries`: `" + pattern + "` fits no stream of the pipeline" +
                        protocol::name_suggestion(pattern, names));
  }
}

Status Transform::open_engine(const StreamContext& context) {
  if (engine_ != nullptr) return {};
  duck::EngineLimits limits{.memory_bytes = context.limits.max_memory_bytes / 100 * duck::kEnginePercent};
  if (!config_.spill_folder.empty()) {
    limits.temporary_folder = config_.spill_folder + "/" + private_name();
    limits.temporary_bytes = config_.spill_bytes;
  }
  RB_SDK_ASSIGN_OR_RETURN(engine_, duck::Engine::open(limits));
  for (const Lookup& table : config_.tables)
    RB_SDK_RETURN_NOT_OK(engine_->load_table(table.name, table.path, table.format));
  return {};
}

Result<std::unique_ptr<duck::Query>> Transform::prepare(const std::string& sql, const StreamContext& context,
                                                        const Schema& input) {
  RB_SDK_RETURN_NOT_OK(open_engine(context));
  auto query = engine_->prepare(sql, input, {context.stream_name}, config_.parameters);
  if (!query.ok()) return duck::in_stream(query.status(), context.stream_name);
  if ((*query)->needs_all_rows() && !config_.whole) {
    return duck::in_stream(
        sdk::config_error(codes::kSqlNeedsAllRows,
                          "the query needs all rows of the stream at once, because " + *(*query)->needs_all_rows() +
                              ". With `whole: true` it gets them: they have to fit into `resources.max_memory` or a "
                              "folder under `spill`, "
                              "and a load that is interrupted begins again. Or leave that to the destination"),
        context.stream_name);
  }
  if ((*query)->needs_all_rows() && (*query)->scans() > 1)
    return duck::in_stream(duck::read_once(), context.stream_name);
  return query;
}

Result<TransformPlan> Transform::plan(const StreamContext& context) {
  warn_of_unused_queries(context);
  const std::string* sql = config_.query_for(context.stream_name);
  if (sql == nullptr) return TransformPlan{.columns = context.schema, .stateless = true, .note = "passes through"};
  RB_SDK_ASSIGN_OR_RETURN(const auto query, prepare(*sql, context, context.schema));
  const auto& why = query->needs_all_rows();
  return TransformPlan{.columns = query->columns(),
                       .stateless = !why,
                       .note = why ? "over the whole stream: " + *why : "batch by batch"};
}

Result<TransformSummary> Transform::transform(const StreamContext& context) {
  const std::string* sql = config_.query_for(context.stream_name);
  if (sql == nullptr) return duck::pass_through();
  return duck::run_stream(context, [&](const Schema& input) { return prepare(*sql, context, input); });
}

}  // namespace rapidbyte::transform_sql
