#include "rapidbyte/state/lease_keeper.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "rapidbyte/base/log.h"

namespace rapidbyte::state {

using Clock = Deadline::Clock;

LeaseKeeper::LeaseKeeper(Lease& lease, Clock::time_point asked_at)
    : lease_(lease), renewal_(lease.renewal()), held_at_(asked_at) {
  try {
    thread_ = std::thread([this] { keep(); });
  } catch (const std::system_error& error) {
    log_warn("cannot start a thread that renews the lease of pipeline '{}': {}", lease_.pipeline(), error.what());
    if (renewal_.lasts) lease_.give_up("it cannot be renewed, because no thread can be started");
  }
}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LeaseKeeper::keep() {
  bool warned = false;
  std::unique_lock lock(mutex_);
  while (true) {
    Clock::time_point next = Clock::now() + renewal_.every;
    // Never beyond the moment from which another run may hold the lease.
    if (renewal_.lasts) next = std::min(next, held_at_ + *renewal_.lasts);
    if (wake_.wait_until(lock, next, [this] { return stop_; })) return;
    lock.unlock();
    const Clock::time_point asked_at = Clock::now();
    Clock::time_point until = asked_at + renewal_.every;
    if (renewal_.lasts) until = std::min(until, held_at_ + *renewal_.lasts);
    const Status renewed = lease_.renew(Deadline::at(until));
    lock.lock();
    if (renewed.ok()) {
      // The time of the request, not of the answer: the backend counts from somewhere in between.
      held_at_ = asked_at;
      warned = false;
      continue;
    }
    if (lease_.lost().cancelled()) return;
    if (!std::exchange(warned, true))
      log_warn("the lease of pipeline '{}' could not be renewed and will be retried: {}", lease_.pipeline(),
               renewed.to_string());
    if (renewal_.lasts && Clock::now() >= held_at_ + *renewal_.lasts) {
      lock.unlock();
      return lease_.give_up("it could not be renewed in time, so another run may hold it");
    }
  }
}

}  // namespace rapidbyte::state
