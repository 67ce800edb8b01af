#pragma once
// What every command that takes a pipeline does before any guest starts: parse the file, load its connectors, and check
// the config of each against its manifest's JSON Schema, so that mistakes are shown with their place in the file. Main
// thread.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "rapidbyte/cli/command_context.h"
#include "rapidbyte/cli/exit_code.h"
#include "rapidbyte/engine/errors.h"
#include "rapidbyte/engine/run_report.h"
#include "rapidbyte/pipeline/parser.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/grants.h"

namespace rapidbyte::cli {

/// One connector of a pipeline: where it stands in the file and what it is used as.
struct ConnectorSlot {
  const pipeline::ConnectorUse* use = nullptr;
  runtime::ConnectorRole role = runtime::ConnectorRole::kSource;
  engine::Stage stage = engine::Stage::kSource;
  std::string id;  // "source", "destination", "transform-0"
  std::string pointer;  // "/source", "/transforms/0"
};

/// The slots in the order of the data: source, transforms, destination. They point into `config`.
[[nodiscard]] std::vector<ConnectorSlot> connector_slots(const pipeline::PipelineConfig& config);

/// What is wrong with the config and the streams of `slot` as its connector's manifest has it. Fails with
/// MANIFEST_INVALID when the manifest's schema is broken. A connector without a manifest takes everything.
[[nodiscard]] Result<std::vector<pipeline::Problem>> config_problems(const pipeline::ParseOutcome& parsed,
                                                                     const ConnectorSlot& slot,
                                                                     const runtime::Connector& connector);

/// A slot with what was loaded for it; null: not usable.
struct LoadedSlot {
  ConnectorSlot slot;
  std::shared_ptr<const runtime::Connector> connector;  // shared with the runtime
};

/// The folders and files of the slots that are loaded, all looked at together. `protect`: what no guest may be able to
/// change besides what the pipeline itself relies on.
[[nodiscard]] runtime::ResolvedGrants resolve_grants(const pipeline::PipelineConfig& config,
                                                     std::span<const LoadedSlot> loaded,
                                                     std::vector<runtime::ProtectedPath> protect = {});
/// Those of its problems that are mistakes of the pipeline file (GRANT_REFUSED), with their places.
[[nodiscard]] std::vector<pipeline::Problem> refused_grants(const pipeline::ParseOutcome& parsed,
                                                            const runtime::ResolvedGrants& grants);

/// How to start `slot` outside of a run (check, discover): no queues, no state, the pipeline's limits and `grants`.
[[nodiscard]] runtime::InstanceOptions instance_options(const pipeline::PipelineConfig& config,
                                                        const ConnectorSlot& slot, const runtime::Connector& connector,
                                                        const runtime::ResolvedGrants& grants,
                                                        const CancelToken& cancel);

/// How the runtime of a command is made for this pipeline.
[[nodiscard]] runtime::RuntimeOptions runtime_options(const pipeline::PipelineConfig& config, bool allow_unmanifested);

/// Why a command cannot go on: an error, or the problems of the file. Shown with show_refusal().
struct Refusal {
  ExitCode code = ExitCode::kInvalidPipeline;
  engine::Stage stage = engine::Stage::kConfig;
  ConnectorError error;
  std::vector<pipeline::Problem> problems;
};

[[nodiscard]] Refusal refuse(engine::Stage stage, ConnectorError error);
[[nodiscard]] Refusal refuse(std::vector<pipeline::Problem> problems);

/// Writes problems (one line each), or the error, to stderr.
void show_refusal(const CommandContext& context, const std::filesystem::path& file, const Refusal& refusal);
/// The refusal as `--json` has it: {exit_code, failure: {...}, problems: [{file, line, column, key, message}...]}.
[[nodiscard]] nlohmann::json refusal_json(const std::filesystem::path& file, const Refusal& refusal);
/// Problems as JSON, redacted.
[[nodiscard]] nlohmann::json problems_json(const std::filesystem::path& file,
                                           const std::vector<pipeline::Problem>& problems);

/// Parses and shows warnings. `outcome.config` is set when no refusal is returned.
[[nodiscard]] std::optional<Refusal> parse_for_command(const CommandContext& context, const std::filesystem::path& file,
                                                       pipeline::ParseOutcome& outcome);

/// Loads the connectors of all slots but the first on threads of their own, so that load_checked() of the first one
/// does not keep the others waiting: reading and checking megabytes is most of a warm start. Failures are silent here;
/// load_checked() meets them again. The threads end with what is returned.
[[nodiscard]] std::vector<std::jthread> load_ahead(std::span<const ConnectorSlot> slots,
                                                   runtime::ComponentRuntime& runtime);

/// Loads the slot's connector and checks its config.
[[nodiscard]] std::optional<Refusal> load_checked(const pipeline::ParseOutcome& parsed, const ConnectorSlot& slot,
                                                  runtime::ComponentRuntime& runtime,
                                                  std::shared_ptr<const runtime::Connector>& connector);

}  // namespace rapidbyte::cli
