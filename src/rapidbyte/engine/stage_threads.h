#pragma once
// Runs the stages of one attempt, each on its own thread, and joins every one of them before it returns. The caller's
// thread waits meanwhile and is called back regularly (progress, deadlines). Nothing else in the engine starts a thread
// except the orchestrator's stream workers.

#include <chrono>
#include <functional>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

/// Runs `bodies`, which must not throw. `tick` is called on this thread every `interval` while one still runs. When a
/// thread cannot be started, `stop` is called, those that run are joined, and THREAD_START_FAILED is returned.
Status run_on_threads(std::vector<std::function<void()>> bodies, std::chrono::milliseconds interval,
                      const std::function<void()>& tick, const std::function<void()>& stop);

}  // namespace rapidbyte::engine
