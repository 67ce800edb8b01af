// Runs that the user interrupts end soon, and the next run resumes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using runtime::InstanceOptions;
using ::testing::ElementsAre;

Status transient(std::string code = "CONNECTION_LOST") {
  return make_retryable_error(ErrorCategory::kTransientNetwork, std::move(code), "the connection was lost",
                              BackoffClass::kFast);
}

// Only who ends the run interrupts it: a guest's error of that name is the failure of its connector.
TEST(Interrupt, AConnectorThatSaysCancelledHasFailed) {
  CountingOptions source;
  source.before_batch = once(3, make_error(ErrorCategory::kInternal, "CANCELLED", "I stop here"));
  EngineHarness h(source);
  const RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kFailed) << why(report);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->stage, Stage::kSource);
}

TEST(Interrupt, EndsWithinTwoSecondsAndTheNextRunResumes) {
  Gate gate;
  CountingOptions source;
  source.before_batch = [&](const InstanceOptions& o, int64_t batch) {
    return batch == 5 ? gate.wait(o.cancel) : Status();
  };
  EngineHarness h(source);
  std::thread user([&] {
    gate.wait_for_guest();
    h.options.cancel.cancel();
  });
  const auto before = std::chrono::steady_clock::now();
  const RunReport report = h.run();
  user.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
  EXPECT_EQ(report.failure->stage, Stage::kInterrupted);
  EXPECT_EQ(report.streams[0].outcome, Outcome::kInterrupted);
  EXPECT_EQ(report.rows_written(), h.database.rows("numbers").size());
  EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers"));
  EXPECT_EQ((*h.state->recent_runs("p", 1))[0].outcome, "interrupted");
  h.options.cancel = CancelToken();
  gate.open();
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(report.rows_written() + second.rows_written(), 100U);
}

TEST(Interrupt, OfABlockedDestination) {
  Gate gate;
  DatabaseOptions destination;
  destination.before_write = [&](const InstanceOptions& o, int64_t batch) {
    return batch == 4 ? gate.wait(o.cancel) : Status();
  };
  EngineHarness h({}, destination);
  h.pipeline.resources.max_inflight_batches = 1;
  std::thread user([&] {
    gate.wait_for_guest();
    h.options.cancel.cancel();
  });
  const RunReport report = h.run();
  user.join();
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
}

TEST(Interrupt, DuringTheWaitBeforeARetry) {
  CountingOptions source;
  source.before_batch = [](const InstanceOptions&, int64_t) {
    Status status = transient();
    status.error().retry_after_ms = 60'000;
    return status;
  };
  EngineHarness h(source);
  h.options.clock = nullptr;
  std::thread user([&] {
    while (true) {
      const auto events = h.observer.events();
      if (std::find(events.begin(), events.end(), "retry numbers CONNECTION_LOST 2") != events.end()) break;
      std::this_thread::sleep_for(1ms);
    }
    h.options.cancel.cancel();
  });
  const auto before = std::chrono::steady_clock::now();
  const RunReport report = h.run();
  user.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
}

TEST(Interrupt, BeforeTheRunStartsNothing) {
  EngineHarness h;
  h.options.cancel.cancel();
  EXPECT_EQ(h.run().outcome, Outcome::kInterrupted);
  EXPECT_EQ(h.source->instances, 0);
}

TEST(Interrupt, DoesNotStartTheStreamsThatWait) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness* harness = nullptr;
  source.before_batch = [&](const InstanceOptions&, int64_t) {
    harness->options.cancel.cancel();
    return Status();
  };
  EngineHarness h(source);
  harness = &h;
  h.pipeline.resources.parallelism = 1;
  const RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
  EXPECT_EQ(report.streams[1].outcome, Outcome::kNotStarted);
}

}  // namespace
}  // namespace rapidbyte::engine
