#pragma once
// Runs one stream to its end: attempts, the waits between them, and its report. On a stream worker's thread, which owns
// nothing else meanwhile.

#include "rapidbyte/engine/report/run_report.h"
#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// Tells the observer about start, retries and end. Never fails: the report says how it went. `kept`: the worker's
/// instances, for this stream and the next.
StreamReport run_stream(RunContext& run, const StreamPlan& plan, WorkerInstances& kept);

}  // namespace rapidbyte::engine
