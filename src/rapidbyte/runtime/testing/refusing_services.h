#pragma once
// For tests, fuzz targets and benchmarks: HostServices that refuse everything, so that a fake overrides only what it
// accepts. Production code derives from HostServices itself, where a forgotten function does not compile.

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::runtime {

class RefusingServices : public HostServices {
 public:
  Status emit_batch(std::span<const std::byte> /*batch*/) override { return refusal("emit-batch"); }
  Result<std::optional<PooledBuffer>> next_batch() override { return refusal("next-batch"); }
  Status checkpoint(CheckpointKind /*kind*/, protocol::Checkpoint /*checkpoint*/) override {
    return refusal("checkpoint");
  }
  Result<std::optional<std::string>> pending_checkpoint() override { return refusal("pending-checkpoint"); }
  Status emit_dlq_record(DlqRecord /*record*/) override { return refusal("emit-dlq-record"); }
  // These two cannot be refused.
  void metric(const Metric& /*metric*/) override {}
  void log(LogLevel /*level*/, std::string_view /*message*/) override {}

 private:
  static Status refusal(std::string_view call) {
    return internal_error("NOT_IN_THIS_TEST", std::string(call) + ": the test's services do not take this call");
  }
};

}  // namespace rapidbyte::runtime
