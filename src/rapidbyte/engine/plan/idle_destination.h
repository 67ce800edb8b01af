#pragma once
// An instance of the destination that answers questions before the first stream of a run begins. Used on the run's own
// thread.

#include <functional>

#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// Opens an instance of the run's destination that belongs to no stream, lets `ask` use it, and closes it, or keeps it
/// for the first worker (feature "reuse"). Errors: those of the destination and of `ask`.
Status with_idle_destination(RunContext& run, const std::function<Status(runtime::ComponentInstance&)>& ask);

}  // namespace rapidbyte::engine
