#include "rapidbyte/engine/stage_threads.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

Status start_failed(const std::system_error& error) {
  return internal_error(codes::kThreadStartFailed,
                        fmt::format("cannot start a thread: {}. Lower resources.parallelism or raise the limit of "
                                    "processes",
                                    error.what()));
}

}  // namespace

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
      status = start_failed(error);
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

Status run_beside(std::vector<std::function<void()>> beside, const std::function<void()>& here,
                  const std::function<void()>& stop) {
  std::vector<std::thread> threads;
  threads.reserve(beside.size());
  Status status;
  for (auto& body : beside) {
    try {
      threads.emplace_back(std::move(body));
    } catch (const std::system_error& error) {
      status = start_failed(error);
      stop();
      break;
    }
  }
  if (status.ok()) here();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace rapidbyte::engine
