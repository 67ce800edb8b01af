#include "rapidbyte/engine/kept_instance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::ElementsAre;

ConnectorError to_try_again(const char* code) {
  ConnectorError error = make_error(ErrorCategory::kTransientDb, code, "not now").error();
  error.retryable = true;
  return error;
}

/// Notes each call.
class NotingServices final : public runtime::HostServices {
 public:
  Status emit_batch(std::span<const std::byte> batch) override { return note("emit " + std::to_string(batch.size())); }
  Result<std::optional<PooledBuffer>> next_batch() override { return note("next"); }
  Status checkpoint(runtime::CheckpointKind kind, protocol::Checkpoint checkpoint) override {
    return note("checkpoint " + std::to_string(static_cast<int>(kind)) + checkpoint.text());
  }
  Result<std::optional<std::string>> pending_checkpoint() override { return note("pending"); }
  Status emit_dlq_record(runtime::DlqRecord record) override { return note("reject " + record.record_json); }
  void metric(const runtime::Metric& metric) override { (void)note("metric " + metric.name); }
  void log(LogLevel /*level*/, std::string_view message) override { (void)note("log " + std::string(message)); }

  std::vector<std::string> calls;

 private:
  /// Answers with the call itself, so that an answer that comes from elsewhere is seen.
  Status note(std::string call) {
    calls.push_back(call);
    return internal_error("NOTED", std::move(call));
  }
};

TEST(RelayServices, PassesEveryCallOnToItsPresentTarget) {
  const auto first = std::make_shared<NotingServices>();
  const auto second = std::make_shared<NotingServices>();
  RelayServices relay(first);
  relay.log(LogLevel::kInfo, "before");
  relay.set_target(second);
  EXPECT_EQ(relay.emit_batch(std::as_bytes(std::span("1234", 4))).error().message, "emit 4");
  EXPECT_EQ(relay.next_batch().error().message, "next");
  EXPECT_EQ(relay.checkpoint(runtime::CheckpointKind::kDestination, {}).error().message, "checkpoint 1{}");
  EXPECT_EQ(relay.pending_checkpoint().error().message, "pending");
  EXPECT_EQ(relay.emit_dlq_record({"s", "r", "e", "data"}).error().message, "reject r");
  runtime::Metric metric;
  metric.name = "m";
  relay.metric(metric);
  relay.log(LogLevel::kInfo, "after");
  EXPECT_THAT(first->calls, ElementsAre("log before"));
  EXPECT_THAT(second->calls,
              ElementsAre("emit 4", "next", "checkpoint 1{}", "pending", "reject r", "metric m", "log after"));
}

/// A source that may be asked everything in one instance.
class KeptInstanceTest : public ::testing::Test {
 protected:
  /// Partitions, too: a source that has none answers with an empty list.
  static void allow(EngineHarness& h) {
    h.source->own_role().features.emplace_back("reuse");
    h.destination->own_role().features.emplace_back("partitioned");
    h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
    h.pipeline.resources.parallelism = 4;
  }
};

TEST_F(KeptInstanceTest, OneInstanceDiscoversPlansAndReads) {
  EngineHarness h;
  allow(h);
  std::vector<std::string> streams;
  const auto read = h.source->script.read;
  h.source->script.read = [&](const InstanceOptions& o, const json& ctx) {
    streams.push_back(o.stream);
    return read(o, ctx);
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

TEST_F(KeptInstanceTest, ThePlanningInstanceIsTheDiscoverys) {
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

TEST_F(KeptInstanceTest, AnotherAttemptStartsAnInstanceOfItsOwn) {
  CountingOptions source;
  std::atomic<int> failures{0};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch != 3 || failures.fetch_add(1) > 0) return {};
    return to_try_again("CONNECTION_LOST");
  };
  EngineHarness h(source);
  allow(h);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(h.source->instances, 2);
  EXPECT_EQ(h.source->closed, 2);
}

TEST_F(KeptInstanceTest, EndsWithTheRunThatNeverReads) {
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

/// Streams that one worker, or several, take one after the other.
class SeveralStreamsTest : public ::testing::Test {
 protected:
  static CountingOptions streams(int count) {
    CountingOptions source;
    source.streams.clear();
    for (int i = 0; i < count; ++i) source.streams.push_back(fmt::format("s{}", i));
    return source;
  }
  static void allow(EngineHarness& h, uint32_t workers) {
    h.source->own_role().features.emplace_back("reuse");
    h.destination->own_role().features.emplace_back("reuse");
    h.pipeline.source.streams.clear();
    h.pipeline.resources.parallelism = workers;
  }
};

TEST_F(SeveralStreamsTest, AWorkerKeepsItsInstances) {
  EngineHarness h(streams(12));
  allow(h, 1);
  std::vector<std::string> read_for, written_for;
  const auto read = h.source->script.read;
  h.source->script.read = [&](const InstanceOptions& o, const json& ctx) {
    EXPECT_EQ(ctx["stream_name"], o.stream);
    read_for.push_back(o.stream);
    return read(o, ctx);
  };
  const auto write = h.destination->script.write;
  h.destination->script.write = [&](const InstanceOptions& o, const json& ctx) {
    EXPECT_EQ(ctx["stream_name"], o.stream);
    written_for.push_back(o.stream);
    return write(o, ctx);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(h.database.rows(fmt::format("s{}", i)), count_to(100));
  EXPECT_EQ(read_for.size(), 12U);
  EXPECT_EQ(written_for, read_for);
  EXPECT_EQ(h.source->instances, 1) << "that of the discovery";
  EXPECT_EQ(h.destination->instances, 1);
  EXPECT_EQ(h.source->closed, 1);
  EXPECT_EQ(h.destination->closed, 1);
}

TEST_F(SeveralStreamsTest, EachWorkerHasItsOwn) {
  EngineHarness h(streams(12));
  allow(h, 3);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(h.database.rows(fmt::format("s{}", i)), count_to(100));
  EXPECT_LE(h.source->instances, 3);
  EXPECT_LE(h.destination->instances, 3);
  EXPECT_EQ(h.source->closed, h.source->instances);
  EXPECT_EQ(h.destination->closed, h.destination->instances);
}

TEST_F(SeveralStreamsTest, WithoutTheFeatureEachStreamHasItsOwn) {
  EngineHarness h(streams(4));
  allow(h, 1);
  std::erase(h.source->own_role().features, "reuse");
  std::erase(h.destination->own_role().features, "reuse");
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.source->instances, 1 + 4);
  EXPECT_EQ(h.destination->instances, 4);
}

TEST_F(SeveralStreamsTest, WhatFailedIsNotUsedAgain) {
  for (const bool at_source : {true, false}) {
    CountingOptions source = streams(3);
    std::atomic<int> failures{0};
    const auto lost = [&]() -> Status {
      if (failures.fetch_add(1) > 0) return {};
      return to_try_again("CONNECTION_LOST");
    };
    source.before_batch = [&](const InstanceOptions& o, int64_t batch) -> Status {
      return at_source && o.stream == "s1" && batch == 3 ? lost() : Status();
    };
    EngineHarness h(source);
    allow(h, 1);
    const auto finish = h.destination->script.finish_stream;
    h.destination->script.finish_stream = [&](const InstanceOptions& o, const json& ctx, bool succeeded) -> Status {
      if (!at_source && o.stream == "s1") RB_RETURN_NOT_OK(lost());
      return finish ? finish(o, ctx, succeeded) : Status();
    };
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(h.database.rows(fmt::format("s{}", i)), count_to(100));
    EXPECT_EQ(h.destination->instances, 2) << at_source;
    EXPECT_EQ(h.source->instances, 2);
    EXPECT_EQ(h.source->closed, h.source->instances);
    EXPECT_EQ(h.destination->closed, h.destination->instances);
  }
}

TEST_F(KeptInstanceTest, IsCancelledWithTheRunAndByALimit) {
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
      h.options.mode = RunMode::limited(15);
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
    return to_try_again("SERVER_STARTING");
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
