#include "rapidbyte/engine/load/retry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace rapidbyte::engine {
namespace {

class RealRetryClock final : public RetryClock {
 public:
  bool wait(std::chrono::milliseconds delay, const CancelToken& cancel) override {
    std::mutex mutex;
    std::condition_variable wake;
    const auto registration = cancel.on_cancel([&] {
      std::lock_guard lock(mutex);
      wake.notify_all();
    });
    std::unique_lock lock(mutex);
    wake.wait_for(lock, delay, [&] { return cancel.cancelled(); });
    return !cancel.cancelled();
  }
};

int64_t first_delay_ms(BackoffClass backoff) {
  switch (backoff) {
    case BackoffClass::kFast: return 100;
    case BackoffClass::kNormal: return 1000;
    case BackoffClass::kSlow: return 5000;
  }
  return 1000;
}

}  // namespace

RetryClock& real_retry_clock() {
  static RealRetryClock clock;
  return clock;
}

std::chrono::milliseconds retry_delay(const ConnectorError& error, uint32_t failures) {
  const auto most = static_cast<uint64_t>(kMaxRetryDelay.count());
  if (error.retry_after_ms) {
    return std::chrono::milliseconds(static_cast<int64_t>(std::min(*error.retry_after_ms, most)));
  }
  // Ten doublings already pass the maximum from the shortest delay.
  const uint32_t doublings = std::min<uint32_t>(failures == 0 ? 0 : failures - 1, 10);
  const int64_t delay = first_delay_ms(error.backoff_class) << doublings;
  return std::min(std::chrono::milliseconds(delay), kMaxRetryDelay);
}

}  // namespace rapidbyte::engine
