#pragma once
// OpenConnector: one connector started outside of a run, for check and discover: loaded, given its config, opened, and
// closed when destroyed. Main thread.

#include <memory>
#include <string>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

class OpenConnector {
 public:
  /// Starts a guest and calls its open().
  static Result<std::unique_ptr<OpenConnector>> start(runtime::ComponentRuntime& runtime,
                                                      std::shared_ptr<const runtime::Connector> connector,
                                                      runtime::InstanceOptions options);
  ~OpenConnector();
  OpenConnector(const OpenConnector&) = delete;
  OpenConnector& operator=(const OpenConnector&) = delete;

  [[nodiscard]] runtime::ComponentInstance& instance() { return *instance_; }

 private:
  explicit OpenConnector(std::unique_ptr<runtime::ComponentInstance> instance) : instance_(std::move(instance)) {}
  std::unique_ptr<runtime::ComponentInstance> instance_;
};

}  // namespace rapidbyte::engine
