#include "rapidbyte/engine/load/attempt_context.h"

#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/pipeline/stream_context.h"
#include "rapidbyte/protocol/json.h"

namespace rapidbyte::engine {
namespace {

std::string cursor_type(const protocol::CursorValue& value, const StreamPlan& plan) {
  if (std::string known = value.type(); !known.empty()) return known;
  for (const auto& column : plan.columns) {
    if (plan.config.cursor_field && protocol::text_member(column, "name") == *plan.config.cursor_field) {
      return std::string(protocol::cursor_type_of(protocol::text_member(column, "data_type")));
    }
  }
  return "json";
}

Status not_opened(AttemptContext& attempt, Status why) {
  // The stage does not matter here.
  attempt.not_opened.set(Stage::kConnector, why.error());
  return why;
}

// Which transform's input the connector's columns are; a source's are its own.
size_t stage_of(const RunContext& run, const runtime::Connector& connector, size_t first_transform) {
  if (connector.role() == runtime::ConnectorRole::kDestination) return run.transforms.size();
  return first_transform == 0 ? 0 : first_transform - 1;
}

}  // namespace

protocol::StreamContext stream_context(const AttemptContext& attempt, const runtime::Connector& connector,
                                       size_t first_transform, const nlohmann::json& partition, bool for_rows) {
  const RunContext& run = attempt.run;
  const StreamPlan& plan = attempt.plan;
  const LoadPosition& position = attempt.position;
  const bool for_destination = connector.role() == runtime::ConnectorRole::kDestination;
  protocol::StreamContext context =
      pipeline::configured_context(plan.config, run.pipeline.destination, run.pipeline.resources, for_destination);
  context.columns = plan.columns_into(stage_of(run, connector, first_transform));
  if (plan.config.sync_mode != pipeline::SyncMode::kFullRefresh && plan.config.cursor_field) {
    context.cursor = {*plan.config.cursor_field, cursor_type(position.cursor, plan), position.cursor};
  }
  context.pipeline = run.pipeline.name;
  context.run_id = run.run_id;
  context.load_id = position.load_id;
  if (!position.resume.empty()) context.resume = position.resume.body();
  context.partition = partition;
  if (for_destination) {
    if (!for_rows && !run.pipeline_streams_seen) context.pipeline_streams = run.pipeline_streams;
    if (context.cursor) context.cursor_load_id = position.cursor_load_id;
    context.keep_positions = run.options.keep_positions;
    context.allow_doubled_rows = run.options.allow_doubled_rows;
    context.reference_ring = plan.reference_ring;
  } else {
    context.destination_features = features_downstream(run, first_transform);
  }
  return context;
}

std::string context_text(protocol::StreamContext context, const runtime::Connector& connector) {
  const auto version = connector.speaks_2_1() ? protocol::ContextVersion::k2_1 : protocol::ContextVersion::k2_0;
  return protocol::json_text(protocol::context_json(std::move(context), version));
}

std::string context_json(const AttemptContext& attempt, const runtime::Connector& connector, size_t first_transform,
                         const nlohmann::json& partition, bool for_rows) {
  return context_text(stream_context(attempt, connector, first_transform, partition, for_rows), connector);
}

Result<KeptInstance> take_instance(AttemptContext& attempt, KeptInstance* place,
                                   const std::shared_ptr<const runtime::Connector>& connector,
                                   const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) {
  RunContext& run = attempt.run;
  const std::string& stream = attempt.plan.config.name;
  KeptInstance taken = place != nullptr ? std::exchange(*place, KeptInstance()) : KeptInstance();
  const bool is_open = static_cast<bool>(taken);
  if (is_open) {
    taken.instance->serve(stream);
  } else {
    auto started = start_instance(run, connector, stream);
    if (!started.ok()) return not_opened(attempt, std::move(started).status());
    taken = std::move(*started);
  }
  taken.services->set_target(std::move(services));
  taken.in_use = cancel.on_cancel([own = taken.cancel] { own.cancel(); });
  if (!is_open) taken.opened = taken.instance->open();
  if (taken.opened.ok()) return taken;
  Status refused = std::move(taken.opened);
  close_instance(run, taken, *connector, stream);
  return not_opened(attempt, std::move(refused));
}

void give_back(AttemptContext& attempt, KeptInstance* place, KeptInstance instance, const runtime::Connector& connector,
               bool ended_well) {
  if (!instance) return;
  // First: whatever ends this attempt must not reach the next one's instance.
  instance.in_use = CancelToken::Registration();
  if (!ended_well || place == nullptr || !may_be_kept(connector) || instance.cancel.cancelled()) {
    return close_instance(attempt.run, instance, connector, attempt.plan.config.name);
  }
  attempt.run.note_memory(instance.instance->peak_memory_bytes());
  instance.services->set_target(idle_services(connector.name()));
  *place = std::move(instance);
}

Result<std::unique_ptr<runtime::ComponentInstance>> open_transform(
    AttemptContext& attempt, const std::shared_ptr<const runtime::Connector>& connector,
    const pipeline::ConnectorUse& use, std::string id, const CancelToken& cancel,
    std::shared_ptr<runtime::HostServices> services) {
  RunContext& run = attempt.run;
  auto instance = run.runtime.instantiate(
      connector,
      instance_options(run, use, std::move(id), use.config, attempt.plan.config.name, cancel, std::move(services)));
  if (!instance.ok()) return not_opened(attempt, std::move(instance).status());
  Status opened = (*instance)->open();
  if (opened.ok()) return instance;
  close_transform(attempt, **instance, *connector);
  return not_opened(attempt, std::move(opened));
}

void close_transform(AttemptContext& attempt, runtime::ComponentInstance& instance,
                     const runtime::Connector& connector) {
  attempt.run.note_memory(instance.peak_memory_bytes());
  const Status closed = instance.close();
  if (closed.ok()) return;
  log_warn("closing {} for stream '{}': {}", connector.name(), attempt.plan.config.name, closed.to_string());
}

void report_failure(AttemptContext& attempt, Stage stage, const Status& status) {
  const RunFailure failure = failure_of(attempt.run, stage, status);
  attempt.failures.set(failure.stage, failure.error);
}

void note_miscount(AttemptContext& attempt, const Status& counted, const std::optional<std::string>& end) {
  // The next replace starts from the beginning in any case.
  if (counted.ok() || !attempt.run.keeps_state() || attempt.plan.write_mode == pipeline::WriteMode::kReplace) return;
  // The missing rows may lie before a committed checkpoint; the next run must not resume from it.
  const std::string& stream = attempt.plan.config.name;
  const Status marked =
      mark_load_miscounted(attempt.run, stream, attempt.position.load_id, counted.error().message, end);
  if (!marked.ok()) log_error("stream '{}': cannot record the miscount: {}", stream, marked.to_string());
}

}  // namespace rapidbyte::engine
