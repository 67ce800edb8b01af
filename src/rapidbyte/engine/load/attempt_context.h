#pragma once
// AttemptContext: what the parts of one attempt at a stream share: the attempt itself and its lanes. Owned by the
// attempt and outlives its lanes. The position is set before a lane starts; the rest may be used from every thread.

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/report/counter_totals.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/stream_context.h"

namespace rapidbyte::engine {

struct AttemptContext {
  AttemptContext(RunContext& run_context, const StreamPlan& stream_plan, WorkerInstances& worker_instances)
      : run(run_context), plan(stream_plan), kept(worker_instances), cancel(run_context.options.cancel.child()) {}

  RunContext& run;
  const StreamPlan& plan;
  /// The worker's instances. Each member is used by the thread of one stage at a time, and not by the lanes of a split
  /// stream.
  WorkerInstances& kept;
  CancelToken cancel;
  FailureSlot failures;
  /// Why a connector could not be started or opened for this attempt.
  FailureSlot not_opened;
  std::atomic<uint64_t> rejected{0};
  CounterTotals counters{};
  LoadPosition position;
};

/// What `connector`'s calls are told about this attempt's stream. `first_transform`: the first transform that its
/// output reaches. `partition`: null when the stream is not split. `for_rows`: for run-write, which follows
/// begin-stream, where the destination has already been told the pipeline's other streams.
[[nodiscard]] protocol::StreamContext stream_context(const AttemptContext& attempt, const runtime::Connector& connector,
                                                     size_t first_transform = 0,
                                                     const nlohmann::json& partition = nullptr, bool for_rows = false);
/// `context` as the JSON that `connector` gets, in its protocol version.
[[nodiscard]] std::string context_text(protocol::StreamContext context, const runtime::Connector& connector);
/// Both in one.
[[nodiscard]] std::string context_json(const AttemptContext& attempt, const runtime::Connector& connector,
                                       size_t first_transform = 0, const nlohmann::json& partition = nullptr,
                                       bool for_rows = false);

/// An open instance of the run's source or destination for the attempt's stream: the one that the worker kept in
/// `place`, or a new one (always, when `place` is null). It is cancelled with `cancel`, and its calls go to `services`.
Result<KeptInstance> take_instance(AttemptContext& attempt, KeptInstance* place,
                                   const std::shared_ptr<const runtime::Connector>& connector,
                                   const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services);
/// Ends the use of an instance: kept in `place` for the worker's next stream when its connector allows it and its work
/// `ended_well`, otherwise closed. Null `place`: closed.
void give_back(AttemptContext& attempt, KeptInstance* place, KeptInstance instance, const runtime::Connector& connector,
               bool ended_well);

/// Starts and opens a transform for the attempt's stream; `id` as in InstanceOptions::connector_id.
Result<std::unique_ptr<runtime::ComponentInstance>> open_transform(
    AttemptContext& attempt, const std::shared_ptr<const runtime::Connector>& connector,
    const pipeline::ConnectorUse& use, std::string id, const CancelToken& cancel,
    std::shared_ptr<runtime::HostServices> services);
/// Closes it and records its memory; an error is only logged.
void close_transform(AttemptContext& attempt, runtime::ComponentInstance& instance,
                     const runtime::Connector& connector);

/// Records a failure of `stage`, unless another one came first.
void report_failure(AttemptContext& attempt, Stage stage, const Status& status);

/// Records row counts that do not add up, so that no later run resumes this load. Does nothing when `counted` is ok.
/// `end`: the checkpoint after the load's last row, when everything has been read and only the destination's count is
/// wrong.
void note_miscount(AttemptContext& attempt, const Status& counted,
                   const std::optional<std::string>& end = std::nullopt);

}  // namespace rapidbyte::engine
