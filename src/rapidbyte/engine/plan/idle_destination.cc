#include "rapidbyte/engine/plan/idle_destination.h"

namespace rapidbyte::engine {

Status with_idle_destination(RunContext& run, const std::function<Status(runtime::ComponentInstance&)>& ask) {
  const bool keep = may_be_kept(*run.destination);
  KeptInstance own;
  // An instance that is opened early and may not be kept serves only its stream.
  KeptInstance& asked = keep ? run.first.destination : own;
  if (!asked) {
    RB_ASSIGN_OR_RETURN(asked, start_instance(run, run.destination, ""));
    asked.opened = asked.instance->open();
  }
  Status status = asked.opened;
  if (status.ok()) status = ask(*asked.instance);
  if (!keep || !status.ok()) close_instance(run, asked, *run.destination, "");
  return status;
}

}  // namespace rapidbyte::engine
