#pragma once
// prepare(): the one way in which a pipeline file becomes something that can be run, checked or asked. It loads the
// connectors, compares the config of each with its manifest's JSON Schema, and resolves what they may use; what the
// streams are is added once the source was asked (stream_plan.h). `run`, `check`, `discover` and a dry run take its
// value and decide nothing of that for themselves. The caller's thread.

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

/// One connector of a pipeline: where it stands in the file and what it is used as.
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
  /// What load() said, or MANIFEST_INVALID for a schema that cannot be used.
  Status loaded;
  /// Of its config and, of a source, its streams; in the order of the schema.
  std::vector<FileMistake> mistakes;
  std::vector<runtime::GrantProblem> grant_problems;

  [[nodiscard]] bool fits() const { return connector != nullptr && loaded.ok() && mistakes.empty(); }
  /// Whether it may be started.
  [[nodiscard]] bool usable() const { return fits() && grant_problems.empty(); }
};

/// Why a pipeline is refused before anything of it runs.
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
  /// Those that were asked for, in the order of the data: source, transforms, destination.
  std::vector<PreparedConnector> connectors;
  // Of them, those that fit; null or absent otherwise.
  std::shared_ptr<const runtime::Connector> source;
  std::vector<std::shared_ptr<const runtime::Connector>> transforms;
  std::shared_ptr<const runtime::Connector> destination;
  /// What each may use, by the slot's id.
  std::map<std::string, std::shared_ptr<const runtime::ConnectorGrants>> grants;

  // Once the source was asked.
  protocol::Catalog catalog;
  std::vector<StreamPlan> plans;

  /// Whether every connector is loaded and its config is right; grants are another question.
  [[nodiscard]] bool fits() const;
  /// What is wrong with the file or with a connector, in the order in which a user has to deal with it: a connector
  /// that cannot be loaded, then the mistakes of all configs, then the grants that are refused (GRANT_REFUSED).
  [[nodiscard]] std::optional<Refusal> refusal() const;
  /// The first of all that is wrong, as a run reports it: a grant that cannot be given for another reason
  /// (PATH_NOT_FOUND ...) is no mistake of the file, and the run that it ends has a report.
  [[nodiscard]] std::optional<RunFailure> failure() const;
};

struct PrepareOptions {
  enum class Parts : uint8_t {
    kAll,
    /// A dry run does not touch the destination, so it may be missing yet.
    kWithoutDestination,
    kSource,
  };
  Parts parts = Parts::kAll;
  /// Looks at every part, whatever was wrong with those before, so that all is found at once (`check`). Otherwise
  /// nothing is granted when a connector cannot be loaded or has mistakes.
  bool collect = false;
  /// What no guest may be able to change, besides what the pipeline itself relies on.
  std::vector<runtime::ProtectedPath> protect = {};
};

/// Never fails: what was found stands in the value. Connectors are loaded side by side, since reading and checking
/// megabytes is most of a warm start. `pipeline` and `runtime` must outlive the value.
[[nodiscard]] PreparedPipeline prepare(const pipeline::PipelineConfig& pipeline, runtime::ComponentRuntime& runtime,
                                       PrepareOptions options = {});

/// The slots in the order of the data. They point into `pipeline`.
[[nodiscard]] std::vector<ConnectorSlot> connector_slots(const pipeline::PipelineConfig& pipeline);

/// How to start `slot` only to look (check, discover): no queues, no state, the pipeline's limits and its grants.
[[nodiscard]] runtime::InstanceOptions looking_options(const PreparedPipeline& prepared,
                                                       const PreparedConnector& connector, const CancelToken& cancel);

/// Starts the source only to look, and fills `prepared.catalog`. What failure() says; the source's error, kInterrupted
/// when `cancel` has fired.
[[nodiscard]] std::optional<RunFailure> discover(PreparedPipeline& prepared, const CancelToken& cancel);

}  // namespace rapidbyte::engine
