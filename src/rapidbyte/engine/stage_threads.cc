#include "rapidbyte/engine/stage_threads.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace rapidbyte::engine {

Status run_on_threads(std::vector<std::function<void()>> bodies, std::chrono::milliseconds interval,
                      const std::function<void()>& tick, const std::function<void()>& stop) {
  std::mutex mutex;
  std::condition_variable ended;
  size_t running = bodies.size();
  std::vector<std::thread> threads;
  threads.reserve(bodies.size());
  Status status;
  for (auto& body : bodies) {
    try {
      threads.emplace_back([&mutex, &ended, &running, body = std::move(body)] {
        body();
        std::lock_guard lock(mutex);
        --running;
        ended.notify_all();
      });
    } catch (const std::system_error& error) {
      status = internal_error(
          "THREAD_START_FAILED",
          fmt::format("cannot start a thread: {}. Lower resources.parallelism or raise the limit of processes",
                      error.what()));
      break;
    }
  }
  {
    std::unique_lock lock(mutex);
    running -= bodies.size() - threads.size();
    if (!status.ok()) {
      lock.unlock();
      stop();
      lock.lock();
    }
    while (!ended.wait_for(lock, interval, [&] { return running == 0; })) {
      lock.unlock();
      tick();
      lock.lock();
    }
  }
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace rapidbyte::engine
