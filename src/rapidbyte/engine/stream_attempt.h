#pragma once
// StreamAttempt: one try at one stream, from fresh instances to joined threads: source, transforms and destination,
// each on its own thread, with queues between them. Used once, on its stream's thread, which owns it. Whatever happens,
// when run() returns no thread of it is left, and every instance that did not trap has been closed.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/engine/batch_queue.h"
#include "rapidbyte/engine/load_position.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/engine/stage_services.h"

namespace rapidbyte::engine {

/// How long the other stages may take to end by themselves after one failed (roll back, close connections) before they
/// are cancelled. 5 s: a rollback is quick, and a stage that waits for the network hears of nothing else.
inline constexpr std::chrono::milliseconds kStageEndGrace{5000};

struct AttemptResult {
  std::optional<RunFailure> failure;
  bool resumed = false;
  std::string load_id;
  /// The destination took part as far as begin-stream (so the load is noted in the state).
  bool load_begun = false;
  uint64_t rows_read = 0;
  uint64_t rows_written = 0;  // of a failed attempt: committed
  uint64_t rows_rejected = 0;
  int64_t rows_transformed_away = 0;
  uint64_t bytes_read = 0, bytes_written = 0, batches = 0, checkpoints = 0;
};

class StreamAttempt {
 public:
  /// `load_id`: of the attempt before in this run, or empty. `first_row`: rows that earlier attempts committed, for the
  /// progress.
  StreamAttempt(RunContext& run, const StreamPlan& plan, std::string load_id, uint64_t first_row);
  AttemptResult run();

 private:
  using Failure = std::optional<RunFailure>;

  Failure open_destination();
  Failure write_stream();
  Failure finish_stream();
  Failure run_stages();
  Failure check_result();
  /// Remembers rows that do not add up, so that no later run goes on with this load.
  void note_miscount(const Status& counted);
  void close(runtime::ComponentInstance& instance, const runtime::Connector& connector);

  // Bodies of the stages' threads.
  void source_stage();
  void transform_stage(size_t index);
  void destination_stage();
  void preview_stage();
  Status read(std::unique_ptr<runtime::ComponentInstance>& instance);
  Status transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance);
  Status write();
  Status collect_preview(Preview& preview);
  void report_upstream(Stage stage, const Status& status);

  [[nodiscard]] StageContext stage_context();
  /// `first_transform`: the one that what `connector` sends comes to first.
  [[nodiscard]] std::string context_json(const runtime::Connector& connector, size_t first_transform = 0) const;
  void tick();
  [[nodiscard]] StreamProgress progress() const;

  RunContext& run_;
  const StreamPlan& plan_;
  const std::string given_load_id_;
  const uint64_t first_row_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  CancelToken cancel_;
  /// Of source and transforms: they are stopped alone when the destination has what it wanted.
  CancelToken upstream_cancel_;
  FailureSlot failures_;
  std::atomic<uint64_t> rejected_{0};
  std::atomic<uint64_t> rows_reported_{0};
  std::atomic<bool> satisfied_{false};
  CommitTracker tracker_;
  /// queues_[0] behind the source, then one behind each transform. unique_ptr: a queue cannot move.
  std::vector<std::unique_ptr<BatchQueue>> queues_;
  std::shared_ptr<DestinationServices> destination_services_;  // shared with the instance
  std::unique_ptr<runtime::ComponentInstance> destination_;
  LoadPosition position_;
  AttemptResult result_;

  // Written by one stage before it closes its queue, read by the next one after it saw the end, and by run() after the
  // join.
  std::vector<uint64_t> rows_out_;
  runtime::ReadSummary read_summary_;
  runtime::WriteSummary write_summary_;
  uint64_t preview_rows_ = 0;
  std::optional<std::chrono::steady_clock::time_point> ending_since_;
};

}  // namespace rapidbyte::engine
