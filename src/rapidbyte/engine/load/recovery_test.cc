// Attempts after a failure: the load resumes after its last commit, and only where that doubles nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::Contains;

Status transient(std::string code = "CONNECTION_LOST") {
  return make_retryable_error(ErrorCategory::kTransientNetwork, std::move(code), "the connection was lost",
                              BackoffClass::kFast);
}

TEST(Retry, ResumesAfterTheLastCommitWithNewInstancesAndTheSameLoad) {
  CountingOptions source;
  source.before_batch = once(7, transient());
  EngineHarness h(source);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(report.streams[0].retries, 1U);
  EXPECT_EQ(report.streams[0].rows_written, 100U);
  EXPECT_EQ(report.streams[0].rows_read, 100U);
  EXPECT_THAT(h.observer.events(), Contains("retry numbers CONNECTION_LOST 2"));
  EXPECT_EQ(h.source->instances, 3);
  EXPECT_EQ(h.destination->instances, 2);
  ASSERT_EQ(h.database.begin_contexts.size(), 2U);
  EXPECT_EQ(h.database.begin_contexts[0]["load_id"], h.database.begin_contexts[1]["load_id"]);
  EXPECT_TRUE(h.database.begin_contexts[1]["resume"].is_object());
  // 60 when the checkpoint reached the destination before the failure did, else the one before.
  EXPECT_THAT(h.database.begin_contexts[1]["resume"]["next"].get<int>(), ::testing::AnyOf(40, 60));
  EXPECT_FALSE(report.streams[0].resumed) << "this run began the load itself";
}

TEST(Retry, HappensOnlyForErrorsThatSaySo) {
  CountingOptions source;
  source.before_batch = once(3, make_error(ErrorCategory::kData, "BAD_ROW", "bad"));
  EngineHarness h(source);
  EXPECT_EQ(h.run().failure->error.code, "BAD_ROW");
  EXPECT_TRUE(h.clock.delays().empty());
}

TEST(Retry, TakesTheErrorsAdviceAndGivesUpAfterMaxRetries) {
  struct Case {
    BackoffClass backoff;
    std::optional<uint64_t> after_ms;
    std::vector<int64_t> delays;
  };
  const std::vector<Case> cases = {{BackoffClass::kFast, std::nullopt, {100, 200, 400}},
                                   {BackoffClass::kSlow, std::nullopt, {5000, 10'000, 20'000}},
                                   {BackoffClass::kSlow, 70, {70, 70, 70}},
                                   {BackoffClass::kFast, 10'000'000, {60'000, 60'000, 60'000}}};
  for (const Case& c : cases) {
    Status status = transient();
    status.error().backoff_class = c.backoff;
    status.error().retry_after_ms = c.after_ms;
    CountingOptions source;
    source.before_batch = [&](const InstanceOptions&, int64_t) { return status; };
    EngineHarness h(source);
    const RunReport report = h.run();
    EXPECT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.streams[0].retries, 3U);
    EXPECT_EQ(h.clock.delays(), c.delays);
  }
}

TEST(Retry, AlsoOfTheDiscovery) {
  EngineHarness h;
  const auto discover = h.source->script.discover;
  int calls = 0;
  h.source->script.discover = [&, discover](const InstanceOptions& o) {
    return ++calls < 3 ? Result<std::string>(transient()) : discover(o);
  };
  EXPECT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.clock.delays(), (std::vector<int64_t>{100, 200}));
}

TEST(Retry, BeginsAReplaceAgainFromTheStart) {
  CountingOptions source;
  source.before_batch = once(7, transient());
  EngineHarness h(source);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_TRUE(h.database.begin_contexts[1]["resume"].is_null());
  EXPECT_EQ(report.rows_written(), 100U);
}

// The commit reached the database, but the connection broke before the destination knew.
TEST(Retry, AsksTheDestinationAfterACommitOfUnknownOutcome) {
  Status unknown = transient("COMMIT_UNKNOWN");
  unknown.error().commit_state = CommitState::kAfterCommitUnknown;
  for (const int64_t commit : {0, 2, 4}) {
    SCOPED_TRACE(commit);
    DatabaseOptions destination;
    destination.after_commit = once(commit, unknown);
    EngineHarness h({}, destination);
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
}

TEST(Retry, DoesNotRiskDoubledRowsWhenTheDestinationCannotSay) {
  Status unknown = transient("COMMIT_UNKNOWN");
  unknown.error().commit_state = CommitState::kAfterCommitUnknown;
  for (const bool safe : {false, true}) {
    SCOPED_TRACE(safe);
    unknown.error().safe_to_retry = safe;
    DatabaseOptions destination;
    destination.before_commit = once(0, unknown);
    EngineHarness h({}, destination);
    h.destination->protocol_ = "2.0.0";
    EXPECT_EQ(h.run().succeeded(), safe);
    EXPECT_EQ(h.clock.delays().size(), safe ? 1U : 0U);
  }
}

TEST(Resume, IsSaidOnlyOfAStreamThatHadKeptSomething) {
  for (const int64_t batch : {0, 7}) {
    SCOPED_TRACE(batch);
    CountingOptions source;
    source.before_batch = once(batch, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
    EngineHarness h(source);
    ASSERT_FALSE(h.run().succeeded());
    ASSERT_TRUE(h.stream_state().load_in_progress);
    const size_t before = h.observer.events().size();
    const RunReport second = h.run();
    ASSERT_TRUE(second.succeeded()) << why(second);
    const auto events = h.observer.events();
    const std::vector<std::string> said(events.begin() + static_cast<std::ptrdiff_t>(before), events.end());
    EXPECT_THAT(said, Contains(batch == 0 ? "start numbers" : "start numbers resumed"));
    EXPECT_EQ(second.streams[0].resumed, batch != 0);
  }
}

}  // namespace
}  // namespace rapidbyte::engine
