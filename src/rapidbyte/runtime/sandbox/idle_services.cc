#include "rapidbyte/runtime/sandbox/idle_services.h"

#include "rapidbyte/base/log.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {

Status no_sender() {
  return internal_error(codes::kNoSender, "emit-batch: no stage takes batches from this call of the connector");
}

Status no_receiver() {
  return internal_error(codes::kNoReceiver, "next-batch: no stage provides batches to this call of the connector");
}

Status no_rejected_records() {
  return internal_error(
      codes::kNoDlq,
      "emit-dlq-record: this call of the connector is not part of a run, so there is no file for rejected records");
}

Status IdleServices::emit_batch(std::span<const std::byte> /*batch*/) { return no_sender(); }
Result<std::optional<PooledBuffer>> IdleServices::next_batch() { return no_receiver(); }
// NOLINTBEGIN(performance-unnecessary-value-param): other services keep their arguments
Status IdleServices::checkpoint(CheckpointKind /*kind*/, protocol::Checkpoint /*checkpoint*/) { return {}; }
Result<std::optional<std::string>> IdleServices::pending_checkpoint() { return std::optional<std::string>(); }
Status IdleServices::emit_dlq_record(DlqRecord /*record*/) { return no_rejected_records(); }
// NOLINTEND(performance-unnecessary-value-param)
void IdleServices::metric(const Metric& /*metric*/) {}

void IdleServices::log(LogLevel level, std::string_view message) {
  if (log_enabled(level)) log_line(level, log_prefix_ + std::string(message));
}

}  // namespace rapidbyte::runtime
