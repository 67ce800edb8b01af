#pragma once
// Retry policy (docs/protocol.md, "Errors"): which errors are retried, and after what delay. Stateless, any thread.
// Waiting goes through RetryClock, so that tests do not sleep; every wait ends early when the run is cancelled.

#include <chrono>
#include <cstdint>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

/// The longest wait between attempts: a server that is back after a minute should be tried soon.
inline constexpr std::chrono::milliseconds kMaxRetryDelay{60'000};

class RetryClock {
 public:
  virtual ~RetryClock() = default;
  /// Waits for `delay`. False when `cancel` fired before or during the wait.
  virtual bool wait(std::chrono::milliseconds delay, const CancelToken& cancel) = 0;
};

/// Real time; lives as long as the process.
RetryClock& real_retry_clock();

/// How long to wait after the `failures`-th failure (from 1) with this error: its own retry_after_ms, else 100 ms, 1 s
/// or 5 s by backoff class, doubled for every failure before. At most kMaxRetryDelay.
[[nodiscard]] std::chrono::milliseconds retry_delay(const ConnectorError& error, uint32_t failures);

}  // namespace rapidbyte::engine
