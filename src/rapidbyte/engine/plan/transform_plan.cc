#include "rapidbyte/engine/plan/transform_plan.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/engine/plan/stream_plan.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/pipeline/stream_context.h"
#include "rapidbyte/protocol/catalog.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {

using nlohmann::json;

namespace {

Status invalid(const runtime::Connector& connector, const std::string& stream, std::string_view what) {
  return make_error(
      ErrorCategory::kInternal, codes::kTransformPlanInvalid,
      fmt::format("{}, stream {}: what it says that it makes of the stream {}; this is a bug of the connector",
                  connector.name(), protocol::shown_name(stream), what));
}

}  // namespace

bool plans_streams(const runtime::Connector& transform) {
  return transform.speaks_2_1() && has_feature(transform, protocol::Feature::kPlan);
}

TransformPlan unplanned(const runtime::Connector& transform) {
  TransformPlan plan;
  // Only its author knows whether a checkpoint would pass rows that it still holds; silence counts as yes.
  plan.holds_rows =
      !has_feature(transform, protocol::Feature::kStateless) || has_feature(transform, protocol::Feature::kStateful);
  return plan;
}

PlanServices::PlanServices(const runtime::Connector& transform) : idle_(idle_services(transform.name())) {}

Status PlanServices::checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) {
  if (kind == runtime::CheckpointKind::kTransform) answer_ = std::move(checkpoint);
  return {};
}

Status ask_transform_plan(runtime::ComponentInstance& transform, PlanServices& services,
                          const runtime::Connector& connector, const pipeline::PipelineConfig& pipeline,
                          std::string_view run_id, const std::vector<std::string>& streams, StreamPlan& plan) {
  const std::string& stream = plan.config.name;
  protocol::StreamContext context =
      pipeline::configured_context(plan.config, pipeline.destination, pipeline.resources, false);
  context.columns = plan.columns_into(plan.transforms.size());
  context.pipeline = pipeline.name;
  context.run_id = run_id;
  json question = protocol::context_json(std::move(context), protocol::ContextVersion::k2_1);
  question["ask"] = "plan";
  question["streams"] = streams;
  RB_RETURN_NOT_OK(transform.run_transform(protocol::json_text(question)).status());
  const auto answer = services.take_answer();
  if (!answer) return invalid(connector, stream, "is missing");
  const json* said = protocol::find_member(answer->body(), "plan");
  if (said == nullptr || !said->is_object()) return invalid(connector, stream, "has no object under \"plan\"");
  const json* columns = protocol::find_member(*said, "columns");
  if (columns == nullptr || !columns->is_array()) return invalid(connector, stream, "has no list \"columns\"");
  // By the rules of a catalog, as if it were a source's stream: that is what it is for whoever comes next.
  const json as_catalog = {{"streams", json::array({{{"name", stream}, {"schema", *columns}}})}};
  const auto sound = protocol::parse_catalog(protocol::json_text(as_catalog), connector.name());
  if (!sound.ok()) return invalid(connector, stream, "is wrong: " + sound.error().message);
  plan.transforms.push_back({.columns = *columns,
                             .holds_rows = !protocol::bool_member(*said, "stateless").value_or(false),
                             .note = protocol::text_member(*said, "note")});
  return {};
}

Status plan_transforms(RunContext& run, std::vector<StreamPlan>& plans) {
  for (StreamPlan& plan : plans) plan.transforms.clear();
  for (size_t i = 0; i < run.transforms.size(); ++i) {
    const runtime::Connector& connector = *run.transforms[i];
    if (!plans_streams(connector)) {
      for (StreamPlan& plan : plans) plan.transforms.push_back(unplanned(connector));
      continue;
    }
    const pipeline::ConnectorUse& use = run.pipeline.transforms[i];
    const auto services = std::make_shared<PlanServices>(connector);  // shared with the instance
    RB_ASSIGN_OR_RETURN(
        const auto instance,
        run.runtime.instantiate(run.transforms[i], instance_options(run, use, fmt::format("transform-{}", i),
                                                                    use.config, "", run.options.cancel, services)));
    Status status = instance->open();
    for (size_t stream = 0; status.ok() && stream < plans.size(); ++stream)
      status = ask_transform_plan(*instance, *services, connector, run.pipeline, run.run_id, run.pipeline_streams,
                                  plans[stream]);
    run.note_memory(instance->peak_memory_bytes());
    if (const Status closed = instance->close(); !closed.ok())
      log_warn("closing {}: {}", connector.name(), closed.to_string());
    RB_RETURN_NOT_OK(std::move(status));
  }
  return {};
}

}  // namespace rapidbyte::engine
