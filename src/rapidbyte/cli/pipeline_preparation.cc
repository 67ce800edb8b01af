#include "rapidbyte/cli/pipeline_preparation.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <system_error>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/error_text.h"
#include "rapidbyte/engine/run_grants.h"
#include "rapidbyte/engine/stream_plan.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {
namespace {

using pipeline::Problem;
using runtime::ConnectorRole;

void append_schema_problems(const pipeline::ParseOutcome& parsed, const std::string& section,
                            const std::vector<runtime::ConfigProblem>& found, std::vector<Problem>& problems) {
  for (const runtime::ConfigProblem& problem : found) {
    problems.push_back(parsed.problem_at(section, problem.pointer, problem.message));
  }
}

std::string pointer_segment(std::string_view key) {
  std::string segment;
  for (const char c : key) {
    if (c == '~') {
      segment += "~0";
    } else if (c == '/') {
      segment += "~1";
    } else {
      segment += c;
    }
  }
  return segment;
}

Status check_streams(const pipeline::ParseOutcome& parsed, const runtime::Connector& connector,
                     std::vector<Problem>& problems) {
  const auto& streams = parsed.config->source.streams;
  for (size_t i = 0; i < streams.size(); ++i) {
    const std::string section = fmt::format("/source/streams/{}", i);
    const nlohmann::json& schema = connector.manifest()->stream_schema;
    if (!schema.is_null()) {
      RB_ASSIGN_OR_RETURN(const auto found, runtime::validate_against_schema(schema, streams[i].options));
      append_schema_problems(parsed, section, found, problems);
      continue;
    }
    for (const auto& [key, value] : streams[i].options.items()) {
      problems.push_back(
          parsed.problem_at(section, "/" + pointer_segment(key),
                            fmt::format("unknown key; streams of {} have no keys of their own", connector.name())));
    }
  }
  return {};
}

}  // namespace

std::vector<ConnectorSlot> connector_slots(const pipeline::PipelineConfig& config) {
  std::vector<ConnectorSlot> slots;
  slots.push_back({&config.source, ConnectorRole::kSource, engine::Stage::kSource, "source", "/source"});
  for (size_t i = 0; i < config.transforms.size(); ++i) {
    slots.push_back({&config.transforms[i], ConnectorRole::kTransform, engine::Stage::kTransform,
                     fmt::format("transform-{}", i), fmt::format("/transforms/{}", i)});
  }
  slots.push_back(
      {&config.destination, ConnectorRole::kDestination, engine::Stage::kDestination, "destination", "/destination"});
  return slots;
}

Result<std::vector<Problem>> config_problems(const pipeline::ParseOutcome& parsed, const ConnectorSlot& slot,
                                             const runtime::Connector& connector) {
  std::vector<Problem> problems;
  if (connector.manifest() == nullptr) return problems;
  auto found = runtime::validate_against_schema(connector.manifest()->config_schema, slot.use->config);
  if (!found.ok()) return std::move(found).status().with_context(connector.name());
  append_schema_problems(parsed, slot.pointer + "/config", *found, problems);
  if (slot.role == ConnectorRole::kSource) {
    Status streams = check_streams(parsed, connector, problems);
    if (!streams.ok()) return std::move(streams).with_context(connector.name());
  }
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.location.line, a.location.column) < std::pair(b.location.line, b.location.column);
  });
  return problems;
}

runtime::ResolvedGrants resolve_grants(const pipeline::PipelineConfig& config, std::span<const LoadedSlot> loaded,
                                       std::vector<runtime::ProtectedPath> protect) {
  std::vector<engine::ConnectorInUse> used;
  for (const auto& [slot, connector] : loaded) {
    if (connector) used.push_back({slot.id, slot.pointer, slot.use, connector.get()});
  }
  runtime::GrantPlan plan = engine::grant_plan(config, used);
  std::move(protect.begin(), protect.end(), std::back_inserter(plan.protected_paths));
  return runtime::resolve_grants(plan);
}

std::vector<Problem> refused_grants(const pipeline::ParseOutcome& parsed, const runtime::ResolvedGrants& grants) {
  std::vector<Problem> problems;
  for (const runtime::GrantProblem& problem : grants.problems) {
    if (problem.error.code == runtime::kGrantRefused)
      problems.push_back(parsed.problem_at(problem.pointer, "", problem.error.message));
  }
  return problems;
}

runtime::RuntimeOptions runtime_options(const pipeline::PipelineConfig& config, bool allow_unmanifested) {
  runtime::RuntimeOptions options;
  options.allow_unmanifested = allow_unmanifested;
  options.base_folder = config.file.parent_path();
  return options;
}

runtime::InstanceOptions instance_options(const pipeline::PipelineConfig& config, const ConnectorSlot& slot,
                                          const runtime::Connector& connector, const runtime::ResolvedGrants& grants,
                                          const CancelToken& cancel) {
  runtime::InstanceOptions options;
  options.pipeline = config.name;
  options.connector_id = slot.id;
  options.config = slot.use->config;
  if (slot.role == ConnectorRole::kSource && engine::has_feature(connector, protocol::Feature::kStreamOptions)) {
    options.config["streams"] = engine::stream_entries(config.source.streams);
  }
  options.allow_env = slot.use->allow_env;
  if (const auto granted = grants.by_connector.find(slot.id); granted != grants.by_connector.end())
    options.grants = granted->second;
  options.max_memory = config.resources.max_memory;
  options.guest_timeout = std::chrono::seconds(config.resources.guest_timeout_seconds);
  options.only_looks = true;
  options.cancel = cancel;
  return options;
}

Refusal refuse(engine::Stage stage, ConnectorError error) {
  Refusal refusal;
  refusal.code = exit_code_for(error, stage);
  refusal.stage = stage;
  refusal.error = std::move(error);
  return refusal;
}

Refusal refuse(std::vector<Problem> problems) {
  Refusal refusal;
  refusal.error.category = ErrorCategory::kConfig;
  refusal.error.code = codes::kPipelineInvalid;
  refusal.error.message = problems.size() == 1
                              ? std::string("the pipeline file has a mistake, see the line above")
                              : fmt::format("the pipeline file has {} mistakes, see the lines above", problems.size());
  refusal.problems = std::move(problems);
  return refusal;
}

void show_refusal(const CommandContext& context, const std::filesystem::path& file, const Refusal& refusal) {
  if (refusal.problems.empty()) {
    context.talk.write(render_error(refusal.code, refusal.error, "", context.talk.color()));
    return;
  }
  context.talk.write(pipeline::format_problems(file.string(), refusal.problems) + "\n" +
                     render_error(refusal.code, refusal.error, "", context.talk.color()));
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
  ConnectorError shown = refusal.error;
  shown.message = redact(shown.message);
  return {{"outcome", "failed"},
          {"exit_code", to_int(refusal.code)},
          {"failure", engine::to_json(engine::RunFailure{refusal.stage, std::move(shown)})},
          {"problems", problems_json(file, refusal.problems)}};
}

std::optional<Refusal> parse_for_command(const CommandContext& context, const std::filesystem::path& file,
                                         pipeline::ParseOutcome& outcome) {
  outcome = pipeline::parse_pipeline_file(file, context.environment);
  for (const Problem& warning : outcome.warnings) log_warn("{}", pipeline::format_problem(file.string(), warning));
  if (!outcome.problems.empty() || !outcome.config) return refuse(outcome.problems);
  return std::nullopt;
}

std::vector<std::jthread> load_ahead(std::span<const ConnectorSlot> slots, runtime::ComponentRuntime& runtime) {
  std::vector<std::jthread> threads;
  for (const ConnectorSlot& slot : slots.subspan(std::min<size_t>(slots.size(), 1))) {
    try {
      threads.emplace_back([use = slot.use->use, role = slot.role, &runtime] {
        try {
          (void)runtime.load(use, role);
        } catch (const std::exception& error) {
          log_debug("loading {} ahead: {}", use, error.what());
        }
      });
    } catch (const std::system_error&) {
      // Without another thread it is loaded when its turn comes.
      break;
    }
  }
  return threads;
}

std::optional<Refusal> load_checked(const pipeline::ParseOutcome& parsed, const ConnectorSlot& slot,
                                    runtime::ComponentRuntime& runtime,
                                    std::shared_ptr<const runtime::Connector>& connector) {
  auto loaded = runtime.load(slot.use->use, slot.role);
  if (!loaded.ok()) return refuse(engine::Stage::kConnector, loaded.error());
  connector = std::move(*loaded);
  auto problems = config_problems(parsed, slot, *connector);
  if (!problems.ok()) return refuse(engine::Stage::kConnector, problems.error());
  if (!problems->empty()) return refuse(std::move(*problems));
  return std::nullopt;
}

}  // namespace rapidbyte::cli
