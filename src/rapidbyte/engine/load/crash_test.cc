// Runs that were killed, and the next run: nothing lost, nothing doubled, nothing claimed too early.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::HasSubstr;

// As if the process had been killed between the destination's commit and the state's: the report of the commit gets
// lost.
TEST(Crash, BetweenCommitAndStateIsHealedByTheReceipt) {
  for (const int64_t commit : {0, 1, 3}) {
    SCOPED_TRACE(commit);
    DatabaseOptions destination;
    destination.after_commit = once(commit, make_error(ErrorCategory::kInternal, "KILLED", "killed here"));
    EngineHarness h({}, destination);
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    const auto committed = h.database.rows("numbers").size();
    const auto known = h.stream_state();
    const int64_t cursor = known.checkpoint_json ? json::parse(*known.checkpoint_json)["next"].get<int64_t>() : 0;
    EXPECT_LT(cursor, static_cast<int64_t>(committed));
    const RunReport second = h.run();
    ASSERT_TRUE(second.succeeded()) << why(second);
    EXPECT_TRUE(second.streams[0].resumed);
    EXPECT_EQ(second.rows_written(), 100 - committed);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
    EXPECT_EQ(second.streams[0].load_id, known.load_id);
  }
}

TEST(Crash, AtEveryBatchAndCommitLeavesEqualTablesInEveryMode) {
  using pipeline::WriteMode;
  for (const WriteMode mode : {WriteMode::kAppend, WriteMode::kUpsert, WriteMode::kReplace}) {
    for (int64_t at = 0; at < 11; ++at) {
      for (const int place : {0, 1, 2, 3}) {
        SCOPED_TRACE(::testing::Message() << to_string(mode) << " at " << at << " place " << place);
        const Status killed = make_error(ErrorCategory::kInternal, "KILLED", "killed here");
        CountingOptions source;
        DatabaseOptions destination;
        if (place == 0) source.before_batch = once(at, killed);
        if (place == 1) destination.before_write = once(at, killed);
        if (place == 2) destination.before_commit = once(at, killed);
        if (place == 3) destination.after_commit = once(at, killed);
        EngineHarness h(source, destination);
        h.pipeline.destination.write_mode = mode;
        h.pipeline.destination.primary_key = {"id"};
        RunReport report = h.run();
        if (!report.succeeded()) report = h.run();
        ASSERT_TRUE(report.succeeded()) << why(report);
        EXPECT_EQ(h.database.rows("numbers"), count_to(100));
      }
    }
  }
}

// The state forgets the newest checkpoints of a destination with receipts, however many there were.
TEST(Crash, APowerCutAtEveryBatchAndCommitLeavesEqualTablesInEveryMode) {
  using pipeline::WriteMode;
  for (const WriteMode mode : {WriteMode::kAppend, WriteMode::kUpsert, WriteMode::kReplace}) {
    for (int64_t at = 0; at < 11; ++at) {
      for (const int place : {0, 1, 2, 3}) {
        SCOPED_TRACE(::testing::Message() << to_string(mode) << " at " << at << " place " << place);
        const Status killed = make_error(ErrorCategory::kInternal, "KILLED", "killed here");
        CountingOptions source;
        DatabaseOptions destination;
        if (place == 0) source.before_batch = once(at, killed);
        if (place == 1) destination.before_write = once(at, killed);
        if (place == 2) destination.before_commit = once(at, killed);
        if (place == 3) destination.after_commit = once(at, killed);
        EngineHarness h(source, destination);
        h.pipeline.destination.write_mode = mode;
        h.pipeline.destination.primary_key = {"id"};
        const bool whole = h.run().succeeded();
        state::lose_relaxed_writes(*h.state);
        EXPECT_TRUE(h.stream_state().load_in_progress) << "nothing but the load's beginning has to be known";
        EXPECT_EQ(h.stream_state().checkpoint_json, std::nullopt);
        const RunReport report = h.run();
        ASSERT_TRUE(report.succeeded()) << why(report);
        EXPECT_EQ(h.database.rows("numbers"), count_to(100)) << (whole ? "only finished" : "resumed");
        EXPECT_FALSE(h.stream_state().load_in_progress);
      }
    }
  }
}

TEST(Crash, APowerCutLeavesTheOldCursorUntilTheReceiptIsSeen) {
  DatabaseOptions destination;
  destination.after_commit = once(3, make_error(ErrorCategory::kInternal, "KILLED", "killed here"));
  EngineHarness h({}, destination);
  h.make_incremental();
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  state::lose_relaxed_writes(*h.state);
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.database.rows("numbers"), count_to(100)) << "nothing is new";
}

TEST(Crash, APowerCutTakesNothingThatADestinationWithoutReceiptsHasTaken) {
  DatabaseOptions destination;
  destination.before_commit = once(4, make_error(ErrorCategory::kInternal, "KILLED", "killed here"));
  EngineHarness h({}, destination);
  std::erase(h.destination->own_role().features, "receipts");
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const state::StreamState before = h.stream_state();
  ASSERT_TRUE(before.checkpoint_json);
  state::lose_relaxed_writes(*h.state);
  EXPECT_EQ(h.stream_state().checkpoint_json, before.checkpoint_json);
  EXPECT_EQ(h.stream_state().rows_committed, before.rows_committed);
}

TEST(Crash, BeforeTheFinishIsFinishedWithoutReadingAgain) {
  EngineHarness h;
  const auto finish = h.destination->script.finish_stream;
  h.destination->script.finish_stream = [](auto&&...) {
    return make_error(ErrorCategory::kInternal, "KILLED", "killed");
  };
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  EXPECT_TRUE(h.stream_state().load_in_progress);
  h.destination->script.finish_stream = finish;
  h.source->script.read = [](auto&&...) -> Result<runtime::ReadSummary> {
    return internal_error("READ_AGAIN", "must not be called");
  };
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_TRUE(second.streams[0].resumed);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_FALSE(h.stream_state().load_in_progress);
}

// Streams that were completed before the end was cut off would be loaded a second time by the next run.
TEST(Crash, BetweenTheLastTwoStreamsOfARunDoublesNone) {
  CountingOptions source;
  source.streams = {"a", "b", "c"};
  EngineHarness h(source);
  h.pipeline.resources.parallelism = 1;
  const auto finish = h.destination->script.finish_stream;
  // The state does not end the load of c: it knows another one by then.
  h.destination->script.finish_stream = [&](const InstanceOptions& o, const json& c, bool commit) {
    const Status finished = finish(o, c, commit);
    if (o.stream == "c") {
      EXPECT_TRUE(h.writer()->begin_load({"p", "c", ""}, "another", false).ok());
    }
    return finished;
  };
  ASSERT_EQ(h.run().failure->error.code, "STATE_BACKEND");
  h.destination->script.finish_stream = finish;
  ASSERT_TRUE(h.writer()->reset("c").ok());
  h.database.tables["c"] = {};
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  for (const char* stream : {"a", "b", "c"}) EXPECT_EQ(h.database.rows(stream), count_to(100)) << stream;
}

TEST(Crash, ANewLoadDoesNotTakeTheOldLoadsEndForItsOwn) {
  EngineHarness h;
  h.make_incremental();
  ASSERT_TRUE(h.run().succeeded());
  // The second load is noted in the state, then nothing more happens.
  CountingOptions more;
  more.rows = 120;
  h.source->script = counting_source(more);
  const auto begin = h.destination->script.begin_stream;
  h.destination->script.begin_stream = [](auto&&...) {
    return make_error(ErrorCategory::kInternal, "KILLED", "killed");
  };
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.destination->script.begin_stream = begin;
  const RunReport third = h.run();
  ASSERT_TRUE(third.succeeded()) << why(third);
  EXPECT_EQ(h.database.rows("numbers"), count_to(120));
}

TEST(Crash, ALoadIntoAStagingTableIsNotResumedAsAnAppend) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.pipeline.destination.write_mode = pipeline::WriteMode::kAppend;
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100)) << "the staged rows are read again";
}

TEST(Crash, TheStagingTableOfAGivenUpReplaceIsRemoved) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  const auto finish = h.destination->script.finish_stream;
  std::vector<json> discarded;
  h.destination->script.finish_stream = [&, finish](const InstanceOptions& o, const json& ctx, bool succeeded) {
    if (!succeeded) discarded.push_back(ctx);
    // The first time the process dies before.
    return discarded.size() == 1 && !succeeded ? Status() : finish(o, ctx, succeeded);
  };
  const RunReport first = h.run();
  ASSERT_EQ(first.failure->error.code, "KILLED");
  ASSERT_FALSE(h.database.tables["numbers"].staging.empty());
  h.pipeline.destination.write_mode = pipeline::WriteMode::kAppend;
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_TRUE(h.database.tables["numbers"].staging.empty());
  ASSERT_EQ(discarded.size(), 2U);
  EXPECT_EQ(discarded[1]["write_mode"], "replace");
  EXPECT_EQ(discarded[1]["load_id"], first.streams[0].load_id);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(Crash, ALoadThatRestartsForLackOfAReceiptKeepsItsStartThroughFurtherFailures) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  h.make_incremental();
  h.destination->own_role().features.push_back("receipts");
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_FALSE(h.database.rows("numbers").empty());
  // Someone empties the destination; the load restarts, and is interrupted before its first commit.
  h.database.tables.clear();
  CountingOptions at_once;
  at_once.before_batch = once(0, make_error(ErrorCategory::kInternal, "KILLED", "killed again"));
  h.source->script = counting_source(at_once);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const RunReport third = h.run();
  ASSERT_TRUE(third.succeeded()) << why(third);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(Crash, RefusesToDoubleRowsOfASourceThatCannotResume) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  h.source->own_role().features = {};
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_FALSE(h.database.rows("numbers").empty());
  const RunReport second = h.run();
  ASSERT_EQ(second.outcome, Outcome::kFailed);
  EXPECT_EQ(second.failure->error.code, "RESUME_NOT_SUPPORTED");
  EXPECT_THAT(second.failure->error.message,
              HasSubstr("state reset " + h.pipeline.file.string() + " --stream numbers"));
  // With a key reading again is harmless.
  h.pipeline.destination.write_mode = pipeline::WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

}  // namespace
}  // namespace rapidbyte::engine
