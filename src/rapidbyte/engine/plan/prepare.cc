#include "rapidbyte/engine/plan/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/plan/open_connector.h"
#include "rapidbyte/engine/plan/run_grants.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using runtime::ConnectorRole;

void append_mistakes(const std::string& section, const std::vector<runtime::ConfigProblem>& found,
                     std::vector<FileMistake>& mistakes) {
  for (const runtime::ConfigProblem& problem : found) mistakes.push_back({section, problem.pointer, problem.message});
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

Status check_streams(const pipeline::PipelineConfig& pipeline, const runtime::Connector& connector,
                     std::vector<FileMistake>& mistakes) {
  const auto& streams = pipeline.source.streams;
  for (size_t i = 0; i < streams.size(); ++i) {
    const std::string section = fmt::format("/source/streams/{}", i);
    const nlohmann::json& schema = connector.manifest()->stream_schema;
    if (!schema.is_null()) {
      RB_ASSIGN_OR_RETURN(const auto found, runtime::validate_against_schema(schema, streams[i].options));
      append_mistakes(section, found, mistakes);
      continue;
    }
    for (const auto& [key, value] : streams[i].options.items()) {
      mistakes.push_back({section, "/" + pointer_segment(key),
                          fmt::format("unknown key; streams of {} have no additional keys", connector.name())});
    }
  }
  return {};
}

/// Compares the config and the streams of a slot with the manifest. MANIFEST_INVALID when the manifest's schema is
/// broken. A connector without a manifest accepts everything.
Status check_config(const pipeline::PipelineConfig& pipeline, const ConnectorSlot& slot,
                    const runtime::Connector& connector, std::vector<FileMistake>& mistakes) {
  if (connector.manifest() == nullptr) return {};
  RB_ASSIGN_OR_RETURN(const auto found,
                      runtime::validate_against_schema(connector.manifest()->config_schema, slot.use->config));
  append_mistakes(slot.pointer + "/config", found, mistakes);
  return slot.role == ConnectorRole::kSource ? check_streams(pipeline, connector, mistakes) : Status();
}

void load(const pipeline::PipelineConfig& pipeline, runtime::ComponentRuntime& runtime, PreparedConnector& connector) {
  auto loaded = runtime.load(connector.slot.use->use, connector.slot.role);
  if (!loaded.ok()) {
    connector.loaded = std::move(loaded).status();
    return;
  }
  connector.connector = std::move(*loaded);
  connector.loaded = check_config(pipeline, connector.slot, *connector.connector, connector.mistakes)
                         .with_context(connector.connector->name());
}

/// Loads the connectors of all slots but the first on their own threads, so that the first one does not keep the others
/// waiting. Failures are silent here; load() meets them again. The threads end with the returned value.
std::vector<std::jthread> load_ahead(std::span<const PreparedConnector> connectors,
                                     runtime::ComponentRuntime& runtime) {
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < connectors.size(); ++i) {
    const ConnectorSlot& slot = connectors[i].slot;
    try {
      threads.emplace_back([use = slot.use->use, role = slot.role, &runtime] {
        try {
          (void)runtime.load(use, role);
        } catch (const std::exception& error) {
          log_debug("loading {} ahead: {}", use, error.what());
        }
      });
    } catch (const std::system_error&) {
      // If no thread can be started, it is loaded when its turn comes.
      break;
    }
  }
  return threads;
}

/// All usable connectors are considered together: what one may write, another must not rely on.
void resolve(PreparedPipeline& prepared, std::vector<runtime::ProtectedPath> protect) {
  std::vector<ConnectorInUse> used;
  for (const PreparedConnector& connector : prepared.connectors) {
    if (!connector.fits()) continue;
    const ConnectorSlot& slot = connector.slot;
    used.push_back({slot.id, slot.pointer, slot.use, connector.connector.get()});
  }
  runtime::GrantPlan plan = grant_plan(prepared.pipeline, used);
  std::move(protect.begin(), protect.end(), std::back_inserter(plan.protected_paths));
  runtime::ResolvedGrants resolved = runtime::resolve_grants(plan);
  prepared.grants = std::move(resolved.by_connector);
  for (runtime::GrantProblem& problem : resolved.problems) {
    for (PreparedConnector& connector : prepared.connectors) {
      if (connector.slot.id == problem.connector_id) {
        connector.grant_problems.push_back(std::move(problem));
        break;
      }
    }
  }
}

}  // namespace

std::vector<ConnectorSlot> connector_slots(const pipeline::PipelineConfig& pipeline) {
  std::vector<ConnectorSlot> slots;
  slots.push_back({&pipeline.source, ConnectorRole::kSource, Stage::kSource, "source", "/source"});
  for (size_t i = 0; i < pipeline.transforms.size(); ++i) {
    slots.push_back({&pipeline.transforms[i], ConnectorRole::kTransform, Stage::kTransform,
                     fmt::format("transform-{}", i), fmt::format("/transforms/{}", i)});
  }
  slots.push_back(
      {&pipeline.destination, ConnectorRole::kDestination, Stage::kDestination, "destination", "/destination"});
  return slots;
}

ConnectorError pipeline_invalid(size_t mistakes) {
  return config_error(codes::kPipelineInvalid,
                      mistakes == 1 ? std::string("the pipeline file has a mistake, see the line above")
                                    : fmt::format("the pipeline file has {} mistakes, see the lines above", mistakes))
      .error();
}

Refusal refuse_mistakes(std::vector<FileMistake> mistakes) {
  RunFailure failure(Stage::kConfig, pipeline_invalid(mistakes.size()));
  return {std::move(failure), std::move(mistakes)};
}

bool PreparedPipeline::fits() const {
  return std::all_of(connectors.begin(), connectors.end(),
                     [](const PreparedConnector& connector) { return connector.fits(); });
}

std::optional<Refusal> PreparedPipeline::refusal() const {
  std::vector<FileMistake> mistakes;
  for (const PreparedConnector& connector : connectors) {
    if (!connector.loaded.ok()) return Refusal{{Stage::kConnector, connector.loaded.error()}, {}};
    mistakes.insert(mistakes.end(), connector.mistakes.begin(), connector.mistakes.end());
  }
  if (!mistakes.empty()) return refuse_mistakes(std::move(mistakes));
  for (const PreparedConnector& connector : connectors) {
    for (const runtime::GrantProblem& problem : connector.grant_problems) {
      if (problem.error.code == runtime::kGrantRefused)
        mistakes.push_back({problem.pointer, "", problem.error.message});
    }
  }
  if (!mistakes.empty()) return refuse_mistakes(std::move(mistakes));
  return std::nullopt;
}

std::optional<RunFailure> PreparedPipeline::failure() const {
  for (const PreparedConnector& connector : connectors) {
    if (connector.grant_problems.empty()) continue;
    const runtime::GrantProblem& problem = connector.grant_problems.front();
    return RunFailure{stage_of(problem), problem.status().error()};
  }
  if (std::optional<Refusal> refused = refusal()) return std::move(refused->failure);
  return std::nullopt;
}

PreparedPipeline prepare(const pipeline::PipelineConfig& pipeline, runtime::ComponentRuntime& runtime,
                         PrepareOptions options) {
  using Parts = PrepareOptions::Parts;
  PreparedPipeline prepared(pipeline, runtime);
  for (ConnectorSlot& slot : connector_slots(pipeline)) {
    if (options.parts == Parts::kSource && slot.role != ConnectorRole::kSource) continue;
    if (options.parts == Parts::kWithoutDestination && slot.role == ConnectorRole::kDestination) continue;
    prepared.connectors.push_back({std::move(slot), nullptr, {}, {}, {}});
  }
  {
    const std::vector<std::jthread> ahead = load_ahead(prepared.connectors, runtime);
    for (PreparedConnector& connector : prepared.connectors) {
      load(pipeline, runtime, connector);
      if (!connector.loaded.ok() && !options.collect) return prepared;
      if (!connector.fits()) continue;
      if (connector.slot.role == ConnectorRole::kSource) prepared.source = connector.connector;
      if (connector.slot.role == ConnectorRole::kTransform) prepared.transforms.push_back(connector.connector);
      if (connector.slot.role == ConnectorRole::kDestination) prepared.destination = connector.connector;
    }
  }
  if (options.collect || prepared.fits()) resolve(prepared, std::move(options.protect));
  return prepared;
}

runtime::InstanceOptions looking_options(const PreparedPipeline& prepared, const PreparedConnector& connector,
                                         const CancelToken& cancel) {
  const pipeline::PipelineConfig& pipeline = prepared.pipeline;
  const ConnectorSlot& slot = connector.slot;
  runtime::InstanceOptions options;
  options.pipeline = pipeline.name;
  options.connector_id = slot.id;
  options.config = slot.use->config;
  if (slot.role == ConnectorRole::kSource && has_feature(*connector.connector, protocol::Feature::kStreamOptions))
    options.config["streams"] = stream_entries(pipeline.source.streams);
  options.allow_env = slot.use->allow_env;
  if (const auto granted = prepared.grants.find(slot.id); granted != prepared.grants.end())
    options.grants = granted->second;
  options.max_memory = pipeline.resources.max_memory;
  options.guest_timeout = std::chrono::seconds(pipeline.resources.guest_timeout_seconds);
  options.only_looks = true;
  options.cancel = cancel;
  return options;
}

std::optional<RunFailure> discover(PreparedPipeline& prepared, const CancelToken& cancel) {
  if (std::optional<RunFailure> failure = prepared.failure()) return failure;
  const PreparedConnector& source = prepared.connectors.front();
  const auto ask = [&]() -> Status {
    RB_ASSIGN_OR_RETURN(const auto opened, OpenConnector::start(prepared.runtime, source.connector,
                                                                looking_options(prepared, source, cancel)));
    RB_ASSIGN_OR_RETURN(prepared.catalog, ask_for_catalog(opened->instance(), *source.connector));
    return {};
  };
  const Status asked = ask();
  if (asked.ok()) return std::nullopt;
  return RunFailure{cancel.cancelled() ? Stage::kInterrupted : Stage::kSource, asked.error()};
}

}  // namespace rapidbyte::engine
