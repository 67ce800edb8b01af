#include "rapidbyte/cli/pipeline_preparation.h"

#include <fmt/format.h>

#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/document.h"
#include "rapidbyte/cli/error_text.h"
#include "rapidbyte/engine/run_report.h"

namespace rapidbyte::cli {

using pipeline::Problem;

Result<std::unique_ptr<runtime::ComponentRuntime>> make_runtime(const CommandContext& context,
                                                                const pipeline::PipelineConfig& config,
                                                                bool allow_unmanifested, bool quiet) {
  runtime::RuntimeOptions options;
  options.allow_unmanifested = allow_unmanifested;
  options.base_folder = config.file.parent_path();
  options.on_slow_compilation = compilation_notice(context.talk, quiet);
  return context.make_runtime(std::move(options));
}

Refusal refuse(engine::RunFailure failure) {
  Refusal refusal;
  refusal.code = exit_code_for(failure.stage);
  refusal.failure = std::move(failure);
  return refusal;
}

Refusal refuse(std::vector<Problem> problems) {
  Refusal refusal = refuse(engine::RunFailure(engine::Stage::kConfig, engine::pipeline_invalid(problems.size())));
  refusal.problems = std::move(problems);
  return refusal;
}

Refusal refuse(const pipeline::ParseOutcome& parsed, engine::Refusal from) {
  Refusal refusal = refuse(std::move(from.failure));
  refusal.problems = engine::locate(parsed, from.mistakes);
  return refusal;
}

void show_refusal(const CommandContext& context, const std::filesystem::path& file, const Refusal& refusal) {
  if (refusal.problems.empty()) {
    context.talk.write(render_error(refusal.code, refusal.failure.error, "", context.talk.color()));
    return;
  }
  context.talk.write(pipeline::format_problems(file.string(), refusal.problems) + "\n" +
                     render_error(refusal.code, refusal.failure.error, "", context.talk.color()));
}

nlohmann::json problems_json(const std::filesystem::path& file, const std::vector<Problem>& problems) {
  nlohmann::json list = nlohmann::json::array();
  for (const Problem& problem : problems) {
    list.push_back({{"file", file.string()},
                    {"line", problem.location.line},
                    {"column", problem.location.column},
                    {"key", problem.key_path},
                    {"message", redact(problem.message)}});
  }
  return list;
}

nlohmann::json refusal_json(const std::filesystem::path& file, const Refusal& refusal) {
  engine::RunFailure shown = refusal.failure;
  shown.error.message = redact(shown.error.message);
  return {{"outcome", "failed"},
          {"exit_code", to_int(refusal.code)},
          {"failure", engine::to_json(shown)},
          {"problems", problems_json(file, refusal.problems)}};
}

std::optional<Refusal> parse_for_command(const CommandContext& context, const std::filesystem::path& file,
                                         pipeline::ParseOutcome& outcome) {
  outcome = pipeline::parse_pipeline_file(file, context.environment);
  for (const Problem& warning : outcome.warnings) log_warn("{}", pipeline::format_problem(file.string(), warning));
  if (!outcome.problems.empty() || !outcome.config) return refuse(outcome.problems);
  return std::nullopt;
}

}  // namespace rapidbyte::cli
