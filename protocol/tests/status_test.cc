#include "rapidbyte/protocol/status.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::protocol {
namespace {

TEST(Status, SpellsEveryCaseAsTheProtocolDoesAndReadsItBack) {
  const std::vector<std::string_view> categories = {
      "config", "auth", "permission", "rate-limit", "transient-network", "transient-db", "data", "schema", "internal"};
  for (size_t i = 0; i < categories.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<ErrorCategory>(i)), categories[i]);
    EXPECT_EQ(error_category_from_string(categories[i]), static_cast<ErrorCategory>(i));
  }
  const std::vector<std::string_view> scopes = {"per-stream", "per-batch", "per-record"};
  for (size_t i = 0; i < scopes.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<ErrorScope>(i)), scopes[i]);
    EXPECT_EQ(error_scope_from_string(scopes[i]), static_cast<ErrorScope>(i));
  }
  const std::vector<std::string_view> backoffs = {"fast", "normal", "slow"};
  for (size_t i = 0; i < backoffs.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<BackoffClass>(i)), backoffs[i]);
    EXPECT_EQ(backoff_class_from_string(backoffs[i]), static_cast<BackoffClass>(i));
  }
  const std::vector<std::string_view> commits = {"before-commit", "after-commit-unknown", "after-commit-confirmed"};
  for (size_t i = 0; i < commits.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<CommitState>(i)), commits[i]);
    EXPECT_EQ(commit_state_from_string(commits[i]), static_cast<CommitState>(i));
  }
  EXPECT_EQ(error_category_from_string("Config"), std::nullopt);
  EXPECT_EQ(error_scope_from_string(""), std::nullopt);
}

TEST(Status, SuccessHoldsNothing) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.to_string(), "ok");
  EXPECT_TRUE(Status().with_context("reading").ok());
}

TEST(Status, AnErrorKeepsEveryFieldWhenCopiedAndMoved) {
  Error error;
  error.category = ErrorCategory::kRateLimit;
  error.scope = ErrorScope::kPerBatch;
  error.code = "SLOW_DOWN";
  error.message = "too many requests";
  error.retryable = true;
  error.retry_after_ms = 250;
  error.backoff_class = BackoffClass::kSlow;
  error.safe_to_retry = true;
  error.commit_state = CommitState::kAfterCommitUnknown;
  error.details_json = "{}";
  const Status first = error;
  Status copy = first;
  EXPECT_EQ(copy.error(), error);
  copy.error().code = "OTHER";
  EXPECT_EQ(first.error(), error) << "a copy must not share";
  const Status moved = std::move(copy);
  EXPECT_EQ(moved.error().code, "OTHER");
  Status assigned;
  assigned = first;
  EXPECT_EQ(assigned.error(), error);
  assigned = Status();
  EXPECT_TRUE(assigned.ok());
}

TEST(Status, ContextGoesBeforeTheMessageOutermostFirst) {
  Status status = config_error("BAD_CONFIG", "no folder");
  status = std::move(status).with_context("stream orders");
  status = std::move(status).with_context("source-file");
  EXPECT_EQ(status.to_string(), "BAD_CONFIG (config): source-file: stream orders: no folder");
}

TEST(Status, EachKindOfErrorHasItsCategoryAndIsNotRetryable) {
  EXPECT_EQ(config_error("X", "y").error().category, ErrorCategory::kConfig);
  EXPECT_EQ(auth_error("X", "y").error().category, ErrorCategory::kAuth);
  EXPECT_EQ(permission_error("X", "y").error().category, ErrorCategory::kPermission);
  EXPECT_EQ(schema_error("X", "y").error().category, ErrorCategory::kSchema);
  EXPECT_EQ(internal_error("X", "y").error().category, ErrorCategory::kInternal);
  EXPECT_FALSE(internal_error("X", "y").error().retryable);
  EXPECT_EQ(internal_error("X", "y").error().commit_state, std::nullopt);
}

TEST(Status, AnUnknownCaseIsSpelledAndDoesNotEndTheProgram) {
  EXPECT_EQ(to_string(static_cast<ErrorCategory>(200)), "internal");
  EXPECT_EQ(to_string(static_cast<CommitState>(3)), "after-commit-confirmed");
}

TEST(Result, HoldsAValueOrAnError) {
  Result<std::string> value = std::string("here");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, "here");
  EXPECT_EQ(value->size(), 4U);
  EXPECT_TRUE(value.status().ok());
  const Result<std::string> error = config_error("BAD", "why");
  ASSERT_FALSE(error.ok());
  EXPECT_EQ(error.error().code, "BAD");
  EXPECT_EQ(error.status().error().message, "why");
}

TEST(Result, CarriesMoveOnlyValues) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(value);
  EXPECT_EQ(*taken, 7);
}

Status fail_when(bool fail) { return fail ? config_error("FAILED", "x") : Status(); }
Result<int> number_or(bool fail) {
  RB_RETURN_NOT_OK(fail_when(fail));
  return 3;
}
Result<int> one_more(bool fail, int& reached) {
  RB_ASSIGN_OR_RETURN(const int first, number_or(false));
  RB_ASSIGN_OR_RETURN(const int second, number_or(fail));
  ++reached;
  return first + second;
}

TEST(Result, MacrosReturnTheFirstErrorAndPassValuesOn) {
  int reached = 0;
  const Result<int> good = one_more(false, reached);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 6);
  EXPECT_EQ(reached, 1);
  const Result<int> bad = one_more(true, reached);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, "FAILED");
  EXPECT_EQ(reached, 1);
}

}  // namespace
}  // namespace rapidbyte::protocol
