#include "rapidbyte/engine/plan/pipeline_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/load/position_owner.h"
#include "rapidbyte/engine/load/rows_in_doubt.h"
#include "rapidbyte/engine/plan/open_connector.h"
#include "rapidbyte/engine/plan/prepare.h"
#include "rapidbyte/engine/plan/run_grants.h"
#include "rapidbyte/engine/plan/stream_order.h"
#include "rapidbyte/engine/plan/transform_plan.h"
#include "rapidbyte/engine/report/run_clock.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/connector/connector_survey.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::engine {
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

class PipelineCheck {
 public:
  explicit PipelineCheck(const CheckRequest& request) : request_(request), parsed_(request.parsed) {}

  std::vector<Finding> run();

 private:
  void check_file();
  void check_parts();
  /// What was found out about a connector before it is started.
  void check_connector(const PreparedConnector& connector);
  /// False when the guest would not get what it needs.
  bool check_permissions(const PreparedConnector& connector);
  void check_guest(const PreparedConnector& connector);
  void check_streams(const PreparedConnector& source, runtime::ComponentInstance& instance);
  /// Warns when no load order suits all streams.
  void check_references(const PreparedConnector& destination, runtime::ComponentInstance& instance);
  /// Says what the transform makes of each stream, and tells the next one.
  void check_plans(const PreparedConnector& transform, runtime::ComponentInstance& instance, PlanServices& services);
  void check_state();
  /// Whether a run may continue from the positions in the state; reports what it would refuse (CURSOR_CHANGED, and
  /// loads that cannot be resumed).
  bool check_positions(state::StateBackend& state);

  /// The finding for an error of a connector's call.
  [[nodiscard]] Stage stage_asked(const PreparedConnector& connector) const {
    return request_.cancel.cancelled() ? Stage::kInterrupted : connector.slot.stage;
  }
  [[nodiscard]] std::vector<pipeline::Problem> located(const std::vector<FileMistake>& mistakes) const;
  void ok(std::string part, std::string message);
  void warn(std::string part, std::string message, std::string fix);
  void fail(std::string part, ConnectorError error, Stage stage, std::string fix = {});
  void skip(std::string part, std::string message);

  const CheckRequest& request_;
  const pipeline::ParseOutcome& parsed_;
  std::unique_ptr<runtime::ComponentRuntime> runtime_;
  std::optional<PreparedPipeline> prepared_;
  std::vector<Finding> findings_;
};

std::vector<Finding> PipelineCheck::run() {
  if (!parsed_.config || !parsed_.problems.empty()) {
    fail("file", pipeline_invalid(parsed_.problems.size()), Stage::kConfig);
    findings_.back().problems = parsed_.problems;
    return std::move(findings_);
  }
  check_file();
  auto runtime = request_.make_runtime(*parsed_.config);
  if (!runtime.ok()) {
    fail("connector", runtime.error(), Stage::kInternal);
    return std::move(findings_);
  }
  runtime_ = std::move(*runtime);
  PrepareOptions options;
  options.collect = true;
  prepared_.emplace(prepare(*parsed_.config, *runtime_, std::move(options)));
  check_parts();
  return std::move(findings_);
}

void PipelineCheck::check_file() {
  const pipeline::PipelineConfig& config = *parsed_.config;
  if (parsed_.warnings.empty()) {
    ok("file", fmt::format("pipeline {}, {} {}", config.name, config.source.streams.size(),
                           config.source.streams.size() == 1 ? "stream" : "streams"));
  } else {
    warn("file", fmt::format("pipeline {}; something is probably not what you meant", config.name), "");
    findings_.back().problems = parsed_.warnings;
  }
}

void PipelineCheck::check_parts() {
  for (const PreparedConnector& connector : prepared_->connectors) check_connector(connector);
  for (const PreparedConnector& connector : prepared_->connectors) {
    if (request_.cancel.cancelled()) {
      return fail("interrupted", internal_error(codes::kCancelled, "the check was stopped by a signal").error(),
                  Stage::kInterrupted);
    }
    const std::string part(part_of(connector.slot.role));
    if (!connector.fits()) {
      skip(part, fmt::format("{} was not started because of the problem above", connector.slot.use->use));
    } else if (check_permissions(connector)) {
      check_guest(connector);
    }
  }
  check_state();
}

void PipelineCheck::check_connector(const PreparedConnector& connector) {
  if (connector.connector == nullptr) return fail("connector", connector.loaded.error(), Stage::kConnector);
  const runtime::Connector& found = *connector.connector;
  const std::string what =
      fmt::format("{} {}, protocol {}, {}", found.name(), found.version(), found.protocol(), found.path().string());
  if (found.manifest() == nullptr) {
    warn("connector", what + ": it has no manifest",
         "use a connector with a manifest; without one nothing limits the hosts it reaches");
  } else if (const auto& warnings = found.manifest()->warnings; !warnings.empty()) {
    for (const std::string& warning : warnings) {
      warn("connector", fmt::format("{}: {}", what, warning),
           "take no notice when the connector is newer than this program; otherwise its author should correct the "
           "name");
    }
  } else {
    ok("connector", what);
  }
  if (!connector.loaded.ok()) return fail("connector", connector.loaded.error(), Stage::kConnector);
  if (connector.mistakes.empty()) return;
  ConnectorError error = pipeline_invalid(connector.mistakes.size());
  error.message = fmt::format("the config of {} is invalid", found.name());
  fail("config", std::move(error), Stage::kConfig);
  findings_.back().problems = located(connector.mistakes);
}

bool PipelineCheck::check_permissions(const PreparedConnector& connector) {
  const std::string& name = connector.connector->name();
  const auto refused = [&] {
    skip(std::string(part_of(connector.slot.role)),
         fmt::format("{} was not started because of the problem above", name));
    return false;
  };
  for (const runtime::GrantProblem& problem : connector.grant_problems) {
    ConnectorError error = problem.status().error();
    const bool is_refused = error.code == runtime::kGrantRefused;
    if (is_refused) error.message = problem.asked_by + " is not granted";
    fail("permissions", std::move(error), stage_of(problem));
    if (is_refused) findings_.back().problems = located({{problem.pointer, "", problem.error.message}});
  }
  if (!connector.usable()) return refused();
  auto access = runtime::describe_access(connector.connector->manifest(),
                                         looking_options(*prepared_, connector, request_.cancel));
  if (!access.ok()) {
    fail("permissions", std::move(access).status().with_context(name).error(), connector.slot.stage);
    return refused();
  }
  const std::string what = fmt::format("{} gets {}", name, describe(*access));
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

void PipelineCheck::check_guest(const PreparedConnector& connector) {
  const std::string part(part_of(connector.slot.role));
  const std::string& name = connector.connector->name();
  runtime::InstanceOptions options = looking_options(*prepared_, connector, request_.cancel);
  const bool plans = connector.slot.role == ConnectorRole::kTransform && plans_streams(*connector.connector);
  const auto services =
      plans ? std::make_shared<PlanServices>(*connector.connector) : nullptr;  // shared with the instance
  if (plans) options.services = services;
  auto opened = OpenConnector::start(*runtime_, connector.connector, std::move(options));
  if (!opened.ok()) return fail(part, opened.error(), stage_asked(connector));
  runtime::ComponentInstance& instance = (*opened)->instance();
  auto validated = instance.validate();
  if (!validated.ok()) return fail(part, validated.error(), stage_asked(connector));
  const std::string said = validated->message.empty() ? "" : ": " + validated->message;
  switch (validated->status) {
    case runtime::ValidationStatus::kFailed:
      return fail(part,
                  make_error(ErrorCategory::kConfig, codes::kValidationFailed,
                             fmt::format("{} says it cannot work{}", name, said))
                      .error(),
                  stage_asked(connector));
    case runtime::ValidationStatus::kWarning: warn(part, fmt::format("{} warns{}", name, said), ""); break;
    case runtime::ValidationStatus::kSuccess: ok(part, fmt::format("{} is ready{}", name, said)); break;
  }
  if (connector.slot.role == ConnectorRole::kSource) check_streams(connector, instance);
  if (connector.slot.role == ConnectorRole::kDestination) check_references(connector, instance);
  if (plans) return check_plans(connector, instance, *services);
  if (connector.slot.role != ConnectorRole::kTransform) return;
  for (StreamPlan& plan : prepared_->plans) plan.transforms.push_back(unplanned(*connector.connector));
}

void PipelineCheck::check_plans(const PreparedConnector& transform, runtime::ComponentInstance& instance,
                                PlanServices& services) {
  const std::vector<std::string> streams = pipeline_streams(prepared_->pipeline, prepared_->catalog);
  for (StreamPlan& plan : prepared_->plans) {
    const Status asked =
        ask_transform_plan(instance, services, *transform.connector, prepared_->pipeline, "", streams, plan);
    if (!asked.ok()) {
      fail("transform", asked.error(), stage_asked(transform));
      // So that the next transform is asked about the others.
      plan.transforms.push_back(unplanned(*transform.connector));
      continue;
    }
    ok("transform", fmt::format("{}, stream {}: {}{} columns", transform.connector->name(), plan.config.name,
                                plan.transforms.back().note.empty() ? "" : plan.transforms.back().note + ", ",
                                plan.transforms.back().columns->size()));
  }
}

void PipelineCheck::check_references(const PreparedConnector& destination, runtime::ComponentInstance& instance) {
  const runtime::Connector& connector = *destination.connector;
  std::vector<std::string> streams;  // those of the pipeline that the source has
  for (const StreamPlan& plan : prepared_->plans) streams.push_back(plan.config.name);
  if (streams.size() < 2 || !knows_references(connector)) return;
  const auto answer = instance.last_committed(references_question(parsed_.config->name, "check", streams));
  if (!answer.ok()) return fail("destination", answer.error(), stage_asked(destination));
  const auto references = read_references(connector, streams, *answer);
  if (!references.ok()) return fail("destination", references.error(), destination.slot.stage);
  for (const std::vector<size_t>& cycle : order_streams(streams.size(), *references).cycles) {
    std::vector<std::string> names;
    for (const size_t stream : cycle) names.push_back(streams[stream]);
    warn("destination",
         fmt::format(
             "the tables of these streams refer to each other in a cycle, so no load order suits all of them: {}",
             joined(names)),
         "they are loaded in this order; see the section on foreign keys in the destination's documentation");
  }
}

void PipelineCheck::check_streams(const PreparedConnector& source, runtime::ComponentInstance& instance) {
  auto catalog = ask_for_catalog(instance, *source.connector);
  if (!catalog.ok()) return fail("source", catalog.error(), stage_asked(source));
  prepared_->catalog = std::move(*catalog);
  const std::vector<FileMistake> mistakes = plan_each_stream(*prepared_);
  std::vector<std::string> doubled;
  for (const StreamPlan& plan : prepared_->plans) {
    for (const std::string& warning : plan.warnings) warn("source", warning, "");
    if (may_double(*prepared_, plan)) doubled.push_back(plan.config.name);
  }
  // Warn before it happens; afterwards it is too late to choose another mode.
  if (!doubled.empty())
    warn("destination",
         fmt::format("{}. {}: {}", doubling_warning(*prepared_->destination),
                     doubled.size() == 1 ? "Stream" : "Streams", joined(doubled)),
         doubling_advice());
  if (mistakes.empty()) {
    return ok("source",
              fmt::format("{} of its {} streams are used", prepared_->plans.size(), prepared_->catalog.streams.size()));
  }
  ConnectorError error = pipeline_invalid(mistakes.size());
  error.message = fmt::format("the streams do not fit what {} has", source.connector->name());
  fail("source", std::move(error), Stage::kConfig,
       fmt::format("list what it has with: rapidbyte discover {}", request_.file.string()));
  findings_.back().problems = located(mistakes);
}

void PipelineCheck::check_state() {
  const state::StateSurvey survey = state::survey_state(parsed_.config->state);
  if (!survey.exists) {
    if (survey.makeable.ok()) return ok("state", fmt::format("{} will be created by the first run", survey.place));
    return fail("state", survey.makeable.error(), Stage::kState);
  }
  auto state = request_.open_state(parsed_.config->state);
  if (!state.ok()) return fail("state", state.error(), Stage::kState);
  auto lease = (*state)->acquire_lease(parsed_.config->name, "check-" + new_run_id());
  if (!lease.ok()) return fail("state", lease.error(), Stage::kState);
  if (check_positions(**state)) ok("state", fmt::format("{} can be used, no run is under way", survey.place));
}

bool PipelineCheck::check_positions(state::StateBackend& state) {
  if (prepared_->source == nullptr || prepared_->destination == nullptr) return true;
  const RunOptions options;
  RunObserver observer;
  RunContext run(*prepared_, state, options, observer, real_retry_clock());
  run.position_owner = run_owner(run);
  bool fits = true;
  // One at a time, so that everything that a run would refuse is found.
  for (const StreamPlan& plan : prepared_->plans) {
    std::optional<RunFailure> failure = check_position_owners(run, {plan});
    if (!failure) failure = foreseen_refusal(run, plan);
    if (!failure) continue;
    fits = false;
    fail("state", std::move(failure->error), failure->stage);
  }
  return fits;
}

std::vector<pipeline::Problem> PipelineCheck::located(const std::vector<FileMistake>& mistakes) const {
  return locate(parsed_, mistakes);
}

void PipelineCheck::ok(std::string part, std::string message) {
  findings_.push_back({std::move(part), FindingStatus::kOk, std::move(message), {}, {}, {}});
}

void PipelineCheck::warn(std::string part, std::string message, std::string fix) {
  findings_.push_back({std::move(part), FindingStatus::kWarning, std::move(message), std::move(fix), {}, {}});
}

void PipelineCheck::fail(std::string part, ConnectorError error, Stage stage, std::string fix) {
  std::string message = error.message;
  findings_.push_back({std::move(part),
                       FindingStatus::kFailed,
                       std::move(message),
                       std::move(fix),
                       RunFailure{stage, std::move(error)},
                       {}});
}

void PipelineCheck::skip(std::string part, std::string message) {
  findings_.push_back({std::move(part), FindingStatus::kSkipped, std::move(message), {}, {}, {}});
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

std::vector<Finding> check_pipeline(const CheckRequest& request) { return PipelineCheck(request).run(); }

}  // namespace rapidbyte::engine
