#include "rapidbyte/engine/load/retry.h"

#include <gtest/gtest.h>

#include <thread>

namespace rapidbyte::engine {
namespace {

using namespace std::chrono_literals;

TEST(RetryDelay, DoublesFromTheBackoffClassUpToAMinute) {
  ConnectorError error;
  struct Case {
    BackoffClass backoff;
    uint32_t failures;
    std::chrono::milliseconds delay;
  };
  for (const Case& c :
       {Case{BackoffClass::kFast, 1, 100ms}, Case{BackoffClass::kFast, 2, 200ms},
        Case{BackoffClass::kFast, 10, 51'200ms}, Case{BackoffClass::kFast, 11, 60s}, Case{BackoffClass::kNormal, 1, 1s},
        Case{BackoffClass::kNormal, 4, 8s}, Case{BackoffClass::kSlow, 1, 5s}, Case{BackoffClass::kSlow, 5, 60s},
        Case{BackoffClass::kSlow, 4'000'000'000U, 60s}}) {
    error.backoff_class = c.backoff;
    EXPECT_EQ(retry_delay(error, c.failures), c.delay) << c.failures;
  }
}

TEST(RetryDelay, FollowsTheErrorsOwnAdviceUpToAMinute) {
  ConnectorError error;
  error.retry_after_ms = 0;
  EXPECT_EQ(retry_delay(error, 3), 0ms);
  error.retry_after_ms = 1234;
  EXPECT_EQ(retry_delay(error, 3), 1234ms);
  error.retry_after_ms = UINT64_MAX;
  EXPECT_EQ(retry_delay(error, 1), 60s);
}

TEST(RealRetryClock, WaitsUnlessCancelled) {
  CancelToken cancel;
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(real_retry_clock().wait(20ms, cancel));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  std::thread canceller([&] {
    std::this_thread::sleep_for(10ms);
    cancel.cancel();
  });
  EXPECT_FALSE(real_retry_clock().wait(1h, cancel));
  canceller.join();
  EXPECT_FALSE(real_retry_clock().wait(1h, cancel));
}

}  // namespace
}  // namespace rapidbyte::engine
