#pragma once
// AttemptContext: what the parts of one attempt at a stream share: the attempt itself and its lanes. Owned by the
// attempt and outlives its lanes. The position is set before a lane starts; the rest may be used from every thread.

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "rapidbyte/engine/errors.h"
#include "rapidbyte/engine/load_position.h"
#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

struct AttemptContext {
  AttemptContext(RunContext& run_context, const StreamPlan& stream_plan)
      : run(run_context),
        plan(stream_plan),
        cancel(run_context.options.cancel.child()),
        upstream_cancel(cancel.child()) {}

  RunContext& run;
  const StreamPlan& plan;
  CancelToken cancel;
  /// Of sources and transforms: they are stopped alone when the last stage has what it wanted.
  CancelToken upstream_cancel;
  FailureSlot failures;
  std::atomic<uint64_t> rejected{0};
  /// Set when the last stage has what it wanted (`--limit`, dry run): the stages before it fail then, and that does not
  /// count.
  std::atomic<bool> satisfied{false};
  LoadPosition position;
  /// Opened already, for the next use of the source in this attempt; empty: an instance is started.
  OpenSource ready_source;
  /// Cancels `ready_source` with this attempt.
  CancelToken::Registration ready_source_link;
  /// Cancels the destination that was opened before this attempt.
  CancelToken::Registration early_destination_link;
};

/// Takes the instance that discovery left open, if it did.
void adopt_open_source(AttemptContext& attempt);

/// The JSON that `connector`'s calls get for this attempt's stream. `first_transform`: the one that what it sends comes
/// to first. `partition`: null when the stream is not split.
[[nodiscard]] std::string context_json(const AttemptContext& attempt, const runtime::Connector& connector,
                                       size_t first_transform = 0, const nlohmann::json& partition = nullptr);

/// Starts and opens an instance for the attempt's stream. `use`: what the pipeline says about it; `id` as in
/// InstanceOptions::connector_id.
Result<std::unique_ptr<runtime::ComponentInstance>> open_instance(
    AttemptContext& attempt, const std::shared_ptr<const runtime::Connector>& connector,
    const pipeline::ConnectorUse& use, std::string id, const CancelToken& cancel,
    std::shared_ptr<runtime::HostServices> services);

/// Closes an instance and notes its memory. What counts was said before, so an error is only logged: a run does not
/// fail because a connection did not end politely.
void close_instance(AttemptContext& attempt, runtime::ComponentInstance& instance, const runtime::Connector& connector);

/// Notes a failure of `stage`, unless another one came first.
void report_failure(AttemptContext& attempt, Stage stage, const Status& status);

/// Remembers rows that do not add up, so that no later run goes on with this load. Does nothing when `counted` is ok.
/// `end`: the checkpoint behind the load's last row, when everything has been read and only the destination's count is
/// wrong.
void note_miscount(AttemptContext& attempt, const Status& counted,
                   const std::optional<std::string>& end = std::nullopt);

}  // namespace rapidbyte::engine
