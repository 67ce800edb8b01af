// What becomes of the other streams of a run when one fails (on_stream_error).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using pipeline::OnStreamError;
using runtime::InstanceOptions;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

std::vector<std::string> outcomes(const RunReport& report) {
  std::vector<std::string> texts;
  for (const StreamReport& stream : report.streams)
    texts.push_back(stream.stream + " " + std::string(to_string(stream.outcome)));
  return texts;
}

/// Three streams, one after the other, of which those in `bad` fail in their third batch, with their name as the code.
class StreamErrorTest : public ::testing::Test {
 protected:
  StreamErrorTest() : h(options()) { h.pipeline.resources.parallelism = 1; }

  CountingOptions options() {
    CountingOptions made;
    made.streams = {"a", "b", "c"};
    // So that the destination commits the first batch with or without the second one's checkpoint.
    made.checkpoint_every = 1;
    made.before_batch = [this](const InstanceOptions& o, int64_t batch) -> Status {
      if (batch != 2 || std::find(bad.begin(), bad.end(), o.stream) == bad.end()) return {};
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (waits && h.state->load_stream({"p", o.stream, ""})->rows_committed == 0 &&
             std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return make_error(ErrorCategory::kData, o.stream, "bad");
    };
    return made;
  }
  bool load_in_progress(const std::string& stream) { return h.stream_state(stream).load_in_progress; }

  std::vector<std::string> bad = {"a"};
  /// A bad stream fails only when the state knows of its first commit.
  bool waits = false;
  EngineHarness h;
};

TEST_F(StreamErrorTest, TheOthersAreLoadedUnlessThePipelineSaysOtherwise) {
  bad = {"a", "c"};
  RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b succeeded", "c failed"));
  EXPECT_EQ(report.failure->error.code, "a") << "the first one decides the exit code";
  EXPECT_EQ(report.streams[2].failure->error.code, "c");
  EXPECT_EQ(h.database.rows("b"), count_to(100));
  EXPECT_EQ(report.streams[1].rows_written, 100U);
  // Appends of everything: the next run must not double what is loaded.
  bad.clear();
  report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(h.database.rows(name), count_to(100)) << name;
  EXPECT_EQ(report.streams[1].rows_written, 0U);
}

// A kept connector may reconnect for its next stream, and many connect with their first statement.
TEST_F(StreamErrorTest, AServerThatIsAwayOrLetsNobodyInConcernsAll) {
  bad.clear();
  for (const auto& [category, code] : {std::pair(ErrorCategory::kAuth, "PASSWORD_REFUSED"),
                                       std::pair(ErrorCategory::kTransientNetwork, "TCP_CONNECT_FAILED")}) {
    EngineHarness away(options());
    away.pipeline.resources.parallelism = 1;
    away.destination->script.begin_stream = [category = category, code = code](auto&&...) {
      return make_error(category, code, "no");
    };
    EXPECT_THAT(outcomes(away.run()), ElementsAre("a failed", "b not_started", "c not_started")) << code;
  }
}

TEST_F(StreamErrorTest, AFailingStreamDoesNotKeepTheOthersFromBeingReplacedAgain) {
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  for (int run = 0; run < 2; ++run) {
    h.database.tables["b"].rows = {7};
    const RunReport report = h.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_EQ(h.database.rows("b"), count_to(100)) << run;
    EXPECT_FALSE(load_in_progress("b"));
  }
}

TEST_F(StreamErrorTest, StopBeginsNoOtherAndTakesTheirLoadsBack) {
  h.pipeline.on_stream_error = OnStreamError::kStop;
  const RunReport report = h.run();
  EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started"));
  EXPECT_EQ(report.failure->error.code, "a");
  EXPECT_TRUE(load_in_progress("a"));
  for (const char* name : {"b", "c"}) {
    EXPECT_FALSE(load_in_progress(name)) << name;
    EXPECT_THAT(h.observer.events(), Not(Contains(std::string("start ") + name)));
  }
  EXPECT_EQ(report.streams[1].held_back_by, "") << "it waited for nothing";
}

TEST_F(StreamErrorTest, AStreamWhoseRowsReferToThoseOfAFailedOneIsHeldBack) {
  h.destination->own_role().features.emplace_back("stream-references");
  h.destination->script.last_committed = [](const json& ctx) -> Result<std::optional<std::string>> {
    if (!ctx.contains("ask")) return std::optional<std::string>();
    return std::optional<std::string>(R"({"references": {"c": ["b"], "b": ["a"]}})");
  };
  for (const uint32_t parallelism : {1U, 4U}) {
    h.pipeline.resources.parallelism = parallelism;
    const RunReport report = h.run();
    EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started"));
    EXPECT_EQ(report.streams[1].held_back_by, "a");
    EXPECT_EQ(report.streams[2].held_back_by, "a") << "the one that failed, not the one between";
    EXPECT_EQ(to_json(report)["streams"][2]["held_back_by"], "a");
    for (const char* name : {"b", "c"}) EXPECT_FALSE(load_in_progress(name)) << name;
    EXPECT_TRUE(h.writer()->reset("a").ok());
  }
}

TEST_F(StreamErrorTest, AConnectorThatCannotBeOpenedEndsTheRun) {
  bad.clear();
  for (const bool is_source : {true, false}) {
    EngineHarness own(options());
    own.pipeline.resources.parallelism = 1;
    own.pipeline.resources.max_retries = 1;
    std::atomic<int> tries{0};
    (is_source ? own.source : own.destination)->script.open = [&](const InstanceOptions& o) -> Status {
      if (is_source && o.stream.empty()) return {};  // discovery
      ++tries;
      return make_retryable_error(ErrorCategory::kTransientNetwork, "AWAY", "the server is away");
    };
    const RunReport report = own.run();
    EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started")) << is_source;
    EXPECT_EQ(report.failure->error.code, "AWAY");
    EXPECT_EQ(tries, 2) << "not two for each stream";
    EXPECT_FALSE(own.stream_state("b").load_in_progress);
  }
}

TEST_F(StreamErrorTest, ATransformThatCannotBeOpenedEndsTheRun) {
  bad.clear();
  Script script;
  script.open = [](const InstanceOptions&) { return make_error(ErrorCategory::kConfig, "NO_MODEL", "no model"); };
  h.runtime.add("pass", runtime::ConnectorRole::kTransform, script);
  h.pipeline.transforms.emplace_back().use = "pass";
  EXPECT_THAT(outcomes(h.run()), ElementsAre("a failed", "b not_started", "c not_started"));
}

TEST_F(StreamErrorTest, AServerThatGoesAwayInTheMiddleEndsTheRun) {
  bool away = false;
  CountingOptions source = options();
  source.before_batch = [&](const InstanceOptions& o, int64_t batch) -> Status {
    if (o.stream != "a" || batch != 2) return {};
    away = true;
    return make_retryable_error(ErrorCategory::kTransientNetwork, "LOST", "the connection is lost");
  };
  h.source->script = counting_source(source);
  h.source->script.open = [&](const InstanceOptions&) -> Status {
    return away ? make_retryable_error(ErrorCategory::kTransientNetwork, "AWAY", "the server is away") : Status();
  };
  EXPECT_THAT(outcomes(h.run()), ElementsAre("a failed", "b not_started", "c not_started"));
}

TEST_F(StreamErrorTest, AFullFileOfRejectedRecordsEndsTheRun) {
  bad.clear();
  DatabaseOptions rejecting;
  rejecting.rejects = [](int64_t id) { return id % 10 == 3; };
  EngineHarness own(options(), rejecting);
  own.pipeline.resources.parallelism = 1;
  own.pipeline.dlq.max_bytes = 300;
  const RunReport report = own.run();
  EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started"));
  EXPECT_EQ(report.failure->error.code, "DLQ_FULL");
}

TEST_F(StreamErrorTest, AFileOfRejectedRecordsThatCannotBeWrittenEndsTheRun) {
  bad.clear();
  DatabaseOptions rejecting;
  rejecting.rejects = [](int64_t id) { return id == 3; };
  EngineHarness own(options(), rejecting);
  own.pipeline.resources.parallelism = 1;
  std::ofstream(own.folder / "file") << "no folder";
  own.pipeline.dlq.path = own.folder / "file" / "rejected.ndjson";
  const RunReport report = own.run();
  EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started"));
  EXPECT_EQ(report.failure->error.code, "DLQ_WRITE_FAILED");
}

TEST_F(StreamErrorTest, AStateThatRefusesEndsTheRun) {
  bad.clear();
  CountingOptions source = options();
  source.before_batch = [this](const InstanceOptions& o, int64_t batch) {
    return o.stream == "a" && batch == 5 ? h.writer()->reset("a") : Status();
  };
  h.source->script = counting_source(source);
  const RunReport report = h.run();
  EXPECT_THAT(outcomes(report), ElementsAre("a failed", "b not_started", "c not_started"));
  EXPECT_EQ(report.failure->error.code, "STATE_BACKEND");
}

// What the state refuses for one stream's own sake is no such thing.
TEST_F(StreamErrorTest, ARefusedPositionIsTheStreamsOwn) {
  waits = true;
  ASSERT_FALSE(h.run().succeeded());
  bad.clear();
  h.database.tables["a"].receipts.clear();
  const RunReport report = h.run();
  ASSERT_THAT(outcomes(report), ElementsAre("a failed", "b succeeded", "c succeeded"));
  EXPECT_EQ(report.failure->error.code, "RECEIPT_MISSING");
  EXPECT_EQ(report.failure->stage, Stage::kState);
}

}  // namespace
}  // namespace rapidbyte::engine
