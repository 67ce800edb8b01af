#include "rapidbyte/engine/plan/open_connector.h"

#include "rapidbyte/base/log.h"
#include "rapidbyte/runtime/sandbox/idle_services.h"

namespace rapidbyte::engine {

Result<std::unique_ptr<OpenConnector>> OpenConnector::start(runtime::ComponentRuntime& runtime,
                                                            std::shared_ptr<const runtime::Connector> connector,
                                                            runtime::InstanceOptions options) {
  // A guest outside of a run has no queues; its log goes to ours.
  if (options.services == nullptr) options.services = std::make_shared<runtime::IdleServices>(connector->name() + ": ");
  RB_ASSIGN_OR_RETURN(std::unique_ptr<runtime::ComponentInstance> instance,
                      runtime.instantiate(std::move(connector), std::move(options)));
  std::unique_ptr<OpenConnector> opened(new OpenConnector(std::move(instance)));
  RB_RETURN_NOT_OK(opened->instance().open());
  return opened;
}

OpenConnector::~OpenConnector() {
  // The order of calls (docs/connector-authors.md, "The three roles") requires close, whatever came before; its answer
  // no longer matters.
  const Status closed = instance_->close();
  if (!closed.ok()) log_debug("close: {}", closed.error().message);
}

}  // namespace rapidbyte::engine
