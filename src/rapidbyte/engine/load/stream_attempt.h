#pragma once
// StreamAttempt: one attempt at one stream, from fresh instances to joined threads: it finds where the load begins,
// tells the destination about its begin and end, and in between runs the lanes: one, or one for each partition. Used
// once, on its stream's thread, which owns it. Whatever happens, when run() returns none of its threads is left, and
// every instance that did not trap has been closed.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/engine/lane/lane.h"
#include "rapidbyte/engine/load/attempt_context.h"
#include "rapidbyte/engine/load/local_lane_host.h"
#include "rapidbyte/engine/load/partition_plan.h"

namespace rapidbyte::engine {

/// How long the other stages may take to end by themselves after one failed (roll back, close connections) before they
/// are cancelled. 5 s: a rollback is quick, and a stage that waits for the network notices nothing else.
inline constexpr std::chrono::milliseconds kStageEndGrace{5000};

struct AttemptResult {
  std::optional<RunFailure> failure;
  bool resumed = false;
  std::string load_id;
  /// The destination got as far as begin-stream, so the load is recorded in the state.
  bool load_begun = false;
  uint32_t partitions = 1;
  uint64_t rows_read = 0;
  uint64_t rows_written = 0;  // of a failed attempt: committed
  uint64_t rows_rejected = 0;
  int64_t rows_transformed_away = 0;
  uint64_t bytes_read = 0, bytes_written = 0, batches = 0, checkpoints = 0;
  /// As in StreamReport.
  std::optional<uint64_t> rows_maybe_doubled = 0;
  uint64_t rows_already_there = 0;
  std::vector<StageUsage> stages;
  std::vector<CounterTotal> counters;
};

class StreamAttempt {
 public:
  /// `load_id`: of the attempt before in this run, or empty. `first_row`: rows that earlier attempts committed, for the
  /// progress.
  /// `kept`: the worker's instances; after run() what the next stream may use.
  StreamAttempt(RunContext& run, const StreamPlan& plan, WorkerInstances& kept, std::string load_id,
                uint64_t first_row);
  AttemptResult run();

 private:
  using Failure = std::optional<RunFailure>;

  Failure preview_stream();
  Failure write_stream();
  /// Asks for partitions if the stream may be split, and makes the lanes.
  Failure make_lanes();
  Failure open_destination();
  Failure find_position();
  [[nodiscard]] LaneTask lane_task(uint32_t lanes_at_a_time, std::optional<size_t> part);
  [[nodiscard]] std::unique_ptr<LaneRunner> make_lane(LaneTask task);
  [[nodiscard]] LanePosition lane_position(size_t index) const;
  void settle_commits();
  Status begin_stream();
  Failure run_lanes();
  void run_next_lanes();
  Failure check_lanes();
  Failure finish_stream();
  void discard_staging();
  void discard_abandoned_staging();
  void close_instances(bool ended_well);
  void sum_up(Failure failure);
  [[nodiscard]] bool concerns_every_stream(const RunFailure& failure);

  /// Whether a stream without rows leaves the destination alone until finish-stream (feature "empty-streams").
  [[nodiscard]] bool may_skip_empty() const;
  [[nodiscard]] bool is_split() const { return !partition_plan_.partitions().empty(); }
  /// Whether the load's checkpoints go into the state. Not those of a load that never resumes in the middle: they would
  /// replace a position that is valid until the load is published.
  [[nodiscard]] bool leaves_checkpoints() const {
    return !is_split() && plan_.write_mode != pipeline::WriteMode::kReplace;
  }
  /// The instance for begin-stream, finish-stream and last-committed.
  [[nodiscard]] runtime::ComponentInstance& destination();
  [[nodiscard]] StageUsage& destination_usage();
  [[nodiscard]] std::string destination_context() const { return context_json(attempt_, *run_.destination); }
  [[nodiscard]] uint64_t rows_committed() const;
  void tick();
  [[nodiscard]] StreamProgress progress() const;

  RunContext& run_;
  const StreamPlan& plan_;
  const std::string given_load_id_;
  const uint64_t first_row_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  AttemptContext attempt_;
  LocalLaneHost host_{attempt_};
  PartitionPlan partition_plan_;
  /// How many lanes run concurrently.
  uint32_t lanes_at_a_time_ = 1;
  std::vector<std::unique_ptr<LaneRunner>> lanes_;
  std::atomic<size_t> next_lane_{0};
  /// For a split stream; otherwise the only lane's destination does everything.
  KeptInstance coordinator_;
  StageUsage coordinator_usage_;
  /// Set by the thread that calls begin-stream, read after it has ended.
  bool begun_ = false;
  /// Rows that the destination left out because it had them.
  uint64_t rows_already_there_ = 0;
  AttemptResult result_;
  std::optional<std::chrono::steady_clock::time_point> ending_since_;
};

}  // namespace rapidbyte::engine
