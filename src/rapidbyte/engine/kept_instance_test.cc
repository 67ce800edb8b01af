#include "rapidbyte/engine/open_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "rapidbyte/engine/engine_fakes_test.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::ElementsAre;

/// A source that may be asked everything in one instance, as far as the run has one stream only.
class OpenSourceTest : public ::testing::Test {
 protected:
  /// Partitions, too: a source that has none answers with an empty list.
  static void allow(EngineHarness& h) {
    h.source->own_role().features.emplace_back("reuse");
    h.destination->own_role().features.emplace_back("partitioned");
    h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
    h.pipeline.resources.parallelism = 4;
  }
};

TEST_F(OpenSourceTest, OneInstanceDiscoversPlansAndReads) {
  EngineHarness h;
  allow(h);
  std::mutex mutex;
  std::vector<std::string> streams;
  h.source->script.open = [&](const InstanceOptions& o) {
    const std::lock_guard lock(mutex);
    streams.push_back(o.stream);
    return Status();
  };
  for (int run = 0; run < 2; ++run) {
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
  EXPECT_EQ(h.source->instances, 2) << "one for each run";
  EXPECT_EQ(h.source->closed, 2);
  EXPECT_THAT(streams, ElementsAre("numbers", "numbers")) << "its messages and its state are the stream's";
}

TEST_F(OpenSourceTest, ThePlanningInstanceIsTheDiscoverys) {
  CountingOptions source;
  source.partitions = 4;
  EngineHarness h(source);
  allow(h);
  ASSERT_TRUE(h.run().succeeded());
  std::vector<int64_t> rows = h.database.rows("numbers");
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, count_to(100));
  EXPECT_EQ(h.source->instances, 1 + 4);
  EXPECT_EQ(h.source->closed, 1 + 4);
}

TEST_F(OpenSourceTest, AnotherAttemptStartsAnInstanceOfItsOwn) {
  CountingOptions source;
  std::atomic<int> failures{0};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch != 3 || failures.fetch_add(1) > 0) return {};
    ConnectorError error = make_error(ErrorCategory::kTransientDb, "CONNECTION_LOST", "the server went away").error();
    error.retryable = true;
    return error;
  };
  EngineHarness h(source);
  allow(h);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(h.source->instances, 2);
  EXPECT_EQ(h.source->closed, 2);
}

TEST_F(OpenSourceTest, EndsWithTheRunThatNeverReads) {
  {
    EngineHarness h;
    allow(h);
    h.destination->script.open = [](const InstanceOptions&) {
      return make_error(ErrorCategory::kAuth, "WRONG_PASSWORD", "no");
    };
    EXPECT_EQ(h.run().failure->error.code, "WRONG_PASSWORD");
    EXPECT_EQ(h.source->closed, 1);
  }
  EngineHarness h;
  allow(h);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kAppend;
  h.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kIncremental;
  EXPECT_EQ(h.run().failure->error.code, "CURSOR_FIELD_MISSING");
  EXPECT_EQ(h.source->closed, 1);
}

TEST_F(OpenSourceTest, SeveralStreamsHaveInstancesOfTheirOwn) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness h(source);
  allow(h);
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.source->instances, 3);
}

TEST_F(OpenSourceTest, IsCancelledWithTheRunAndByALimit) {
  for (const bool by_limit : {true, false}) {
    Gate gate;
    CountingOptions source;
    source.before_batch = [&](const InstanceOptions& o, int64_t batch) {
      return batch == 3 ? gate.wait(o.cancel) : Status();
    };
    EngineHarness h(source);
    allow(h);
    std::thread canceller;
    if (by_limit) {
      h.options.limit = 15;
    } else {
      canceller = std::thread([&] {
        gate.wait_for_guest();
        h.options.cancel.cancel();
      });
    }
    const auto begun = std::chrono::steady_clock::now();
    const RunReport report = h.run();
    if (canceller.joinable()) canceller.join();
    EXPECT_EQ(report.outcome, by_limit ? Outcome::kSucceeded : Outcome::kInterrupted) << why(report);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
    EXPECT_EQ(h.source->instances, 1);
  }
}

/// A destination that may be opened while the source is still being asked.
class EarlyDestinationTest : public ::testing::Test {
 protected:
  static void allow(EngineHarness& h) { h.destination->own_role().features.emplace_back("open-early"); }
};

TEST_F(EarlyDestinationTest, IsOpenedBesideTheDiscoveryAndWritesTheStream) {
  EngineHarness h;
  allow(h);
  std::atomic<bool> opened{false};
  h.destination->script.open = [&](const InstanceOptions& o) {
    EXPECT_EQ(o.stream, "numbers");
    opened = true;
    return Status();
  };
  const auto discover = h.source->script.discover;
  h.source->script.discover = [&](const InstanceOptions& o) {
    // Would never end if the destination were opened afterwards.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!opened && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(opened);
    return discover(o);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(h.destination->instances, 1);
  EXPECT_EQ(h.destination->closed, 1);
}

TEST_F(EarlyDestinationTest, ItsFailureIsTheStreamsAndIsTriedAgain) {
  EngineHarness h;
  allow(h);
  std::atomic<int> opens{0};
  h.destination->script.open = [&](const InstanceOptions&) -> Status {
    if (opens.fetch_add(1) > 0) return {};
    ConnectorError error = make_error(ErrorCategory::kTransientDb, "SERVER_STARTING", "not yet").error();
    error.retryable = true;
    return error;
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.streams[0].retries, 1U);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(h.destination->closed, h.destination->instances);
}

TEST_F(EarlyDestinationTest, IsClosedWhenTheDiscoveryFails) {
  EngineHarness h;
  allow(h);
  h.source->script.discover = [](const InstanceOptions&) -> Result<std::string> {
    return make_error(ErrorCategory::kAuth, "WRONG_PASSWORD", "no").error();
  };
  EXPECT_EQ(h.run().failure->error.code, "WRONG_PASSWORD");
  EXPECT_EQ(h.destination->instances, 1);
  EXPECT_EQ(h.destination->closed, 1);
}

TEST_F(EarlyDestinationTest, SeveralStreamsAndOtherDestinationsWaitForTheirTurn) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness two(source);
  allow(two);
  two.source->script.discover = [](const InstanceOptions&) -> Result<std::string> {
    return make_error(ErrorCategory::kAuth, "WRONG_PASSWORD", "no").error();
  };
  EXPECT_FALSE(two.run().succeeded());
  EXPECT_EQ(two.destination->instances, 0);
  EngineHarness plain;
  plain.source->script.discover = two.source->script.discover;
  EXPECT_FALSE(plain.run().succeeded());
  EXPECT_EQ(plain.destination->instances, 0);
}

}  // namespace
}  // namespace rapidbyte::engine
