#pragma once
// KeptInstance: an instance with several uses: a source serves discovery, plan-partitions and then a read, and with the
// feature "reuse" a worker keeps its source and destination, with their connections, from one of its streams to the
// next. Starting and connecting costs more than a small table. Used by one thread at a time; its holder calls the
// instance, and closes it in the end.

#include <memory>
#include <string>
#include <utility>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// An instance keeps the services that it was started with; this class forwards its calls to the services of its
/// current use. Set only between two calls of the guest.
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
  /// The instance's own token, so that it can be cancelled together with its current user.
  CancelToken cancel;
  /// The answer of open, when it was opened before its stream began.
  Status opened;
  /// Cancels the instance together with its current use.
  CancelToken::Registration in_use;

  explicit operator bool() const { return instance != nullptr; }
};

/// What a worker keeps from one stream to the next; each member is empty while it is in use, or when its connector does
/// not have the feature "reuse".
struct WorkerInstances {
  KeptInstance source;
  KeptInstance destination;
  /// The worker's last stream had no rows, and so the next one may have none either.
  bool last_was_empty = false;
};

}  // namespace rapidbyte::engine
