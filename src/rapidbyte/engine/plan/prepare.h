#pragma once
// prepare(): the only way from a pipeline file to something that can be run, checked or queried. It loads the
// connectors, validates the config of each against its manifest's JSON Schema, and resolves its grants; the streams are
// added once the source has been asked (stream_plan.h). `run`, `check`, `discover` and a dry run use its result and
// repeat none of these decisions. Runs on the caller's thread.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/plan/stream_plan.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::engine {

/// One connector of a pipeline: its place in the file and its role.
struct ConnectorSlot {
  const pipeline::ConnectorUse* use = nullptr;
  runtime::ConnectorRole role = runtime::ConnectorRole::kSource;
  Stage stage = Stage::kSource;
  std::string id;  // "source", "destination", "transform-0"
  std::string pointer;  // "/source", "/transforms/0"
};

/// A slot and what was found out about it.
struct PreparedConnector {
  ConnectorSlot slot;
  std::shared_ptr<const runtime::Connector> connector;  // shared with the runtime; null: it could not be loaded
  /// The error of load(), or MANIFEST_INVALID for an unusable schema.
  Status loaded;
  /// Mistakes in its config and, for a source, its streams, in the order of the schema.
  std::vector<FileMistake> mistakes;
  std::vector<runtime::GrantProblem> grant_problems;

  [[nodiscard]] bool fits() const { return connector != nullptr && loaded.ok() && mistakes.empty(); }
  /// Whether it may be started.
  [[nodiscard]] bool usable() const { return fits() && grant_problems.empty(); }
};

/// Why a pipeline is refused before any part of it runs.
struct Refusal {
  RunFailure failure;
  /// Mistakes of the file, which the error (PIPELINE_INVALID) only counts.
  std::vector<FileMistake> mistakes;
};

/// PIPELINE_INVALID with these mistakes.
[[nodiscard]] Refusal refuse_mistakes(std::vector<FileMistake> mistakes);
[[nodiscard]] ConnectorError pipeline_invalid(size_t mistakes);

struct PreparedPipeline {
  PreparedPipeline(const pipeline::PipelineConfig& config, runtime::ComponentRuntime& in)
      : pipeline(config), runtime(in) {}

  const pipeline::PipelineConfig& pipeline;
  runtime::ComponentRuntime& runtime;
  /// The requested ones, in the order of the data: source, transforms, destination.
  std::vector<PreparedConnector> connectors;
  // The usable ones among them; null or absent otherwise.
  std::shared_ptr<const runtime::Connector> source;
  std::vector<std::shared_ptr<const runtime::Connector>> transforms;
  std::shared_ptr<const runtime::Connector> destination;
  /// What each may use, by the slot's id.
  std::map<std::string, std::shared_ptr<const runtime::ConnectorGrants>> grants;

  // Set once the source has been asked.
  protocol::Catalog catalog;
  std::vector<StreamPlan> plans;

  /// Whether every connector is loaded and its config is valid; grants are separate.
  [[nodiscard]] bool fits() const;
  /// What is wrong with the file or with a connector, in the order in which a user has to deal with it: a connector
  /// that cannot be loaded, then mistakes in any config, then refused grants (GRANT_REFUSED).
  [[nodiscard]] std::optional<Refusal> refusal() const;
  /// The first problem of all, as a run reports it: a grant that fails for another reason (PATH_NOT_FOUND ...) is not a
  /// mistake in the file, and a run that it ends has a report.
  [[nodiscard]] std::optional<RunFailure> failure() const;
};

struct PrepareOptions {
  enum class Parts : uint8_t {
    kAll,
    /// A dry run does not touch the destination, so it may still be missing.
    kWithoutDestination,
    kSource,
  };
  Parts parts = Parts::kAll;
  /// Continues after problems, so that all of them are found at once (`check`). Otherwise nothing is granted when a
  /// connector cannot be loaded or has mistakes.
  bool collect = false;
  /// What no guest may be able to change, besides what the pipeline itself relies on.
  std::vector<runtime::ProtectedPath> protect = {};
};

/// Never fails: problems are in the returned value. Connectors are loaded concurrently, since reading and checking
/// megabytes is most of a warm start. `pipeline` and `runtime` must outlive the value.
[[nodiscard]] PreparedPipeline prepare(const pipeline::PipelineConfig& pipeline, runtime::ComponentRuntime& runtime,
                                       PrepareOptions options = {});

/// The slots in the order of the data. They point into `pipeline`.
[[nodiscard]] std::vector<ConnectorSlot> connector_slots(const pipeline::PipelineConfig& pipeline);

/// How to start `slot` just to query it (check, discover): no queues, no state, the pipeline's limits and its grants.
[[nodiscard]] runtime::InstanceOptions looking_options(const PreparedPipeline& prepared,
                                                       const PreparedConnector& connector, const CancelToken& cancel);

/// Starts the source just to query it, and fills `prepared.catalog`. Errors: those of failure(); the source's, as
/// kInterrupted when `cancel` has fired.
[[nodiscard]] std::optional<RunFailure> discover(PreparedPipeline& prepared, const CancelToken& cancel);

}  // namespace rapidbyte::engine
