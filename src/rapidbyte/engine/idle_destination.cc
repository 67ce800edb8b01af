#include "rapidbyte/engine/idle_destination.h"

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/stage_services.h"

namespace rapidbyte::engine {

Status with_idle_destination(RunContext& run, const std::function<Status(runtime::ComponentInstance&)>& ask) {
  const pipeline::ConnectorUse& use = run.pipeline.destination;
  RB_ASSIGN_OR_RETURN(
      const auto instance,
      run.runtime.instantiate(run.destination,
                              instance_options(run, use, "destination", use.config, "", run.options.cancel.child(),
                                               std::make_shared<IdleServices>(run.destination->name()))));
  Status status = instance->open();
  if (status.ok()) status = ask(*instance);
  run.note_memory(instance->peak_memory_bytes());
  const Status closed = instance->close();
  if (!closed.ok()) log_warn("closing {}: {}", run.destination->name(), closed.to_string());
  return status;
}

}  // namespace rapidbyte::engine
