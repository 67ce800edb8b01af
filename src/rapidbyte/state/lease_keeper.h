#pragma once
// LeaseKeeper: renews a lease from its own thread as long as it lives, so that a run that writes nothing for a while
// (one long COPY) neither lets its lease expire nor continues without it.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/state/lease.h"

namespace rapidbyte::state {

class LeaseKeeper {
 public:
  /// `lease` must outlive this. `asked_at`: before it was acquired. When no thread can be started, a lease that has to
  /// be renewed is given up at once; for any other, only writes notice a loss.
  LeaseKeeper(Lease& lease, Deadline::Clock::time_point asked_at);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

 private:
  void keep();

  Lease& lease_;
  const Renewal renewal_;
  // The lease was held then, by the steady clock.
  Deadline::Clock::time_point held_at_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace rapidbyte::state
