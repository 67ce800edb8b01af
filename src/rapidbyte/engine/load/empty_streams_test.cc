// Streams without rows and a destination with the feature "empty-streams": after one of them the next is kept from the
// destination until its first batch arrives; if none does, the destination gets finish-stream alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class EmptyStreams : public ::testing::Test {
 protected:
  explicit EmptyStreams(std::vector<std::string> streams = {"a", "b", "c", "d"}) : streams_(std::move(streams)) {
    CountingOptions options;
    options.streams = streams_;
    DatabaseOptions database;
    database.before_write = [this](const runtime::InstanceOptions& o, int64_t) {
      if (breaks == o.stream) wait_for([&] { return checkpoint_sent.load(); });
      return Status();
    };
    h = std::make_unique<EngineHarness>(options, database);
    for (const std::string& name : streams_) {
      pipeline::StreamConfig stream;
      stream.name = name;
      if (name == streams_.front()) h->pipeline.source.streams.clear();
      h->pipeline.source.streams.push_back(stream);
    }
    h->pipeline.resources.parallelism = 1;
    h->pipeline.resources.max_retries = 0;
    h->source->own_role().features = {"reuse", "resume"};
    h->destination->own_role().features = {"reuse", "receipts", "empty-streams"};
    h->source->script.read = [this](const runtime::InstanceOptions& o, const json& ctx) {
      if (fails == o.stream) return Result<runtime::ReadSummary>(make_error(ErrorCategory::kData, "BAD_ROW", "bad"));
      CountingOptions of_stream;
      of_stream.rows = rows[o.stream];
      of_stream.before_batch = [this](const runtime::InstanceOptions& options, int64_t batch) -> Status {
        if (breaks != options.stream || batch != 2) return {};
        // The destination takes the first two once their checkpoint follows them, so that it commits there.
        checkpoint_sent = true;
        wait_for([&] { return !h->database.rows(breaks).empty(); });
        return make_error(ErrorCategory::kData, "BAD_ROW", "bad");
      };
      return counting_source(of_stream).read(o, ctx);
    };
    auto finish = h->destination->script.finish_stream;
    h->destination->script.finish_stream = [this, finish](const runtime::InstanceOptions& o, const json& ctx, bool ok) {
      if (ctx.contains("without_rows")) alone.push_back(ctx["stream_name"]);
      return finish(o, ctx, ok);
    };
  }

  static void wait_for(const std::function<bool()>& done) {
    for (int i = 0; i < 5'000 && !done(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<std::string> take_calls() {
    std::lock_guard lock(h->database.mutex);
    return std::exchange(h->database.calls, {});
  }
  void mode(pipeline::WriteMode mode) {
    h->pipeline.destination.write_mode = mode;
    if (mode == pipeline::WriteMode::kUpsert) h->pipeline.destination.primary_key = {"id"};
  }

  std::vector<std::string> streams_;
  std::unique_ptr<EngineHarness> h;
  std::map<std::string, int64_t> rows;
  std::string fails;
  std::string breaks;  // after its second batch
  std::atomic<bool> checkpoint_sent{false};
  std::vector<std::string> alone;  // streams whose finish-stream said that it is alone
};

TEST_F(EmptyStreams, AreOnlyFinishedBehindAnother) {
  for (const pipeline::WriteMode write_mode : {pipeline::WriteMode::kAppend, pipeline::WriteMode::kReplace}) {
    mode(write_mode);
    alone.clear();
    const RunReport report = h->run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_THAT(take_calls(),
                ElementsAre("begin a", "finish a true", "finish b true", "finish c true", "finish d true"));
    EXPECT_THAT(alone, ElementsAre("b", "c", "d"));
    for (const std::string& name : streams_) {
      const auto known = h->state->load_stream({"p", name, ""});
      EXPECT_FALSE(known->load_in_progress) << name;
      EXPECT_TRUE(known->committed) << name;
      ASSERT_TRUE(known->checkpoint_json) << name;
      EXPECT_TRUE(json::parse(*known->checkpoint_json)["end"].get<bool>()) << name;
      EXPECT_EQ(known->owner_json, known->load_owner_json) << name;
    }
  }
}

TEST_F(EmptyStreams, AStreamWithRowsBehindThemIsBegunAndLoadedWhole) {
  for (const pipeline::WriteMode write_mode : {pipeline::WriteMode::kReplace, pipeline::WriteMode::kAppend}) {
    mode(write_mode);
    rows = {{"c", 100}};
    const RunReport report = h->run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.rows_written(), 100U);
    // Behind rows nothing waits for a batch.
    EXPECT_THAT(take_calls(), ElementsAre("begin a", "finish a true", "finish b true", "begin c", "finish c true",
                                          "begin d", "finish d true"));
  }
  std::vector<int64_t> twice = count_to(100);
  for (int64_t id = 0; id < 100; ++id) twice.push_back(id);
  EXPECT_EQ(h->database.rows("c"), twice) << "once for each run";
}

TEST_F(EmptyStreams, WhatComesAfterAFailedRunIsLoadedOnce) {
  fails = "d";
  ASSERT_FALSE(h->run().succeeded());
  // Rows come before the next run. It must not take the stream for one that has ended.
  EXPECT_TRUE(h->state->load_stream({"p", "b", ""})->load_in_progress);
  EXPECT_EQ(h->state->load_stream({"p", "b", ""})->checkpoint_json, std::nullopt) << "nothing says that it was read";
  fails.clear();
  rows = {{"b", 30}, {"d", 20}};
  const RunReport report = h->run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h->database.rows("b"), count_to(30));
  EXPECT_EQ(h->database.rows("d"), count_to(20));
  rows.clear();
  ASSERT_TRUE(h->run().succeeded());
  EXPECT_EQ(h->database.rows("b"), count_to(30));
}

TEST_F(EmptyStreams, ALoadThatWasInterruptedIsFinishedInTheUsualWay) {
  rows = {{"b", 40}};
  breaks = "b";
  ASSERT_FALSE(h->run().succeeded());
  ASSERT_EQ(h->database.rows("b"), count_to(20)) << "the load has committed something";
  take_calls();
  alone.clear();
  breaks.clear();
  // Nothing is left to read of it.
  rows = {{"b", 20}};
  ASSERT_TRUE(h->run().succeeded());
  EXPECT_EQ(h->database.rows("b"), count_to(20));
  EXPECT_THAT(alone, Not(::testing::Contains("b"))) << "its receipt has to say that it has ended";
  EXPECT_THAT(take_calls(), ::testing::Contains("begin b"));
}

TEST_F(EmptyStreams, OtherModesAndDestinationsHearOfEachStream) {
  const std::vector<std::string> all = {"begin a", "finish a true", "begin b", "finish b true",
                                        "begin c", "finish c true", "begin d", "finish d true"};
  mode(pipeline::WriteMode::kUpsert);
  ASSERT_TRUE(h->run().succeeded());
  EXPECT_EQ(take_calls(), all) << "upsert";
  mode(pipeline::WriteMode::kAppend);
  h->destination->own_role().features = {"reuse", "receipts"};
  ASSERT_TRUE(h->run().succeeded());
  EXPECT_EQ(take_calls(), all) << "without the feature";
  h->destination->own_role().features = {"reuse", "receipts", "empty-streams"};
  for (pipeline::StreamConfig& stream : h->pipeline.source.streams) {
    stream.sync_mode = pipeline::SyncMode::kIncremental;
    stream.cursor_field = "id";
  }
  ASSERT_TRUE(h->state->load_stream({"p", "a", ""}).ok());
  h->state = state::make_memory_state();
  ASSERT_TRUE(h->run().succeeded());
  EXPECT_EQ(take_calls(), all) << "incremental";
  EXPECT_THAT(alone, IsEmpty());
}

TEST_F(EmptyStreams, ASourceThatFailsLeavesTheDestinationAlone) {
  mode(pipeline::WriteMode::kReplace);
  fails = "b";
  h->pipeline.on_stream_error = pipeline::OnStreamError::kStop;
  const RunReport report = h->run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "BAD_ROW");
  EXPECT_EQ(report.failure->stage, Stage::kSource);
  EXPECT_THAT(take_calls(), ElementsAre("begin a", "finish a true"));
}

TEST_F(EmptyStreams, WhatTheDestinationSaysToTheEndIsTheStreamsFailure) {
  const auto finish = h->destination->script.finish_stream;
  h->destination->script.finish_stream = [&](const runtime::InstanceOptions& o, const json& ctx, bool ok) -> Status {
    if (ctx["stream_name"] == "c") return make_error(ErrorCategory::kSchema, "TARGET_NOT_A_TABLE", "a view");
    return finish(o, ctx, ok);
  };
  const RunReport report = h->run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "TARGET_NOT_A_TABLE");
  EXPECT_EQ(report.failure->stage, Stage::kDestination);
  EXPECT_TRUE(h->state->load_stream({"p", "c", ""})->load_in_progress);
}

}  // namespace
}  // namespace rapidbyte::engine
