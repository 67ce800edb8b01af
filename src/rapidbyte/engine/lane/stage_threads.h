#pragma once
// Runs the lanes of an attempt and the stages of a lane, each on its own thread, and joins every one of them before it
// returns. Nothing else in the engine starts a thread except the orchestrator's stream workers.

#include <chrono>
#include <functional>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

/// Runs `bodies`, which must not throw, while the caller's thread waits. `tick` is called on the caller's thread every
/// `interval` as long as one still runs. When a thread cannot be started, `stop` is called, the running ones are
/// joined, and THREAD_START_FAILED is returned.
Status run_on_threads(std::vector<std::function<void()>> bodies, std::chrono::milliseconds interval,
                      const std::function<void()>& tick, const std::function<void()>& stop);

/// Runs each of `beside` on its own thread and `here` on the caller's, and joins. None may throw; when one of them
/// fails, the others end by themselves. When a thread cannot be started, `stop` is called, `here` does not run, and
/// THREAD_START_FAILED is returned.
Status run_beside(std::vector<std::function<void()>> beside, const std::function<void()>& here,
                  const std::function<void()>& stop);

}  // namespace rapidbyte::engine
