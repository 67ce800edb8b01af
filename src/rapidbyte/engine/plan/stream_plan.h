#pragma once
// Matches the pipeline's streams with the source's catalog: discovery, then names, sync modes, cursor fields, write
// modes and primary keys. Done once per run on the caller's thread, before any stream starts, so that a mistake costs
// nothing.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/plan/transform_plan.h"
#include "rapidbyte/pipeline/parser.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/catalog.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

struct PreparedPipeline;
struct RunContext;

/// A mistake in the pipeline file that the parser cannot see. With the file at hand, ParseOutcome::problem_at() finds
/// the line.
struct FileMistake {
  std::string section;  // a JSON pointer into the file: "/source/config"
  std::string pointer;  // one into the section: "/path"
  std::string message;
};

/// The mistakes with their places, in the order of the file.
[[nodiscard]] std::vector<pipeline::Problem> locate(const pipeline::ParseOutcome& parsed,
                                                    const std::vector<FileMistake>& mistakes);

/// One stream with everything resolved: what the pipeline leaves open comes from the catalog.
struct StreamPlan {
  /// With cursor field, write mode and primary key filled in.
  pipeline::StreamConfig config;
  pipeline::WriteMode write_mode = pipeline::WriteMode::kAppend;
  /// For an upsert: the source says that no two of its rows have the same key. Otherwise their order decides.
  bool key_is_unique_in_source = false;
  /// As discovered: [{name, data_type, nullable}], with every other key that the source gave (native_type ...).
  nlohmann::json columns = nlohmann::json::array();
  /// What the transforms make of it, one after the other; empty until they were asked (plan_transforms()).
  std::vector<TransformPlan> transforms{};
  /// Warnings for the user.
  std::vector<std::string> warnings{};
  /// Names of the streams whose rows refer to each other in a cycle, this one among them, in the order in which they
  /// are loaded; usually empty.
  std::vector<std::string> reference_ring = {};

  /// The columns that come to the transform of that index, or, behind the last one, to the destination.
  [[nodiscard]] const nlohmann::json& columns_into(size_t stage) const {
    for (size_t i = std::min(stage, transforms.size()); i > 0; --i)
      if (transforms[i - 1].columns) return *transforms[i - 1].columns;
    return columns;
  }
};

/// The pipeline's stream entries as a source with the feature "stream-options" gets them: [{name, sync_mode,
/// cursor_field, ...}].
[[nodiscard]] nlohmann::json stream_entries(const std::vector<pipeline::StreamConfig>& streams);

/// The streams of the pipeline that the run loads, in the pipeline's order; `only` has names and patterns
/// (pipeline/name_pattern.h). UNKNOWN_STREAM (config) when one of them matches none.
Result<std::vector<pipeline::StreamConfig>> select_streams(const std::vector<pipeline::StreamConfig>& configured,
                                                           const std::vector<std::string>& only);

/// Asks an open source for its catalog. CATALOG_INVALID.
Result<protocol::Catalog> ask_for_catalog(runtime::ComponentInstance& source, const runtime::Connector& connector);
/// The same with an instance of the run: opened, asked, closed. One that may be kept stays open in `run.first`; the
/// caller closes it.
Result<protocol::Catalog> discover_catalog(RunContext& run);

/// Every stream of the pipeline, including those that the run leaves out: the ones it names, otherwise the catalog's.
[[nodiscard]] std::vector<std::string> pipeline_streams(const pipeline::PipelineConfig& pipeline,
                                                        const protocol::Catalog& catalog);

/// One plan per stream of `selected`; when the pipeline names none, per stream of the catalog that `only` matches.
/// Errors (config): UNKNOWN_STREAM, NO_STREAMS, UNSUPPORTED_SYNC_MODE, UNSUPPORTED_WRITE_MODE, CURSOR_FIELD_MISSING,
/// PRIMARY_KEY_MISSING.
Result<std::vector<StreamPlan>> plan_streams(const PreparedPipeline& prepared,
                                             std::vector<pipeline::StreamConfig> selected,
                                             const std::vector<std::string>& only);

/// Plans every stream of the pipeline by the same rules, one at a time, so that all mistakes are found and each has its
/// place. Fills `prepared.plans` with the valid ones.
[[nodiscard]] std::vector<FileMistake> plan_each_stream(PreparedPipeline& prepared);

}  // namespace rapidbyte::engine
