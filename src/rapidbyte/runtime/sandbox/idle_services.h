#pragma once
// HostServices of an instance that no stage stands beside: it is discovered or checked, or waits for its next stream.
// Also the refusals by which every other HostServices answers what its stage does not have. Any thread.

#include <string>

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::runtime {

/// NO_SENDER (internal): no stage behind the instance takes batches.
[[nodiscard]] Status no_sender();
/// NO_RECEIVER (internal): no stage before the instance gives batches.
[[nodiscard]] Status no_receiver();
/// NO_DLQ (internal): there is no run, so there is no file for rejected records.
[[nodiscard]] Status no_rejected_records();

/// Refuses batches and rejected records; takes checkpoints and metrics, which mean nothing then; logs.
class IdleServices final : public HostServices {
 public:
  /// `log_prefix`: what every line of the guest's log begins with.
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
