#pragma once
// LaneRunner: one path from a source instance through the transforms to a destination instance, each on its own thread,
// with queues between them. It does what its LaneTask says and knows no other lane: its host gives it instances and
// receives its events (lane_host.h). run() is called once, on the thread that becomes the destination's, and when it
// returns no other thread of the lane is left. The first failure goes to the events; result() says how far the lane
// came.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "rapidbyte/engine/lane/batch_queue.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/lane/lane_host.h"
#include "rapidbyte/engine/lane/lane_task.h"
#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/engine/lane/stage_threads.h"
#include "rapidbyte/engine/report/run_observer.h"

namespace rapidbyte::engine {

/// What a lane works with; all of it outlives the lane.
struct LaneEnvironment {
  LaneInstances& instances;
  LaneEvents& events;
  StageThreads& threads;
  /// Makes checkpoints durable; null where none is kept.
  state::Lease* lease = nullptr;
  std::shared_ptr<BufferPool> pool;  // shared by all lanes of a run
  CancelToken cancel;
};

class LaneRunner {
 public:
  /// `task.position` may be set later, with begin(): the destination that is asked for it may be the lane's own.
  LaneRunner(LaneTask task, LaneEnvironment environment);
  LaneRunner(const LaneRunner&) = delete;
  LaneRunner& operator=(const LaneRunner&) = delete;

  /// Starts the destination. A caller that wants to use it before or after run() calls this first, and
  /// close_destination() at the end; otherwise run() does both. close_source() is the caller's in any case.
  Status open_destination();
  [[nodiscard]] runtime::ComponentInstance& destination() { return *destination_.instance; }
  /// Returns it to its host when the stream `ended_well`. Does nothing when there is none.
  void close_destination(bool ended_well);
  /// The same for a source that has read everything.
  void close_source(bool ended_well);

  /// Before run(): where the lane begins, and so where commits are recorded.
  void begin(LanePosition position);
  /// Before run(): what the destination's thread does before the destination writes, while the source begins to read.
  /// When it fails, the destination has failed. Not for a stream without rows when the position `skips_empty`.
  void before_write(std::function<Status()> action) { before_write_ = std::move(action); }

  void run();
  /// Aborts the source's stage: everything after the last marker is dropped, and the later stages see that the one
  /// before them failed. Any thread.
  void abort() { queues_.front()->fail(); }
  /// Cancels source and transforms, whose output is no longer wanted once the lane is satisfied(). Any thread.
  void stop_upstream() { upstream_cancel_.cancel(); }

  /// After run(), or when the lane will not be run: the result so far.
  [[nodiscard]] LaneResult result() const;
  /// After run() without a failure: everything that the destination wrote is committed, also what it never reported.
  Status finish_commits() { return tracker_.finished(); }
  /// After a failure: records in the state what may be in the destination.
  Status settle_commits() { return tracker_.settle(queues_.back()->counts().popped_rows); }

  // Any time, any thread.
  /// The last stage has what it wanted (`--limit`, dry run).
  [[nodiscard]] bool satisfied() const { return satisfied_.load(std::memory_order_acquire); }
  /// Rows that the destination has reported as committed.
  [[nodiscard]] uint64_t rows_committed() const { return tracker_.rows_committed(); }
  /// Adds this lane's progress; `seconds` and figures of the whole stream are left unchanged.
  void add_progress(StreamProgress& progress) const;
  /// The destination's services, for its use outside of run().
  [[nodiscard]] StageUsage& destination_usage() { return usage_.back(); }

 private:
  void source_stage();
  void transform_stage(size_t index);
  void destination_stage();
  void preview_stage();
  Status read(KeptInstance& source);
  Status transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance);
  Status write();
  /// Takes the markers of a stream without rows.
  Status take_markers();
  Status collect_preview(Preview& preview);
  void report_upstream(Stage stage, const Status& status);
  void stop_all();

  [[nodiscard]] StageContext stage_context();
  [[nodiscard]] std::vector<StageUsage> usage() const;

  LaneTask task_;
  const LaneEnvironment environment_;
  /// The token of source and transforms: only they are stopped when the last stage has what it wanted.
  CancelToken upstream_cancel_;
  /// Set when the last stage has what it wanted, or the lane cannot start: failures of the stages before it are then
  /// ignored.
  std::atomic<bool> satisfied_{false};
  CommitTracker tracker_;
  /// queues_[0] follows the source, the others each follow a transform. unique_ptr: a queue cannot move.
  std::vector<std::unique_ptr<BatchQueue>> queues_;
  std::shared_ptr<DestinationServices> destination_services_;  // shared with the instance
  KeptInstance destination_;
  /// Kept after it has read everything, until it is known how the stream ends; empty for a source that is not kept.
  KeptInstance source_;
  std::function<Status()> before_write_;

  // Written by a stage before it closes its queue; read by the next stage after it saw the end, and after the join.
  std::vector<uint64_t> rows_out_;
  /// Rows rejected by each transform.
  std::vector<uint64_t> transform_rejected_;
  /// One for each stage; written only by its thread.
  std::vector<StageUsage> usage_;
  runtime::ReadSummary read_summary_;
  runtime::WriteSummary write_summary_;
  uint64_t preview_rows_ = 0;
  bool skipped_empty_ = false;
  bool complete_ = false;
};

}  // namespace rapidbyte::engine
