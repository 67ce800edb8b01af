#pragma once
// Matches the pipeline's streams with what the source has: discovery, then names, sync modes, cursor fields, write
// modes and primary keys. Done once per run on the caller's thread, before any stream starts, so that a mistake costs
// nothing.

#include <nlohmann/json.hpp>
#include <vector>

#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/catalog.h"

namespace rapidbyte::engine {

/// The pipeline's stream entries as a source with the feature "stream-options" gets them: [{name, sync_mode,
/// cursor_field, ...}].
[[nodiscard]] nlohmann::json stream_entries(const std::vector<pipeline::StreamConfig>& streams);

/// Streams of the pipeline that the run is about, in the pipeline's order; `only` has names and patterns
/// (pipeline/name_pattern.h). UNKNOWN_STREAM (config) when one of them stands for none.
Result<std::vector<pipeline::StreamConfig>> select_streams(const std::vector<pipeline::StreamConfig>& configured,
                                                           const std::vector<std::string>& only);

/// Asks a source instance for its catalog: open, discover, close. CATALOG_INVALID. An instance that may be kept stays
/// open in `run.first`; the caller sees to its end.
Result<protocol::Catalog> discover_catalog(RunContext& run);

/// Every stream of the pipeline, whatever the run leaves out: those that it names, otherwise the catalog's.
[[nodiscard]] std::vector<std::string> pipeline_streams(const pipeline::PipelineConfig& pipeline,
                                                        const protocol::Catalog& catalog);

/// One plan per stream of `selected`; when the pipeline names none, per stream of the catalog (of `options.streams`).
/// Errors (config): UNKNOWN_STREAM, NO_STREAMS, UNSUPPORTED_SYNC_MODE, UNSUPPORTED_WRITE_MODE, CURSOR_FIELD_MISSING,
/// PRIMARY_KEY_MISSING.
Result<std::vector<StreamPlan>> plan_streams(const RunContext& run, std::vector<pipeline::StreamConfig> selected,
                                             const protocol::Catalog& catalog);

}  // namespace rapidbyte::engine
