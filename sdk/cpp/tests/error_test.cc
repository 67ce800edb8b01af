#include "rapidbyte/sdk/error.h"

#include <gtest/gtest.h>

namespace rapidbyte::sdk {
namespace {

Status fails() { return config_error("BAD", "the port is 0"); }

Result<int> adds_one(Result<int> input) {
  RB_SDK_ASSIGN_OR_RETURN(const int value, std::move(input));
  return value + 1;
}

Status passes_on(bool fail) {
  RB_SDK_RETURN_NOT_OK(fail ? fails() : Status());
  return {};
}

TEST(SdkErrorTest, MacrosPassErrorsOnAndValuesThrough) {
  EXPECT_EQ(*adds_one(41), 42);
  EXPECT_EQ(adds_one(fails()).error().code, "BAD");
  EXPECT_TRUE(passes_on(false).ok());
  EXPECT_EQ(passes_on(true).to_string(), "BAD (config): the port is 0");
}

TEST(SdkErrorTest, ContextGoesBeforeTheMessage) {
  EXPECT_EQ(fails().with_context("stream `orders`").error().message, "stream `orders`: the port is 0");
  EXPECT_TRUE(Status().with_context("x").ok());
}

TEST(SdkErrorTest, TransientErrorsAdviseARetry) {
  const Status status = rate_limit_error("SLOW_DOWN", "429", 1500);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_TRUE(status.error().safe_to_retry);
  EXPECT_EQ(status.error().retry_after_ms, 1500U);
  EXPECT_EQ(status.error().backoff_class, BackoffClass::kSlow);
  EXPECT_EQ(status.error().commit_state, CommitState::kBeforeCommit);
  EXPECT_FALSE(fails().error().retryable);
  EXPECT_EQ(data_error("X", "y").error().scope, ErrorScope::kPerRecord);
}

TEST(SdkErrorTest, CopiesAreIndependent) {
  const Status one = fails();
  Status two = one;
  two.error().code = "OTHER";
  EXPECT_EQ(one.error().code, "BAD");
}

}  // namespace
}  // namespace rapidbyte::sdk
