#pragma once
// StageThreads: the threads on which the lanes of an attempt and the stages of a lane run. A thread whose work has
// ended waits for the next: with thousands of small streams, starting two threads for each, with the stack and the
// signal stack that a guest needs, costs as much as moving a few rows. Nothing else in the engine starts a thread
// except the orchestrator's stream workers.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

/// Its functions may be called by any number of threads, also by its own. It has as many threads as ever worked at the
/// same time, and must outlive every call.
class StageThreads {
 public:
  StageThreads() = default;
  StageThreads(const StageThreads&) = delete;
  StageThreads& operator=(const StageThreads&) = delete;
  /// Joins all threads.
  ~StageThreads();

  /// Runs each of `bodies`, which must not throw, on its own thread, and returns when all have ended. `tick` is called
  /// on the caller's thread every `interval` as long as one still runs. When a thread cannot be started, `stop` is
  /// called, the running bodies are waited for, and THREAD_START_FAILED is returned.
  Status run(std::vector<std::function<void()>> bodies, std::chrono::milliseconds interval,
             const std::function<void()>& tick, const std::function<void()>& stop);

  /// Runs each of `beside` on its own thread and `here` on the caller's, and returns when all have ended. None may
  /// throw; when one of them fails, the others end by themselves. When a thread cannot be started, `stop` is called,
  /// `here` does not run, and THREAD_START_FAILED is returned.
  Status run_beside(std::vector<std::function<void()>> beside, const std::function<void()>& here,
                    const std::function<void()>& stop);

 private:
  /// The bodies of one call.
  struct Group {
    std::mutex mutex;
    std::condition_variable ended;
    size_t running = 0;
  };
  struct Worker {
    std::condition_variable wake;
    std::function<void()> body;  // none: it waits for one
    Group* group = nullptr;
    std::thread thread;
  };

  /// Starts those of `bodies` that it can. THREAD_START_FAILED. Without memory the process ends: bodies that already
  /// run know the group.
  Status start(std::vector<std::function<void()>> bodies, Group& group) noexcept;
  void serve(Worker& self);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;
  bool ending_ = false;
};

}  // namespace rapidbyte::engine
