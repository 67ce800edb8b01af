#include "rapidbyte/cli/pipeline_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "rapidbyte/cli/document.h"
#include "rapidbyte/cli/open_connector.h"
#include "rapidbyte/engine/load_position.h"
#include "rapidbyte/engine/position_owner.h"
#include "rapidbyte/engine/rows_in_doubt.h"
#include "rapidbyte/engine/run_grants.h"
#include "rapidbyte/engine/stream_order.h"
#include "rapidbyte/engine/stream_plan.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/connector_survey.h"
#include "rapidbyte/state/memory_state_backend.h"

namespace rapidbyte::cli {
namespace {

namespace fs = std::filesystem;
using runtime::ConnectorRole;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string_view part_of(ConnectorRole role) {
  switch (role) {
    case ConnectorRole::kSource: return "source";
    case ConnectorRole::kDestination: return "destination";
    case ConnectorRole::kTransform: return "transform";
  }
  return "connector";
}

std::string describe(const std::vector<runtime::ConnectorAccess::Place>& places) {
  std::vector<std::string> texts;
  for (const auto& place : places) {
    texts.push_back(fmt::format("{} ({}{})", place.path.string(), place.read_write ? "read and write" : "read",
                                place.companions ? ", with its journal" : ""));
  }
  return texts.empty() ? "none" : joined(texts);
}

std::string describe(const runtime::ConnectorAccess& access) {
  std::string text = fmt::format("hosts: {}; folders: {}",
                                 access.every_host           ? "all"
                                 : access.hosts == "nothing" ? "none"
                                                             : access.hosts,
                                 describe(access.folders));
  if (!access.files.empty()) text += "; files: " + describe(access.files);
  text += fmt::format("; variables: {}", access.env_vars.empty() ? "none" : joined(access.env_vars));
  if (!access.env_vars_not_granted.empty()) {
    text += fmt::format(" (permissions.env does not grant {}, which its manifest asks for)",
                        joined(access.env_vars_not_granted));
  }
  return text;
}

/// Which key of a stream an error of the engine's planning is about.
std::string_view pointer_of(std::string_view code) {
  if (code == codes::kUnknownStream) return "/name";
  if (code == codes::kUnsupportedSyncMode) return "/sync_mode";
  if (code == codes::kCursorFieldMissing) return "/cursor_field";
  if (code == codes::kUnsupportedWriteMode) return "/write_mode";
  if (code == codes::kPrimaryKeyMissing) return "/primary_key";
  return "";
}

/// The nearest folder of `path` that exists.
fs::path existing_parent(fs::path path) {
  std::error_code error;
  do {
    path = path.parent_path();
  } while (path.has_relative_path() && !fs::exists(path, error));
  return path.empty() ? fs::path(".") : path;
}

}  // namespace

std::string_view to_string(FindingStatus status) {
  switch (status) {
    case FindingStatus::kOk: return "ok";
    case FindingStatus::kWarning: return "warning";
    case FindingStatus::kFailed: return "failed";
    case FindingStatus::kSkipped: return "skipped";
  }
  return "failed";
}

ExitCode exit_code_of(const std::vector<Finding>& findings) {
  const auto failed = std::find_if(findings.begin(), findings.end(),
                                   [](const Finding& finding) { return finding.status == FindingStatus::kFailed; });
  return failed == findings.end() ? ExitCode::kOk : failed->code;
}

PipelineCheck::PipelineCheck(fs::path file, CommandContext& context, bool allow_unmanifested, bool quiet)
    : file_(std::move(file)), context_(context), allow_unmanifested_(allow_unmanifested), quiet_(quiet) {}

std::vector<Finding> PipelineCheck::run() {
  parsed_ = pipeline::parse_pipeline_file(file_, context_.environment);
  if (!parsed_.config || !parsed_.problems.empty()) {
    Refusal refusal = refuse(parsed_.problems);
    fail("file", std::move(refusal.error), engine::Stage::kConfig);
    findings_.back().problems = std::move(refusal.problems);
    return std::move(findings_);
  }
  const pipeline::PipelineConfig& config = *parsed_.config;
  if (parsed_.warnings.empty()) {
    ok("file", fmt::format("pipeline {}, {} {}", config.name, config.source.streams.size(),
                           config.source.streams.size() == 1 ? "stream" : "streams"));
  } else {
    warn("file", fmt::format("pipeline {}; something is probably not meant so", config.name), "");
    findings_.back().problems = parsed_.warnings;
  }

  runtime::RuntimeOptions for_runtime = runtime_options(config, allow_unmanifested_);
  for_runtime.on_slow_compilation = compilation_notice(context_.talk, quiet_);
  auto runtime = context_.make_runtime(std::move(for_runtime));
  if (!runtime.ok()) {
    fail("connector", runtime.error(), engine::Stage::kInternal);
    return std::move(findings_);
  }
  runtime_ = std::move(*runtime);

  for (ConnectorSlot& slot : connector_slots(config)) connectors_.push_back({std::move(slot), nullptr});
  for (LoadedSlot& loaded : connectors_) check_connector(loaded);
  grants_ = resolve_grants(config, connectors_);
  for (const LoadedSlot& loaded : connectors_) {
    if (context_.cancel.cancelled()) {
      fail("interrupted",
           make_error(ErrorCategory::kInternal, codes::kCancelled, "the check was stopped by a signal").error(),
           engine::Stage::kInterrupted);
      return std::move(findings_);
    }
    const std::string part(part_of(loaded.slot.role));
    if (!loaded.connector) {
      skip(part, fmt::format("{} was not started, because of what is said above", loaded.slot.use->use));
    } else if (check_permissions(loaded)) {
      check_guest(loaded);
    }
  }
  check_state();
  return std::move(findings_);
}

void PipelineCheck::check_connector(LoadedSlot& loaded) {
  const std::string& reference = loaded.slot.use->use;
  auto connector = runtime_->load(reference, loaded.slot.role);
  if (!connector.ok()) {
    fail("connector", connector.error(), engine::Stage::kConnector);
    return;
  }
  const runtime::Connector& found = **connector;
  const std::string what =
      fmt::format("{} {}, protocol {}, {}", found.name(), found.version(), found.protocol(), found.path().string());
  if (found.manifest() == nullptr) {
    warn("connector", what + ": it has no manifest",
         "use a connector with a manifest; without one nothing limits the hosts it reaches");
  } else if (const auto& warnings = found.manifest()->warnings; !warnings.empty()) {
    for (const std::string& warning : warnings) {
      warn(
          "connector", fmt::format("{}: {}", what, warning),
          "take no notice when the connector is newer than this program; otherwise its author should correct the name");
    }
  } else {
    ok("connector", what);
  }
  auto problems = config_problems(parsed_, loaded.slot, found);
  if (!problems.ok()) {
    fail("connector", problems.error(), engine::Stage::kConnector);
    return;
  }
  if (!problems->empty()) {
    Refusal refusal = refuse(std::move(*problems));
    refusal.error.message = fmt::format("the config of {} does not fit", found.name());
    fail("config", std::move(refusal.error), engine::Stage::kConfig);
    findings_.back().problems = std::move(refusal.problems);
    return;
  }
  loaded.connector = std::move(*connector);
}

bool PipelineCheck::check_permissions(const LoadedSlot& loaded) {
  const runtime::Connector& connector = *loaded.connector;
  const auto refused = [&] {
    skip(std::string(part_of(loaded.slot.role)),
         fmt::format("{} was not started, because of what is said above", connector.name()));
    return false;
  };
  bool granted = true;
  for (const runtime::GrantProblem& problem : grants_.problems) {
    if (problem.connector_id != loaded.slot.id) continue;
    granted = false;
    ConnectorError error = problem.status().error();
    const bool is_refused = error.code == runtime::kGrantRefused;
    if (is_refused) error.message = problem.asked_by + " is not granted";
    fail("permissions", std::move(error), engine::stage_of(problem));
    if (is_refused) findings_.back().problems = {parsed_.problem_at(problem.pointer, "", problem.error.message)};
  }
  if (!granted) return refused();
  auto access = runtime::describe_access(
      connector.manifest(), instance_options(*parsed_.config, loaded.slot, connector, grants_, context_.cancel));
  if (!access.ok()) {
    fail("permissions", std::move(access).status().with_context(connector.name()).error(), loaded.slot.stage);
    return refused();
  }
  const std::string what = fmt::format("{} gets {}", connector.name(), describe(*access));
  if (!access->env_vars_unset.empty()) {
    warn("permissions", fmt::format("{}; not set: {}", what, joined(access->env_vars_unset)),
         "set these variables if the connector needs them");
  } else if (access->every_host) {
    warn("permissions", what, "its manifest should name the hosts that it needs");
  } else {
    ok("permissions", what);
  }
  return true;
}

void PipelineCheck::check_guest(const LoadedSlot& loaded) {
  const std::string part(part_of(loaded.slot.role));
  const std::string& name = loaded.connector->name();
  const auto stage = [&] { return context_.cancel.cancelled() ? engine::Stage::kInterrupted : loaded.slot.stage; };
  auto opened =
      OpenConnector::start(*runtime_, loaded.connector,
                           instance_options(*parsed_.config, loaded.slot, *loaded.connector, grants_, context_.cancel));
  if (!opened.ok()) return fail(part, opened.error(), stage());
  runtime::ComponentInstance& instance = (*opened)->instance();
  auto validated = instance.validate();
  if (!validated.ok()) return fail(part, validated.error(), stage());
  const std::string said = validated->message.empty() ? "" : ": " + validated->message;
  switch (validated->status) {
    case runtime::ValidationStatus::kFailed:
      return fail(part,
                  make_error(ErrorCategory::kConfig, codes::kValidationFailed,
                             fmt::format("{} says it cannot work{}", name, said))
                      .error(),
                  loaded.slot.stage);
    case runtime::ValidationStatus::kWarning: warn(part, fmt::format("{} warns{}", name, said), ""); break;
    case runtime::ValidationStatus::kSuccess: ok(part, fmt::format("{} is ready{}", name, said)); break;
  }
  if (loaded.slot.role == ConnectorRole::kSource) check_streams(loaded, instance);
  if (loaded.slot.role == ConnectorRole::kDestination) check_references(loaded, instance);
}

void PipelineCheck::check_references(const LoadedSlot& destination, runtime::ComponentInstance& instance) {
  const runtime::Connector& connector = *destination.connector;
  if (streams_.size() < 2 || !engine::knows_references(connector)) return;
  const auto answer = instance.last_committed(engine::references_question(parsed_.config->name, "check", streams_));
  if (!answer.ok()) return fail("destination", answer.error(), destination.slot.stage);
  const auto references = engine::read_references(connector, streams_, *answer);
  if (!references.ok()) return fail("destination", references.error(), destination.slot.stage);
  for (const std::vector<size_t>& ring : engine::order_streams(streams_.size(), *references).rings) {
    std::vector<std::string> names;
    for (const size_t stream : ring) names.push_back(streams_[stream]);
    warn("destination",
         fmt::format("the tables of these streams refer to each other in a ring, so no order of loading suits all of "
                     "them: {}",
                     joined(names)),
         "see what the page of the destination says about foreign keys; they are loaded in this order");
  }
}

void PipelineCheck::check_streams(const LoadedSlot& source, runtime::ComponentInstance& instance) {
  auto text = instance.discover();
  if (!text.ok()) return fail("source", text.error(), source.slot.stage);
  auto catalog = protocol::parse_catalog(*text, source.connector->name());
  if (!catalog.ok()) return fail("source", catalog.error(), source.slot.stage);
  // The engine's own rules, one stream at a time, so that all mistakes are found and each has its place.
  const engine::RunOptions options;
  engine::RunObserver observer;
  const std::unique_ptr<state::StateBackend> scratch = state::make_memory_state();
  engine::RunContext run{*parsed_.config, *runtime_, *scratch, *scratch, options, observer, engine::real_retry_clock()};
  use_connectors(run);
  const auto& streams = parsed_.config->source.streams;
  std::vector<pipeline::Problem> problems;
  size_t used = 0;
  std::vector<std::string> warnings;
  std::vector<std::string> may_double;
  const auto plan = [&](std::vector<pipeline::StreamConfig> selected, const std::string& section) {
    auto plans = engine::plan_streams(run, std::move(selected), *catalog);
    if (plans.ok()) {
      used += plans->size();
      for (engine::StreamPlan& planned : *plans) {
        warnings.insert(warnings.end(), planned.warnings.begin(), planned.warnings.end());
        if (engine::may_double(run, planned)) may_double.push_back(planned.config.name);
        streams_.push_back(planned.config.name);
        plans_.push_back(std::move(planned));
      }
    } else {
      problems.push_back(parsed_.problem_at(section, pointer_of(plans.error().code), plans.error().message));
    }
  };
  if (streams.empty()) plan({}, "/source");
  for (size_t i = 0; i < streams.size(); ++i) plan({streams[i]}, fmt::format("/source/streams/{}", i));
  for (std::string& warning : warnings) warn("source", std::move(warning), "");
  // Said before it happens; afterwards it is too late to choose another mode.
  if (!may_double.empty())
    warn("destination",
         fmt::format("{}. {}: {}", engine::doubling_warning(*run.destination),
                     may_double.size() == 1 ? "Stream" : "Streams", joined(may_double)),
         engine::doubling_advice());
  if (problems.empty()) {
    return ok("source", fmt::format("{} of its {} streams are used", used, catalog->streams.size()));
  }
  Refusal refusal = refuse(std::move(problems));
  refusal.error.message = fmt::format("the streams do not fit what {} has", source.connector->name());
  fail("source", std::move(refusal.error), engine::Stage::kConfig,
       fmt::format("list what it has with: rapidbyte discover {}", file_.string()));
  findings_.back().problems = std::move(refusal.problems);
}

void PipelineCheck::check_state() {
  const fs::path& path = parsed_.config->state.connection;
  std::error_code error;
  if (!fs::exists(path, error)) {
    const fs::path parent = existing_parent(path);
    if (access(parent.c_str(), W_OK | X_OK) == 0) {
      return ok("state", fmt::format("{} will be created by the first run", path.string()));
    }
    return fail("state",
                make_error(ErrorCategory::kPermission, codes::kStateBackend,
                           fmt::format("{} cannot be created: {} is not writable", path.string(), parent.string()))
                    .error(),
                engine::Stage::kState, "make that folder writable, or set state.connection to a file elsewhere");
  }
  auto state = context_.open_state(path);
  if (!state.ok()) return fail("state", state.error(), engine::Stage::kState);
  auto lease = (*state)->acquire_lease(parsed_.config->name, "check");
  if (!lease.ok()) return fail("state", lease.error(), engine::Stage::kState);
  if (check_positions(**state)) ok("state", fmt::format("{} can be used, no run is under way", path.string()));
}

bool PipelineCheck::check_positions(state::StateBackend& state) {
  const engine::RunOptions options;
  engine::RunObserver observer;
  engine::RunContext run{*parsed_.config, *runtime_, state, state, options, observer, engine::real_retry_clock()};
  use_connectors(run);
  if (run.source == nullptr || run.destination == nullptr) return true;
  run.position_owner = engine::run_owner(run);
  bool fits = true;
  // One at a time, so that all that a run would refuse is found.
  for (const engine::StreamPlan& plan : plans_) {
    std::optional<engine::RunFailure> failure = engine::check_position_owners(run, {plan});
    if (!failure) failure = engine::foreseen_refusal(run, plan);
    if (!failure) continue;
    fits = false;
    fail("state", std::move(failure->error), failure->stage);
  }
  return fits;
}

void PipelineCheck::use_connectors(engine::RunContext& run) const {
  for (const LoadedSlot& loaded : connectors_) {
    if (loaded.slot.role == ConnectorRole::kSource) run.source = loaded.connector;
    if (loaded.slot.role == ConnectorRole::kTransform) run.transforms.push_back(loaded.connector);
    if (loaded.slot.role == ConnectorRole::kDestination) run.destination = loaded.connector;
  }
}

void PipelineCheck::ok(std::string part, std::string message) {
  findings_.push_back({std::move(part), FindingStatus::kOk, std::move(message), {}, ExitCode::kOk, {}});
}

void PipelineCheck::warn(std::string part, std::string message, std::string fix) {
  findings_.push_back(
      {std::move(part), FindingStatus::kWarning, std::move(message), std::move(fix), ExitCode::kOk, {}});
}

void PipelineCheck::fail(std::string part, ConnectorError error, engine::Stage stage, std::string fix) {
  const ExitCode code = exit_code_for(error, stage);
  findings_.push_back({std::move(part), FindingStatus::kFailed, std::move(error.message), std::move(fix), code, {}});
}

void PipelineCheck::skip(std::string part, std::string message) {
  findings_.push_back({std::move(part), FindingStatus::kSkipped, std::move(message), {}, ExitCode::kOk, {}});
}

}  // namespace rapidbyte::cli
