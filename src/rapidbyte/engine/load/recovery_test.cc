// Interrupted runs, and the next attempt or run: nothing lost, nothing doubled, nothing claimed too early.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using runtime::InstanceOptions;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(Crash, ALoadIntoAStagingTableIsNotGoneOnWithAsAnAppend) {
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

TEST(Crash, ALoadThatBeginsAgainForWantOfAReceiptKeepsItsStartThroughFurtherFailures) {
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

std::vector<json> dlq_lines(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(Dlq, HoldsEveryRejectedRecordBeforeTheCommitThatCoversIt) {
  EngineHarness* harness = nullptr;
  DatabaseOptions destination;
  destination.rejects = [](int64_t id) { return id % 10 == 3; };
  destination.before_commit = [&](const InstanceOptions&, int64_t commit) {
    // Aligned commits come every two batches, each with two rejected rows.
    for (const auto& entry : std::filesystem::directory_iterator(harness->folder / ".rapidbyte" / "dlq")) {
      EXPECT_GE(dlq_lines(entry.path()).size(), static_cast<size_t>(std::min<int64_t>(commit + 1, 5)) * 2);
    }
    return Status();
  };
  EngineHarness h({}, destination);
  harness = &h;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.rows_written(), 90U);
  EXPECT_EQ(report.rows_rejected(), 10U);
  EXPECT_EQ(report.dlq_records, 10U);
  EXPECT_EQ(report.dlq_path, h.folder / ".rapidbyte" / "dlq" / ("p-" + report.run_id + ".ndjson"));
  const auto lines = dlq_lines(report.dlq_path);
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_EQ(lines[0]["record"]["id"], 3);
  EXPECT_EQ(lines[0]["stream"], "numbers");
  EXPECT_EQ(lines[0]["connector"], "fake-destination");
  EXPECT_EQ(lines[0]["run_id"], report.run_id);
}

TEST(Dlq, GoesIntoAFilePerRunOfAFolderOrAppendsToAFile) {
  DatabaseOptions destination;
  destination.rejects = [](int64_t id) { return id == 50; };
  EngineHarness h({}, destination);
  h.pipeline.dlq.path = h.folder / "rejected" / "";
  h.pipeline.dlq.max_bytes = 300;
  for (int run = 0; run < 3; ++run) {
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.dlq_path, h.folder / "rejected" / ("p-" + report.run_id + ".ndjson"));
    EXPECT_EQ(dlq_lines(report.dlq_path).size(), 1U);
  }
  h.pipeline.dlq.path = "rejected.ndjson";
  for (size_t run = 1; run <= 3; ++run) {
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.dlq_path, h.folder / "rejected.ndjson") << "beside the pipeline file";
    EXPECT_EQ(dlq_lines(report.dlq_path).size(), run);
  }
}

TEST(Dlq, EndsTheRunAtItsCapEvenIfTheGuestIgnoresTheError) {
  DatabaseOptions destination;
  destination.rejects = [](int64_t) { return true; };
  EngineHarness h({}, destination);
  h.pipeline.dlq.max_bytes = 1000;
  const RunReport report = h.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->stage, Stage::kRejected);
  EXPECT_EQ(report.failure->error.code, "DLQ_FULL");
  EXPECT_NE(report.failure->error.message.find("fake-destination, stream numbers: "), std::string::npos) << why(report);
  EXPECT_GT(report.dlq_records, 0U);
  EXPECT_EQ(report.rows_rejected(), report.dlq_records) << "a record that is in no file is not rejected";

  EngineHarness deaf;
  deaf.pipeline.dlq.max_bytes = 1000;
  const auto read = deaf.source->script.read;
  deaf.source->script.read = [read](const InstanceOptions& o, const json& ctx) {
    for (int i = 0; i < 50; ++i) (void)o.services->emit_dlq_record({"numbers", "{}", "refused", "data"});
    return read(o, ctx);
  };
  EXPECT_EQ(deaf.run().failure->error.code, "DLQ_FULL");
  EXPECT_TRUE(deaf.database.rows("numbers").empty()) << "rows behind a lost record must not be committed";
  EXPECT_TRUE(deaf.stream_state().load_in_progress);
}

TEST(Dlq, ThatCannotBeWrittenEndsTheRun) {
  DatabaseOptions destination;
  destination.rejects = [](int64_t id) { return id == 50; };
  EngineHarness h({}, destination);
  std::ofstream(h.folder / "file") << "x";
  h.pipeline.dlq.path = h.folder / "file" / "dlq.ndjson";
  const RunReport report = h.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->error.code, "DLQ_WRITE_FAILED");
  EXPECT_EQ(report.failure->stage, Stage::kState);
  EXPECT_EQ(report.rows_rejected(), 0U);
}

TEST(Limit, WritesTheFirstRowsAndLeavesTheStateAlone) {
  for (const uint64_t limit : {uint64_t{0}, uint64_t{1}, uint64_t{10}, uint64_t{25}, uint64_t{100}, uint64_t{1000}}) {
    SCOPED_TRACE(limit);
    EngineHarness h;
    h.options.mode = RunMode::limited(limit);
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    const auto rows = std::min<uint64_t>(limit, 100);
    EXPECT_EQ(h.database.rows("numbers"), count_to(static_cast<int64_t>(rows)));
    EXPECT_EQ(report.rows_written(), rows);
    EXPECT_EQ(h.stream_state().load_id, "");
    EXPECT_FALSE(h.stream_state().checkpoint_json.has_value());
    EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers", "finish numbers true"));
  }
}

TEST(Limit, StillFailsWhenTheDestinationDoes) {
  DatabaseOptions destination;
  destination.before_commit = once(0, make_error(ErrorCategory::kData, "NO_SPACE", "disk full"));
  EngineHarness h({}, destination);
  h.options.mode = RunMode::limited(5);
  const RunReport report = h.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->error.code, "NO_SPACE");
}

TEST(Limit, IsRefusedWhileALoadIsUnderWay) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  ASSERT_FALSE(h.run().succeeded());
  const auto rows = h.database.rows("numbers");
  h.options.mode = RunMode::limited(5);
  EXPECT_EQ(h.run().failure->error.code, "LOAD_IN_PROGRESS");
  EXPECT_EQ(h.database.rows("numbers"), rows);
}

TEST(Limit, IsNotRefusedWhereItsRowsDoNotMixWithTheLoadThatIsUnderWay) {
  for (const bool committed : {false, true}) {
    for (const bool receipts : {false, true}) {
      SCOPED_TRACE(std::string(committed ? "committed" : "nothing committed") + (receipts ? ", receipts" : ""));
      CountingOptions source;
      source.primary_key = {"id"};
      bool breaks = true;
      source.before_batch = [&](const InstanceOptions&, int64_t batch) {
        return breaks && batch == (committed ? 7 : 0) ? make_error(ErrorCategory::kInternal, "KILLED", "killed")
                                                      : Status();
      };
      EngineHarness h(source);
      h.pipeline.destination.write_mode = pipeline::WriteMode::kUpsert;
      h.pipeline.destination.primary_key = {"id"};
      if (!receipts) std::erase(h.destination->own_role().features, "receipts");
      ASSERT_FALSE(h.run().succeeded());
      ASSERT_EQ(h.stream_state().committed, committed);
      breaks = false;
      h.options.mode = RunMode::limited(5);
      const RunReport limited = h.run();
      if (committed && !receipts) {
        // It would resume in the middle, behind rows that these could have changed back.
        ASSERT_EQ(limited.failure->error.code, "LOAD_IN_PROGRESS");
        EXPECT_THAT(limited.failure->error.message, HasSubstr("--dry-run --limit 5"));
      } else {
        EXPECT_TRUE(limited.succeeded()) << why(limited);
        EXPECT_TRUE(h.stream_state().load_in_progress) << "it stays as it was";
      }
      h.options.mode = RunMode();
      const RunReport rest = h.run();
      ASSERT_TRUE(rest.succeeded()) << why(rest);
      EXPECT_EQ(h.database.rows("numbers"), count_to(100));
    }
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

TEST(Limit, RefusesABatchThatIsNoArrow) {
  EngineHarness h;
  h.source->script.read = [](const InstanceOptions& o, const json&) -> Result<runtime::ReadSummary> {
    BufferPool pool(0);
    PooledBuffer junk = pool.acquire(100);
    std::fill_n(junk.data(), junk.size(), std::byte{0x41});
    RB_RETURN_NOT_OK(o.services->emit_batch(junk.bytes()));
    return runtime::ReadSummary{};
  };
  h.options.mode = RunMode::limited(5);
  EXPECT_EQ(h.run().failure->error.code, "INVALID_BATCH");
}

TEST(Limit, StopsASourceThatDoesNotNotice) {
  CountingOptions source;
  source.before_batch = [](const InstanceOptions& o, int64_t batch) {
    // Waits for something that never comes, as a source at a silent socket does.
    Gate never;
    return batch == 1 ? never.wait(o.cancel) : Status();
  };
  EngineHarness h(source);
  h.options.mode = RunMode::limited(10);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(10));
}

}  // namespace
}  // namespace rapidbyte::engine
