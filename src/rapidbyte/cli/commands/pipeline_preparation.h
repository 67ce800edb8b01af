#pragma once
// What every command that takes a pipeline does first: reads the file, makes the runtime, and shows what
// engine::prepare() refuses, with its place in the file. Main thread.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"
#include "rapidbyte/engine/plan/prepare.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/pipeline/parser.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::cli {

/// How a command's runtime is made for this pipeline; reports long compilations on `talk`, unless `quiet`.
[[nodiscard]] Result<std::unique_ptr<runtime::ComponentRuntime>> make_runtime(const CommandContext& context,
                                                                              const pipeline::PipelineConfig& config,
                                                                              bool allow_unmanifested, bool quiet);

/// Why a command cannot continue: an error, or the problems of the file. Shown with show_refusal().
struct Refusal {
  ExitCode code = ExitCode::kInvalidPipeline;
  engine::RunFailure failure;
  std::vector<pipeline::Problem> problems;
};

[[nodiscard]] Refusal refuse(engine::RunFailure failure);
[[nodiscard]] Refusal refuse(std::vector<pipeline::Problem> problems);
[[nodiscard]] Refusal refuse(const pipeline::ParseOutcome& parsed, engine::Refusal refusal);

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

}  // namespace rapidbyte::cli
