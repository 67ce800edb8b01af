#pragma once
// OpenSource: a source instance that is passed on from discovery over plan-partitions to the reading of the run's only
// stream, so that a small load does not connect three times. Only for sources whose manifest has the feature "reuse".
// Used by one thread at a time; whoever holds it calls the instance, and closes it in the end.

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

  Status emit_batch(PooledBuffer batch) override { return target_->emit_batch(std::move(batch)); }
  Result<std::optional<PooledBuffer>> next_batch() override { return target_->next_batch(); }
  Status checkpoint(runtime::CheckpointKind kind, std::string payload_json) override {
    return target_->checkpoint(kind, std::move(payload_json));
  }
  Result<std::optional<std::string>> pending_checkpoint() override { return target_->pending_checkpoint(); }
  Status emit_dlq_record(runtime::DlqRecord record) override { return target_->emit_dlq_record(std::move(record)); }
  void metric(const runtime::Metric& metric) override { target_->metric(metric); }
  void log(LogLevel level, std::string_view message) override { target_->log(level, message); }

 private:
  std::shared_ptr<runtime::HostServices> target_;  // shared with whoever reads results from it
};

struct OpenSource {
  std::unique_ptr<runtime::ComponentInstance> instance;
  std::shared_ptr<RelayServices> services;  // shared with the instance
  /// The instance's own, so that it can be cancelled with whatever uses it.
  CancelToken cancel;

  explicit operator bool() const { return instance != nullptr; }
};

/// A destination instance that was opened before its stream began, and what open said.
struct OpenDestination : OpenSource {
  Status opened;
};

}  // namespace rapidbyte::engine
