#include "rapidbyte/engine/lane/stage_threads.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

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

StageThreads::~StageThreads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const auto& worker : workers_) worker->wake.notify_one();
  }
  for (const auto& worker : workers_) worker->thread.join();
}

void StageThreads::serve(Worker& self) {
  std::unique_lock lock(mutex_);
  while (true) {
    self.wake.wait(lock, [&] { return self.body || ending_; });
    if (!self.body) return;
    lock.unlock();
    self.body();
    // What it holds ends with it, not with the next one.
    self.body = nullptr;
    lock.lock();
    Group& group = *self.group;
    // Before the group hears of it, so that its caller's next work finds this thread.
    idle_.push_back(&self);
    lock.unlock();
    {
      // The group is gone as soon as its caller sees that nothing runs.
      const std::lock_guard ended(group.mutex);
      --group.running;
      group.ended.notify_all();
    }
    lock.lock();
  }
}

Status StageThreads::start(std::vector<std::function<void()>> bodies, Group& group) noexcept {
  for (auto& body : bodies) {
    const std::lock_guard lock(mutex_);
    {
      const std::lock_guard counted(group.mutex);
      ++group.running;
    }
    if (!idle_.empty()) {
      Worker& worker = *idle_.back();
      idle_.pop_back();
      worker.group = &group;
      worker.body = std::move(body);
      worker.wake.notify_one();
      continue;
    }
    auto worker = std::make_unique<Worker>();
    worker->group = &group;
    worker->body = std::move(body);
    workers_.reserve(workers_.size() + 1);
    idle_.reserve(workers_.size() + 1);
    try {
      worker->thread = std::thread([this, &self = *worker] { serve(self); });
    } catch (const std::system_error& error) {
      const std::lock_guard counted(group.mutex);
      --group.running;
      return start_failed(error);
    }
    workers_.push_back(std::move(worker));
  }
  return {};
}

Status StageThreads::run(std::vector<std::function<void()>> bodies, std::chrono::milliseconds interval,
                         const std::function<void()>& tick, const std::function<void()>& stop) {
  Group group;
  Status status = start(std::move(bodies), group);
  if (!status.ok()) stop();
  std::unique_lock lock(group.mutex);
  while (!group.ended.wait_for(lock, interval, [&] { return group.running == 0; })) {
    lock.unlock();
    tick();
    lock.lock();
  }
  return status;
}

Status StageThreads::run_beside(std::vector<std::function<void()>> beside, const std::function<void()>& here,
                                const std::function<void()>& stop) {
  Group group;
  Status status = start(std::move(beside), group);
  if (status.ok()) {
    here();
  } else {
    stop();
  }
  std::unique_lock lock(group.mutex);
  group.ended.wait(lock, [&] { return group.running == 0; });
  return status;
}

}  // namespace rapidbyte::engine
