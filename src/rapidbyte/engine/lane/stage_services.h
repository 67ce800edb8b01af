#pragma once
// What the guests of one lane reach in the engine: SourceServices, TransformServices and DestinationServices put
// batches and checkpoint markers into queues, take them out, and pass on rejected records, logs and metrics. Each is
// used on its instance's thread; the queues and events that they share are thread safe and outlive them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "rapidbyte/engine/lane/batch_inspector.h"
#include "rapidbyte/engine/lane/batch_queue.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/lane/lane_host.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// What all stages of one lane share.
struct StageContext {
  std::string stream;
  LaneEvents* events = nullptr;
  /// Set when the last stage has what it wanted (`--limit`, dry run): failures of the stages before it are then
  /// ignored.
  std::atomic<bool>* satisfied = nullptr;
};

/// Log, metrics and rejected records: the same for every stage.
class StageServices : public runtime::HostServices {
 public:
  StageServices(StageContext context, std::string connector);
  Status emit_dlq_record(runtime::DlqRecord record) override;
  void metric(const runtime::Metric& metric) override;
  void log(LogLevel level, std::string_view message) override;
  /// Whether the guest is in its run function. Batches move only there: in open, begin-stream and so on nobody would
  /// fill the queue that a guest waits for, and no deadline ends a wait in the host.
  void set_running(bool running) { running_ = running; }

 protected:
  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] const StageContext& context() const { return context_; }
  [[nodiscard]] const std::string& connector() const { return connector_; }
  /// Records a failure of the engine itself, which ends the attempt whatever the guest does with the error. Returns
  /// `status`.
  Status fail(Stage stage, Status status);
  /// The same failure again: a guest that ignored it must not continue, or its next checkpoint would cover a lost
  /// record.
  [[nodiscard]] Status check_not_failed() const { return failed_; }
  /// Puts a batch of this stage into `out`. INVALID_BATCH, a failure of `stage`, when its rows cannot be counted,
  /// because it would escape the row accounting.
  Status push_counted(Stage stage, std::span<const std::byte> batch, BatchQueue& out);

 private:
  StageContext context_;
  std::string connector_;
  Status failed_;
  bool running_ = false;
};

/// Marks the guest as running as long as it lives.
class RunningStage {
 public:
  explicit RunningStage(StageServices& services) : services_(services) { services_.set_running(true); }
  ~RunningStage() { services_.set_running(false); }
  RunningStage(const RunningStage&) = delete;
  RunningStage& operator=(const RunningStage&) = delete;

 private:
  StageServices& services_;
};

/// For an instance outside of a stream: in discovery, or between two streams.
[[nodiscard]] std::shared_ptr<runtime::HostServices> idle_services(std::string_view connector);

class SourceServices final : public StageServices {
 public:
  /// `first`: the content of the end marker when the source sends no checkpoint (the position before).
  SourceServices(StageContext context, std::string connector, BatchQueue& out, protocol::Checkpoint first);
  Status emit_batch(std::span<const std::byte> batch) override;
  Result<std::optional<PooledBuffer>> next_batch() override;
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override;
  Result<std::optional<std::string>> pending_checkpoint() override;
  /// Adds the end marker, after run-read succeeded. Returns the failure that the guest ignored, if there was one.
  Status push_end();

 private:
  BatchQueue& out_;
  protocol::Checkpoint last_;
};

class TransformServices final : public StageServices {
 public:
  /// `holds_rows`: the transform may hold rows back from one batch to the next, so a marker may pass only at the end.
  TransformServices(StageContext context, std::string connector, BatchQueue& in, BatchQueue& out, bool holds_rows);
  Status emit_batch(std::span<const std::byte> batch) override;
  Result<std::optional<PooledBuffer>> next_batch() override;
  /// A transform's own checkpoints say nothing about the source's position; they are accepted and ignored.
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override;
  Result<std::optional<std::string>> pending_checkpoint() override;
  Status emit_dlq_record(runtime::DlqRecord record) override;
  /// Rows that the transform rejected, each of which is in the dead-letter file.
  [[nodiscard]] uint64_t rows_rejected() const { return rows_rejected_; }
  /// Whether the guest has seen the end of its input.
  [[nodiscard]] bool saw_end() const { return saw_end_; }
  /// Adds the end marker, after run-transform succeeded, so that it follows the rows that came out last.
  Status push_end();

 private:
  BatchQueue& in_;
  BatchQueue& out_;
  const bool holds_rows_;
  uint64_t rows_rejected_ = 0;
  bool saw_end_ = false;
  std::optional<CheckpointMarker> end_;
};

class DestinationServices final : public StageServices {
 public:
  struct Options {
    /// Rejected records are made durable one by one: a 2.0.0 destination commits without announcing it.
    bool speaks_2_1 = true;
    /// Maximum number of rows to hand out; then the stream ends.
    std::optional<uint64_t> limit;
    std::shared_ptr<BufferPool> pool;
  };
  DestinationServices(StageContext context, std::string connector, BatchQueue& in, CommitTracker& tracker,
                      Options options);
  Status emit_batch(std::span<const std::byte> batch) override;
  Result<std::optional<PooledBuffer>> next_batch() override;
  Result<std::optional<std::string>> pending_checkpoint() override;
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override;
  Status emit_dlq_record(runtime::DlqRecord record) override;

  [[nodiscard]] bool saw_end() const { return saw_end_; }
  /// Rows handed out, as counted by the host when there is a limit.
  [[nodiscard]] uint64_t rows_limited() const { return rows_; }

 private:
  Result<std::optional<PooledBuffer>> limited_batch(PooledBuffer batch);
  Status end_by_limit();
  Status sync_dlq();
  [[nodiscard]] uint64_t rows_taken() const { return in_.counts().popped_rows; }

  BatchQueue& in_;
  CommitTracker& tracker_;
  const Options options_;
  BatchInspector inspector_;
  uint64_t rows_ = 0;
  uint64_t batches_ = 0;
  bool saw_end_ = false;
};

}  // namespace rapidbyte::engine
