#include "rapidbyte/engine/run_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

// A backend that does not answer within this time no longer delays the end of a stream or of the run; later writes are
// fenced anyway.
constexpr std::chrono::seconds kLeaseLook{10};

}  // namespace

runtime::InstanceOptions instance_options(const RunContext& run, const pipeline::ConnectorUse& use,
                                          std::string connector_id, nlohmann::json config, std::string stream,
                                          CancelToken cancel, std::shared_ptr<runtime::HostServices> services) {
  const pipeline::Resources& resources = run.pipeline.resources;
  runtime::InstanceOptions options;
  options.pipeline = run.pipeline.name;
  options.stream = std::move(stream);
  const auto& grants = run.prepared.grants;
  if (const auto granted = grants.find(connector_id); granted != grants.end()) options.grants = granted->second;
  options.connector_id = std::move(connector_id);
  options.config = std::move(config);
  options.allow_env = use.allow_env;
  options.max_memory = resources.max_memory;
  // A record may follow a batch that is nearly full.
  options.max_batch_bytes =
      std::max(options.max_batch_bytes, resources.max_batch_bytes + resources.max_record_bytes + (uint64_t{1} << 20U));
  options.guest_timeout = std::chrono::seconds(resources.guest_timeout_seconds);
  options.cancel = std::move(cancel);
  options.services = std::move(services);
  options.state = run.guest_state;
  return options;
}

const std::vector<std::string>& features_of(const runtime::Connector& connector) {
  static const std::vector<std::string> kNone;
  const runtime::Manifest* manifest = connector.manifest();
  if (manifest == nullptr) return kNone;
  const std::optional<runtime::Role>* role = &manifest->source;
  if (connector.role() == runtime::ConnectorRole::kDestination) role = &manifest->destination;
  if (connector.role() == runtime::ConnectorRole::kTransform) role = &manifest->transform;
  return role->has_value() ? (*role)->features : kNone;
}

bool has_feature(const runtime::Connector& connector, protocol::Feature feature) {
  const auto& features = features_of(connector);
  return std::find(features.begin(), features.end(), to_string(feature)) != features.end();
}

bool may_be_kept(const runtime::Connector& connector) {
  return connector.speaks_2_1() && has_feature(connector, protocol::Feature::kReuse);
}

std::vector<std::string> features_downstream(const RunContext& run, size_t first_transform) {
  // In a dry run the preview takes the destination's place, and it shows special values.
  std::vector<std::string> features =
      run.destination != nullptr ? features_of(*run.destination)
                                 : std::vector<std::string>{std::string(to_string(protocol::Feature::kSpecialValues))};
  for (size_t i = first_transform; i < run.transforms.size(); ++i) {
    // By name: features unknown to this program or the transform are not passed on either.
    const auto& understood = features_of(*run.transforms[i]);
    std::erase_if(features, [&](const std::string& feature) {
      return std::find(understood.begin(), understood.end(), feature) == understood.end();
    });
  }
  return features;
}

Result<KeptInstance> start_instance(const RunContext& run, const std::shared_ptr<const runtime::Connector>& connector,
                                    const std::string& stream) {
  const bool is_source = connector->role() == runtime::ConnectorRole::kSource;
  const pipeline::ConnectorUse& use =
      is_source ? static_cast<const pipeline::ConnectorUse&>(run.pipeline.source) : run.pipeline.destination;
  KeptInstance started;
  started.cancel = run.options.cancel.child();
  started.services = std::make_shared<RelayServices>(idle_services(connector->name()));
  RB_ASSIGN_OR_RETURN(started.instance, run.runtime.instantiate(
                                            connector, instance_options(run, use, is_source ? "source" : "destination",
                                                                        is_source ? run.source_config : use.config,
                                                                        stream, started.cancel, started.services)));
  return started;
}

void close_instance(RunContext& run, KeptInstance& kept, const runtime::Connector& connector,
                    const std::string& stream) {
  if (!kept) return;
  run.note_memory(kept.instance->peak_memory_bytes());
  const Status closed = kept.instance->close();
  kept = KeptInstance();
  if (closed.ok()) return;
  log_warn("closing {}{}: {}", connector.name(), stream.empty() ? "" : fmt::format(" for stream '{}'", stream),
           closed.to_string());
}

void close_instances(RunContext& run, WorkerInstances& kept) {
  // A connector that did not load has none.
  if (kept.source) close_instance(run, kept.source, *run.source, {});
  if (kept.destination) close_instance(run, kept.destination, *run.destination, {});
}

void open_destination_early(RunContext& run, const std::string& stream) noexcept {
  try {
    auto early = start_instance(run, run.destination, stream);
    // The stream will meet the same error and report it.
    if (!early.ok()) return;
    early->opened = early->instance->open();
    run.first.destination = std::move(*early);
  } catch (const std::exception&) {
    // Out of memory: it is opened when it is needed, and any error shows then.
  }
}

RunFailure interruption(const RunContext& run) {
  if (run.lease != nullptr && run.lease->lost().cancelled()) {
    RunFailure lost(Stage::kState, run.lease->loss().error());
    lost.concerns_every_stream = true;
    return lost;
  }
  return {Stage::kInterrupted,
          internal_error(codes::kCancelled,
                         "the run was interrupted; what was committed stays, and the next run resumes after it")
              .error()};
}

std::optional<RunFailure> check_lease(const RunContext& run) {
  if (run.lease == nullptr) return std::nullopt;
  const Status held = run.lease->renew(Deadline::after(kLeaseLook));
  if (held.ok() || !run.lease->lost().cancelled()) return std::nullopt;
  return interruption(run);
}

RunFailure failure_of(const RunContext& run, Stage stage, const Status& status) {
  if (run.lease != nullptr && run.lease->lost().cancelled()) return interruption(run);
  // Guests wrap CANCELLED in their own errors, so the code proves nothing.
  return {run.options.cancel.cancelled() ? Stage::kInterrupted : stage, status.error()};
}

}  // namespace rapidbyte::engine
