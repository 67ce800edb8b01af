#pragma once
// KeptInstance: an instance that outlives one use: a source goes from discovery over plan-partitions to the reading of
// a stream, and with the feature "reuse" a worker's source and destination, with their connections, go from one of its
// streams to the next. Starting and connecting costs more than a small table. Used by one thread at a time; whoever
// holds it calls the instance, and closes it in the end.

#include <memory>
#include <string>
#include <utility>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// An instance keeps the services that it was started with; this passes its calls on to those of its present use. Set
/// between two calls of the guest only.
class RelayServices final : public runtime::HostServices {
 public:
  explicit RelayServices(std::shared_ptr<runtime::HostServices> target) : target_(std::move(target)) {}
  void set_target(std::shared_ptr<runtime::HostServices> target) { target_ = std::move(target); }

  Status emit_batch(std::span<const std::byte> batch) override { return target_->emit_batch(batch); }
  Result<std::optional<PooledBuffer>> next_batch() override { return target_->next_batch(); }
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override {
    return target_->checkpoint(kind, std::move(checkpoint));
  }
  Result<std::optional<std::string>> pending_checkpoint() override { return target_->pending_checkpoint(); }
  Status emit_dlq_record(runtime::DlqRecord record) override { return target_->emit_dlq_record(std::move(record)); }
  void metric(const runtime::Metric& metric) override { target_->metric(metric); }
  void log(LogLevel level, std::string_view message) override { target_->log(level, message); }

 private:
  std::shared_ptr<runtime::HostServices> target_;  // shared with whoever reads results from it
};

struct KeptInstance {
  std::unique_ptr<runtime::ComponentInstance> instance;
  std::shared_ptr<RelayServices> services;  // shared with the instance
  /// The instance's own, so that it can be cancelled with whatever uses it.
  CancelToken cancel;
  /// What open said, when it was opened before its stream began.
  Status opened;
  /// Cancels the instance with its present use.
  CancelToken::Registration in_use;

  explicit operator bool() const { return instance != nullptr; }
};

/// What one worker keeps from one stream to the next; each member is empty while it is in use, or when its connector
/// has no feature "reuse".
struct WorkerInstances {
  KeptInstance source;
  KeptInstance destination;
};

}  // namespace rapidbyte::engine
