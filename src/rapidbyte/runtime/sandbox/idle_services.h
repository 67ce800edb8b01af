#pragma once
// HostServices of an instance outside of a stage: it is discovered or checked, or waits for its next stream. Also the
// refusals with which other HostServices answer calls that their stage does not support. Any thread.

#include <string>

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::runtime {

/// NO_SENDER (internal): no stage after the instance takes batches.
[[nodiscard]] Status no_sender();
/// NO_RECEIVER (internal): no stage before the instance gives batches.
[[nodiscard]] Status no_receiver();
/// NO_DLQ (internal): there is no run, so there is no file for rejected records.
[[nodiscard]] Status no_rejected_records();

/// Refuses batches and rejected records; accepts and ignores checkpoints and metrics; logs.
class IdleServices final : public HostServices {
 public:
  /// `log_prefix`: prefix of every line of the guest's log.
  explicit IdleServices(std::string log_prefix = {}) : log_prefix_(std::move(log_prefix)) {}

  Status emit_batch(std::span<const std::byte> batch) override;
  Result<std::optional<PooledBuffer>> next_batch() override;
  Status checkpoint(CheckpointKind kind, protocol::Checkpoint checkpoint) override;
  Result<std::optional<std::string>> pending_checkpoint() override;
  Status emit_dlq_record(DlqRecord record) override;
  void metric(const Metric& metric) override;
  void log(LogLevel level, std::string_view message) override;

 private:
  std::string log_prefix_;
};

}  // namespace rapidbyte::runtime
