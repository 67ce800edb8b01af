#include "rapidbyte/base/status.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace rapidbyte {
namespace {

static_assert(std::is_same_v<Status, protocol::Status> && std::is_same_v<ConnectorError, protocol::Error>);

TEST(HostStatus, ARetryableErrorSaysNothingOfWhatIsCommitted) {
  const Status status = make_retryable_error(ErrorCategory::kTransientDb, "BUSY", "x", BackoffClass::kFast);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_TRUE(status.error().safe_to_retry);
  EXPECT_EQ(status.error().backoff_class, BackoffClass::kFast);
  EXPECT_EQ(status.error().commit_state, std::nullopt);
}

}  // namespace
}  // namespace rapidbyte
