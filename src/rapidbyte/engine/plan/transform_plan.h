#pragma once
// What the pipeline's transforms make of each stream, asked before its first row (feature "plan"): the columns that the
// next one, and in the end the destination, is told of, and whether checkpoints may pass. On the run's own thread.

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/checkpoint.h"
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

/// The services of an instance that is asked for plans. An answer is a checkpoint of the transform's own, the one call
/// by which it can hand over a text.
class PlanServices final : public runtime::HostServices {
 public:
  explicit PlanServices(const runtime::Connector& transform);
  Status emit_batch(std::span<const std::byte> batch) override { return idle_->emit_batch(batch); }
  Result<std::optional<PooledBuffer>> next_batch() override { return idle_->next_batch(); }
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override;
  Result<std::optional<std::string>> pending_checkpoint() override { return idle_->pending_checkpoint(); }
  Status emit_dlq_record(runtime::DlqRecord record) override { return idle_->emit_dlq_record(std::move(record)); }
  void metric(const runtime::Metric& metric) override { idle_->metric(metric); }
  void log(LogLevel level, std::string_view message) override { idle_->log(level, message); }

  std::optional<protocol::Checkpoint> take_answer() { return std::exchange(answer_, std::nullopt); }

 private:
  std::shared_ptr<runtime::HostServices> idle_;  // of the type that idle_services() gives
  std::optional<protocol::Checkpoint> answer_;
};

/// Asks an open instance of the next transform of `plan`, started with `services`, what it makes of the columns that
/// come to it, and appends the answer. Errors: the transform's; TRANSFORM_PLAN_INVALID (internal) when it gives no
/// answer or one that cannot be. `run_id`: empty outside of a run. `streams`: the names of all streams of the pipeline,
/// whether or not they are asked about.
Status ask_transform_plan(runtime::ComponentInstance& transform, PlanServices& services,
                          const runtime::Connector& connector, const pipeline::PipelineConfig& pipeline,
                          std::string_view run_id, const std::vector<std::string>& streams, StreamPlan& plan);

/// Fills `StreamPlan::transforms` of all plans: starts an instance of each transform that plans, once for all streams.
/// The error names the stream.
Status plan_transforms(RunContext& run, std::vector<StreamPlan>& plans);

}  // namespace rapidbyte::engine
