#pragma once
// Lane: one way from a source instance through the transforms to a destination instance, each on its own thread, with
// queues between them. An attempt at a stream has one lane, or one for each partition. Made and owned by the attempt;
// run() is called once, on the thread that becomes the destination's, and when it returns no other thread of the lane
// is left. Failures go to the attempt's slot, the first one counts.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "rapidbyte/engine/attempt_context.h"
#include "rapidbyte/engine/batch_queue.h"
#include "rapidbyte/engine/run_observer.h"
#include "rapidbyte/engine/stage_services.h"
#include "rapidbyte/engine/stage_usage.h"

namespace rapidbyte::engine {

/// Which part of a split stream a lane moves.
struct LanePartition {
  /// The source's object, as plan-partitions gave it.
  nlohmann::json source;
  size_t index = 0;
  size_t count = 1;
};

/// What a lane moved; after run().
struct LaneResult {
  uint64_t rows_read = 0, rows_written = 0, rows_rejected = 0;
  int64_t rows_transformed_away = 0;
  uint64_t bytes_read = 0, bytes_written = 0;
};

class Lane {
 public:
  /// `partition`: nullopt when the stream is not split.
  Lane(AttemptContext& attempt, QueueLimits limits, std::optional<LanePartition> partition);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Starts the destination. A caller that wants to use it before or after run() calls this first, and
  /// close_destination() at the end; otherwise run() does both. close_source() is the caller's in any case.
  Status open_destination();
  [[nodiscard]] runtime::ComponentInstance& destination() { return *destination_.instance; }
  /// Gives it back to the worker when the stream `ended_well`. Does nothing when there is none.
  void close_destination(bool ended_well);
  /// The same of a source that has read everything.
  void close_source(bool ended_well);
  /// Before run(): where commits are noted.
  void begin_commits(CommitTarget target) { tracker_.begin(std::move(target)); }

  void run();
  /// Ends the source's part early because another lane failed: what lies behind the last marker is dropped, and the
  /// stages behind hear that the one before them failed. Any thread.
  void break_off() { queues_.front()->fail(); }

  // After run() without a failure in the attempt.
  /// Whether run() was called and came to its end.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Whether the destination wrote or rejected what it was given. The answer: rows that it left out because it had
  /// them.
  [[nodiscard]] Result<uint64_t> check_rows() const;
  /// Before run(): what the destination's thread does before the destination writes, while the source begins to read.
  /// When it fails, the destination has failed.
  void before_write(std::function<Status()> action) { before_write_ = std::move(action); }
  /// All that the destination wrote is committed: also what it never reported.
  Status finish_commits() { return tracker_.finished(); }
  /// After the attempt has failed: notes in the state what may be in the destination.
  Status settle_commits();
  [[nodiscard]] LaneResult result() const;

  // Any time, any thread.
  [[nodiscard]] const CommitTracker& commits() const { return tracker_; }
  [[nodiscard]] QueueCounts emitted() const { return queues_.front()->counts(); }
  /// Adds where this lane stands; `seconds` and what counts for the whole stream are left alone.
  void add_progress(StreamProgress& progress) const;
  /// After run(): where the time went; source, transforms, destination.
  [[nodiscard]] std::vector<StageUsage> usage() const;
  /// Of the destination's stage, for what is done with it outside of run().
  [[nodiscard]] StageUsage& destination_usage() { return usage_.back(); }

 private:
  void source_stage();
  void transform_stage(size_t index);
  void destination_stage();
  void preview_stage();
  Status read(KeptInstance& source);
  Status transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance);
  Status write();
  Status collect_preview(Preview& preview);
  void report_upstream(Stage stage, const Status& status);

  /// Null for one of several lanes: they run side by side, and the worker keeps one instance of each.
  [[nodiscard]] KeptInstance* place(KeptInstance& kept) const { return partition_ ? nullptr : &kept; }
  [[nodiscard]] StageContext stage_context();
  [[nodiscard]] nlohmann::json source_partition() const;
  [[nodiscard]] nlohmann::json destination_partition() const;

  AttemptContext& attempt_;
  RunContext& run_;
  const std::string& stream_;
  const std::optional<LanePartition> partition_;
  CommitTracker tracker_;
  /// queues_[0] behind the source, then one behind each transform. unique_ptr: a queue cannot move.
  std::vector<std::unique_ptr<BatchQueue>> queues_;
  std::shared_ptr<DestinationServices> destination_services_;  // shared with the instance
  KeptInstance destination_;
  /// After it has read everything, until it is known how the stream ends; empty for a source that is not kept.
  KeptInstance source_;
  std::function<Status()> before_write_;

  // Written by one stage before it closes its queue, read by the next one after it saw the end, and after the join.
  std::vector<uint64_t> rows_out_;
  /// One for each stage; written by its thread only.
  std::vector<StageUsage> usage_;
  runtime::ReadSummary read_summary_;
  runtime::WriteSummary write_summary_;
  uint64_t preview_rows_ = 0;
  bool complete_ = false;
};

}  // namespace rapidbyte::engine
