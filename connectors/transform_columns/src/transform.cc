#include "connectors/transform_columns/src/transform.h"

#include <algorithm>

#include "connectors/shared/duckdb/stream_runs.h"
#include "connectors/transform_columns/src/hash_key.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_columns {

using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::StreamContext;
using sdk::TransformPlan;
using sdk::TransformSummary;

namespace {

std::vector<std::string_view> views(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

Status fits_nothing(const PatternPlace& place, const std::set<std::string>& columns) {
  const auto& [entry, rule, pattern] = place;
  const std::string where = entry.empty() ? "" : "`streams`, `" + entry + "`: ";
  return sdk::config_error(codes::kPatternUnmatched, where + "`" + rule + "`: `" + pattern + "` fits no column" +
                                                         protocol::name_suggestion(pattern, views(columns)));
}

}  // namespace

Status Transform::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(config_, Config::parse(config));
  if (!config_.needs_key()) return {};
  RB_SDK_ASSIGN_OR_RETURN(keys_, read_hash_key());
  return {};
}

Status Transform::open_engine(const StreamContext& context) {
  if (engine_ != nullptr) return {};
  RB_SDK_ASSIGN_OR_RETURN(
      engine_, duck::Engine::open({.memory_bytes = context.limits.max_memory_bytes / 100 * duck::kEnginePercent}));
  return {};
}

Result<ColumnQuery> Transform::query_for(const StreamContext& context, const Schema& columns) {
  auto query = make_query(config_, context.stream_name, columns);
  if (!query.ok()) return duck::in_stream(query.status(), context.stream_name);
  return query;
}

Result<std::unique_ptr<duck::Query>> Transform::prepare(const ColumnQuery& query, const StreamContext& context,
                                                        const Schema& columns) {
  RB_SDK_RETURN_NOT_OK(open_engine(context));
  auto prepared = engine_->prepare(query.sql, columns, {}, keys_);
  if (!prepared.ok()) return duck::in_stream(prepared.status(), context.stream_name);
  // Rules make no such query; if they did, rows would be held back behind a checkpoint.
  if ((*prepared)->needs_all_rows())
    return Status(sdk::internal_error(codes::kSqlEngineFailed, *(*prepared)->needs_all_rows()));
  return prepared;
}

// Dates and the like are texts that only DuckDB can read: a wrong one is a mistake of the config, not of a row.
Status Transform::check_constants(const ColumnQuery& query, const Schema& columns) {
  if (query.constants.empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(const auto prepared, engine_->prepare(query.constants, columns, {}, sdk::Json::object()));
  const Status status = duck::run_for_nothing(*prepared);
  if (status.ok()) return {};
  return sdk::config_error(codes::kInvalidConfig, "`default`: " + status.error().message);
}

// A pattern that fits nothing is a misspelling, and what it should have hidden would be in the destination.
Status Transform::check_patterns(const StreamContext& context, const ColumnQuery& query) {
  std::set<std::string> here;
  for (const sdk::Field& field : context.schema.fields) here.insert(field.name);
  const auto* entry = config_.entry_for(context.stream_name);
  if (entry != nullptr && entry->first == context.stream_name) {
    for (const PatternPlace& place : patterns_of(config_, entry->first)) {
      if (!query.used.contains(place)) return fits_nothing(place, here);
    }
  }
  planned_.insert(context.stream_name);
  used_.insert(query.used.begin(), query.used.end());
  columns_seen_.merge(here);
  const std::vector<std::string> streams = duck::streams_of_pipeline(context);
  if (streams.empty()) return {};
  const std::vector<std::string_view> names(streams.begin(), streams.end());
  for (const auto& [pattern, rules] : config_.streams) {
    if (protocol::named_by(pattern, names).empty())
      return sdk::config_error(codes::kPatternUnmatched, "`streams`: `" + pattern + "` fits no stream" +
                                                             protocol::name_suggestion(pattern, names));
  }
  // What is for several streams has to fit one of them, which is known when all were asked.
  if (!std::all_of(streams.begin(), streams.end(), [&](const std::string& name) { return planned_.contains(name); }))
    return {};
  std::vector<std::string> entries = {""};
  for (const auto& [pattern, rules] : config_.streams) entries.push_back(pattern);
  for (const std::string& place_of : entries) {
    for (const PatternPlace& place : patterns_of(config_, place_of)) {
      if (!used_.contains(place)) return fits_nothing(place, columns_seen_);
    }
  }
  return {};
}

Result<TransformPlan> Transform::plan(const StreamContext& context) {
  RB_SDK_ASSIGN_OR_RETURN(const ColumnQuery query, query_for(context, context.schema));
  RB_SDK_RETURN_NOT_OK(duck::in_stream(check_patterns(context, query), context.stream_name));
  if (query.unchanged) return TransformPlan{.columns = context.schema, .stateless = true, .note = "passes through"};
  RB_SDK_RETURN_NOT_OK(open_engine(context));
  RB_SDK_RETURN_NOT_OK(duck::in_stream(check_constants(query, context.schema), context.stream_name));
  RB_SDK_ASSIGN_OR_RETURN(const auto prepared, prepare(query, context, context.schema));
  sdk::host::log_info("stream `" + context.stream_name + "`: " + query.sql);
  return TransformPlan{.columns = prepared->columns(), .stateless = true, .note = query.note};
}

Result<TransformSummary> Transform::transform(const StreamContext& context) {
  if (!context.schema.fields.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const ColumnQuery query, query_for(context, context.schema));
    // No rule applies to the columns that were planned. A column that comes later may need one, and must not get by.
    if (query.unchanged) {
      return duck::pass_through([&](const Schema& columns) -> Status {
        RB_SDK_ASSIGN_OR_RETURN(const ColumnQuery now, query_for(context, columns));
        if (now.unchanged) return {};
        return duck::in_stream(
            sdk::schema_error(codes::kSchemaChanged,
                              "the batches have columns to which rules apply, and the source had not announced them; "
                              "nothing of these batches was sent. Run again"),
            context.stream_name);
      });
    }
  }
  return duck::run_stream(context, [&](const Schema& columns) -> Result<std::unique_ptr<duck::Query>> {
    RB_SDK_ASSIGN_OR_RETURN(const ColumnQuery query, query_for(context, columns));
    return prepare(query, context, columns);
  });
}

}  // namespace rapidbyte::transform_columns
