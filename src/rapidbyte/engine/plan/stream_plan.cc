#include "rapidbyte/engine/plan/stream_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/engine/plan/prepare.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/pipeline/name_pattern.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/pipeline/validator.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
using pipeline::StreamConfig;
using pipeline::SyncMode;
using pipeline::WriteMode;

/// `what`: "stream", or "stream that matches" for a pattern.
Status unknown_stream(std::string_view name, const std::vector<std::string>& known, std::string_view owner,
                      std::string_view what = "stream") {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return config_error(codes::kUnknownStream,
                      fmt::format("{} has no {} '{}'{}", owner, what, name, pipeline::name_suggestion(name, views)));
}

/// For each of `names`, whether one of `wanted`, names or patterns, matches it. UNKNOWN_STREAM when one of them matches
/// none.
Result<std::vector<bool>> choose(const std::vector<std::string>& wanted, const std::vector<std::string>& names,
                                 std::string_view owner) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  std::vector<bool> chosen(names.size(), false);
  for (const std::string& name : wanted) {
    const std::vector<size_t> found = pipeline::named_by(name, views);
    if (found.empty())
      return unknown_stream(name, names, owner, pipeline::is_name_pattern(name) ? "stream that matches" : "stream");
    for (const size_t place : found) chosen[place] = true;
  }
  return chosen;
}

std::vector<std::string> column_names(const json& columns) {
  std::vector<std::string> names;
  for (const json& column : columns) names.push_back(protocol::text_member(column, "name"));
  return names;
}

bool has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Status check_column(const StreamPlan& plan, std::string_view column, std::string_view what, std::string_view code) {
  const std::vector<std::string> names = column_names(plan.columns);
  // A source that does not report its columns cannot be checked.
  if (names.empty() || has(names, column)) return {};
  const std::vector<std::string_view> views(names.begin(), names.end());
  return config_error(std::string(code), fmt::format("stream '{}': the {} '{}' is not a column{}", plan.config.name,
                                                     what, column, pipeline::suggestion_text(column, views)));
}

// For components of 2.0.0 these lists were never compared with what they do, so one of the two suffices.
Status check_sync_mode(const PreparedPipeline& prepared, StreamPlan& plan, const protocol::CatalogStream& entry) {
  const std::string mode(to_string(plan.config.sync_mode));
  std::vector<std::string> supported = entry.sync_modes;
  std::string owner = fmt::format("stream '{}'", plan.config.name);
  const runtime::Manifest* manifest = prepared.source->manifest();
  const std::vector<std::string> of_manifest =
      manifest != nullptr && manifest->source ? manifest->source->modes : std::vector<std::string>();
  if (supported.empty()) {
    supported = of_manifest;
    owner = fmt::format("the source {}", prepared.source->name());
  }
  if (supported.empty() || has(supported, mode)) return {};
  if (!prepared.source->speaks_2_1() && has(of_manifest, mode)) {
    plan.warnings.push_back(
        fmt::format("stream '{}' has sync_mode {}: the manifest of the source {} has it, but its catalog names only {} "
                    "for this stream. If the source reads everything each time, every run loads the rows again",
                    plan.config.name, mode, prepared.source->name(), fmt::join(supported, ", ")));
    return {};
  }
  return config_error(codes::kUnsupportedSyncMode,
                      fmt::format("stream '{}' has sync_mode {}, but {} supports only {}", plan.config.name, mode,
                                  owner, fmt::join(supported, ", ")));
}

Status check_cursor(StreamPlan& plan, const protocol::CatalogStream& entry) {
  if (plan.config.sync_mode != SyncMode::kIncremental) return {};
  if (!plan.config.cursor_field) {
    const std::string given = entry.cursor.value_or("");
    if (given.empty()) {
      return config_error(codes::kCursorFieldMissing,
                          fmt::format("stream '{}' is incremental, and the source does not choose a cursor: set "
                                      "cursor_field to a column whose values only grow; columns are {}",
                                      plan.config.name, fmt::join(column_names(plan.columns), ", ")));
    }
    plan.config.cursor_field = given;
  }
  return check_column(plan, *plan.config.cursor_field, "cursor_field", codes::kCursorFieldMissing);
}

Status check_write_mode(const PreparedPipeline& prepared, StreamPlan& plan, const protocol::CatalogStream& entry) {
  if (prepared.destination == nullptr) return {};
  const std::string mode(to_string(plan.write_mode));
  const runtime::Manifest* manifest = prepared.destination->manifest();
  if (manifest != nullptr && manifest->destination && !manifest->destination->modes.empty() &&
      !has(manifest->destination->modes, mode)) {
    // The published connectors of 2.0.0 can do more than their manifests say; one that cannot must refuse the mode.
    const bool may_have_it = !prepared.destination->speaks_2_1() && plan.write_mode == WriteMode::kUpsert;
    if (!may_have_it)
      return config_error(
          codes::kUnsupportedWriteMode,
          fmt::format("stream '{}' has write_mode {}, but the destination {} supports only {}", plan.config.name, mode,
                      prepared.destination->name(), fmt::join(manifest->destination->modes, ", ")));
    plan.warnings.push_back(
        fmt::format("stream '{}' has write_mode upsert: the manifest of the destination {} names only {}. It is a "
                    "component of protocol 2.0.0, whose manifest need not declare everything it can do; look at the "
                    "table after the first two runs: no key may be there twice",
                    plan.config.name, prepared.destination->name(), fmt::join(manifest->destination->modes, ", ")));
  }
  if (plan.write_mode == WriteMode::kReplace && plan.config.sync_mode != SyncMode::kFullRefresh) {
    return config_error(
        codes::kUnsupportedWriteMode,
        fmt::format(
            "stream '{}' is {} and has write_mode replace: each run would leave only the newest rows in the table. Use "
            "append or upsert, or sync_mode full_refresh",
            plan.config.name, to_string(plan.config.sync_mode)));
  }
  if (plan.write_mode != WriteMode::kUpsert) return {};
  if (plan.config.primary_key.empty()) {
    plan.config.primary_key = pipeline::effective_primary_key(plan.config, prepared.pipeline.destination);
  }
  const std::vector<std::string>& sources_key = entry.primary_key;
  if (plan.config.primary_key.empty()) plan.config.primary_key = sources_key;
  // A transform may make equal what was unique.
  plan.key_is_unique_in_source = prepared.pipeline.transforms.empty() && !sources_key.empty() &&
                                 std::all_of(sources_key.begin(), sources_key.end(), [&](const std::string& column) {
                                   return has(plan.config.primary_key, column);
                                 });
  if (plan.config.primary_key.empty()) {
    return config_error(
        codes::kPrimaryKeyMissing,
        fmt::format("stream '{}' has write_mode upsert, and the source does not name a primary key: set "
                    "primary_key to the columns that identify a row; columns are {}",
                    plan.config.name, fmt::join(column_names(plan.columns), ", ")));
  }
  // Transforms may make the key columns.
  if (!prepared.pipeline.transforms.empty()) return {};
  for (const std::string& column : plan.config.primary_key) {
    RB_RETURN_NOT_OK(check_column(plan, column, "primary_key column", codes::kPrimaryKeyMissing));
  }
  return {};
}

Result<StreamPlan> plan_stream(const PreparedPipeline& prepared, StreamConfig config,
                               const protocol::CatalogStream& entry, const json& columns) {
  StreamPlan plan;
  plan.config = std::move(config);
  plan.write_mode = pipeline::effective_write_mode(plan.config, prepared.pipeline.destination);
  plan.config.write_mode = plan.write_mode;
  plan.columns = columns;
  RB_RETURN_NOT_OK(check_sync_mode(prepared, plan, entry));
  RB_RETURN_NOT_OK(check_cursor(plan, entry));
  RB_RETURN_NOT_OK(check_write_mode(prepared, plan, entry));
  return plan;
}

/// The key of a stream's entry that a planning error is about.
std::string_view pointer_of(std::string_view code) {
  if (code == codes::kUnknownStream) return "/name";
  if (code == codes::kUnsupportedSyncMode) return "/sync_mode";
  if (code == codes::kCursorFieldMissing) return "/cursor_field";
  if (code == codes::kUnsupportedWriteMode) return "/write_mode";
  if (code == codes::kPrimaryKeyMissing) return "/primary_key";
  return "";
}

}  // namespace

std::vector<pipeline::Problem> locate(const pipeline::ParseOutcome& parsed, const std::vector<FileMistake>& mistakes) {
  std::vector<pipeline::Problem> problems;
  for (const FileMistake& mistake : mistakes)
    problems.push_back(parsed.problem_at(mistake.section, mistake.pointer, mistake.message));
  std::stable_sort(problems.begin(), problems.end(), [](const pipeline::Problem& a, const pipeline::Problem& b) {
    return std::pair(a.location.line, a.location.column) < std::pair(b.location.line, b.location.column);
  });
  return problems;
}

json stream_entries(const std::vector<StreamConfig>& streams) {
  json entries = json::array();
  for (const StreamConfig& stream : streams) {
    json entry = stream.options.is_object() ? stream.options : json::object();
    entry["name"] = stream.name;
    entry["sync_mode"] = to_string(stream.sync_mode);
    if (stream.cursor_field) entry["cursor_field"] = *stream.cursor_field;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<StreamConfig>> select_streams(const std::vector<StreamConfig>& configured,
                                                 const std::vector<std::string>& only) {
  if (only.empty() || configured.empty()) return configured;
  std::vector<std::string> names;
  for (const StreamConfig& stream : configured) names.push_back(stream.name);
  RB_ASSIGN_OR_RETURN(const std::vector<bool> chosen, choose(only, names, "the pipeline"));
  std::vector<StreamConfig> selected;
  for (size_t i = 0; i < configured.size(); ++i) {
    if (chosen[i]) selected.push_back(configured[i]);
  }
  return selected;
}

Result<protocol::Catalog> ask_for_catalog(runtime::ComponentInstance& source, const runtime::Connector& connector) {
  RB_ASSIGN_OR_RETURN(const std::string text, source.discover());
  return protocol::parse_catalog(text, connector.name());
}

Result<protocol::Catalog> discover_catalog(RunContext& run) {
  RB_ASSIGN_OR_RETURN(run.first.source, start_instance(run, run.source, ""));
  runtime::ComponentInstance& instance = *run.first.source.instance;
  const Status opened = instance.open();
  auto catalog_text = opened.ok() ? instance.discover() : Result<std::string>(opened);
  if (!catalog_text.ok() || !may_be_kept(*run.source)) close_instance(run, run.first.source, *run.source, "");
  if (!catalog_text.ok()) return std::move(catalog_text).status();
  return protocol::parse_catalog(*catalog_text, run.source->name());
}

std::vector<std::string> pipeline_streams(const pipeline::PipelineConfig& pipeline, const protocol::Catalog& catalog) {
  std::vector<std::string> names;
  for (const StreamConfig& stream : pipeline.source.streams) names.push_back(stream.name);
  if (!names.empty()) return names;
  for (const protocol::CatalogStream& stream : catalog.streams) names.push_back(stream.name);
  return names;
}

Result<std::vector<StreamPlan>> plan_streams(const PreparedPipeline& prepared, std::vector<StreamConfig> selected,
                                             const std::vector<std::string>& only) {
  const protocol::Catalog& catalog = prepared.catalog;
  std::vector<std::string> available;
  std::unordered_map<std::string_view, size_t> places;
  for (const protocol::CatalogStream& stream : catalog.streams) {
    places.emplace(stream.name, available.size());
    available.push_back(stream.name);
  }
  const std::string owner = fmt::format("the source {}", prepared.source->name());
  if (selected.empty()) {
    RB_ASSIGN_OR_RETURN(const std::vector<bool> chosen, choose(only, available, owner));
    for (size_t i = 0; i < available.size(); ++i) {
      if (!only.empty() && !chosen[i]) continue;
      StreamConfig config;
      config.name = available[i];
      selected.push_back(std::move(config));
    }
  }
  if (selected.empty()) {
    return config_error(
        codes::kNoStreams,
        fmt::format("{} has no streams to read: its catalog is empty. Name the streams under source.streams, or "
                    "look at its config",
                    owner));
  }
  std::vector<StreamPlan> plans;
  for (StreamConfig& config : selected) {
    const auto at = places.find(config.name);
    if (at == places.end()) return unknown_stream(config.name, available, owner);
    RB_ASSIGN_OR_RETURN(StreamPlan plan, plan_stream(prepared, std::move(config), catalog.streams[at->second],
                                                     catalog.columns_json(at->second)));
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<FileMistake> plan_each_stream(PreparedPipeline& prepared) {
  std::vector<FileMistake> mistakes;
  const auto plan = [&](std::vector<StreamConfig> selected, const std::string& section) {
    auto plans = plan_streams(prepared, std::move(selected), {});
    if (!plans.ok()) {
      mistakes.push_back({section, std::string(pointer_of(plans.error().code)), plans.error().message});
      return;
    }
    std::move(plans->begin(), plans->end(), std::back_inserter(prepared.plans));
  };
  const std::vector<StreamConfig>& streams = prepared.pipeline.source.streams;
  if (streams.empty()) plan({}, "/source");
  for (size_t i = 0; i < streams.size(); ++i) plan({streams[i]}, fmt::format("/source/streams/{}", i));
  return mistakes;
}

}  // namespace rapidbyte::engine
