#pragma once
// What the pipeline's transforms make of each stream, asked before its first row (feature "plan"): the columns that the
// next one, and in the end the destination, is told of, and whether checkpoints may pass. On the run's own thread.

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/protocol/stream_context.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

struct RunContext;
struct StreamPlan;

/// One transform's word on one stream.
struct TransformPlan {
  /// The columns of its output, as StreamPlan::columns; nullopt: those that come to it, as far as anybody knows.
  std::optional<nlohmann::json> columns{};
  /// It may keep rows back from one batch to the next, so that checkpoints wait for the end of the stream.
  bool holds_rows = true;
  /// In the transform's words, for the user; may be empty.
  std::string note{};
};

/// Whether a transform says of each stream beforehand what it makes of it.
[[nodiscard]] bool plans_streams(const runtime::Connector& transform);

/// What is known of a transform that does not say: the columns count as unchanged, and its manifest decides.
[[nodiscard]] TransformPlan unplanned(const runtime::Connector& transform);

/// The services of an instance that is asked for plans; takes the answers.
class PlanServices;
[[nodiscard]] std::shared_ptr<PlanServices> make_plan_services(const runtime::Connector& transform);
[[nodiscard]] std::shared_ptr<runtime::HostServices> as_host_services(std::shared_ptr<PlanServices> services);

/// Asks an open instance, started with `services`, what it makes of the stream of `context`, whose columns are those
/// that come to it. Errors: the transform's; TRANSFORM_PLAN_INVALID (internal) when it gives no answer or one that
/// cannot be.
Result<TransformPlan> ask_transform_plan(runtime::ComponentInstance& transform, PlanServices& services,
                                         const runtime::Connector& connector, protocol::StreamContext context);

/// Fills `StreamPlan::transforms` of all plans: starts an instance of each transform that plans, once for all streams.
/// The error names the stream.
Status plan_transforms(RunContext& run, std::vector<StreamPlan>& plans);

}  // namespace rapidbyte::engine
