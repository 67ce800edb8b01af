#include "rapidbyte/engine/orchestrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <span>
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

TEST(RunPipeline, MovesEveryRowAndReportsIt) {
  EngineHarness h;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  ASSERT_EQ(report.streams.size(), 1U);
  EXPECT_EQ(report.streams[0].rows_read, 100U);
  EXPECT_EQ(report.streams[0].rows_written, 100U);
  EXPECT_EQ(report.streams[0].batches, 10U);
  EXPECT_GE(report.streams[0].checkpoints, 5U);
  EXPECT_EQ(report.streams[0].outcome, Outcome::kSucceeded);
  EXPECT_FALSE(report.streams[0].resumed);
  EXPECT_EQ(report.peak_guest_memory_bytes, 65536U);
  EXPECT_GT(report.peak_resident_bytes, 0U);
  EXPECT_TRUE(report.dlq_path.empty());
  EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers", "finish numbers true"));
}

TEST(RunPipeline, ClosesEveryInstanceOnceAndTellsTheObserverInOrder) {
  EngineHarness h;
  ASSERT_TRUE(h.run().succeeded());
  // Discovery, then the stream.
  EXPECT_EQ(h.source->instances, 2);
  EXPECT_EQ(h.source->closed, 2);
  EXPECT_EQ(h.destination->instances, 1);
  EXPECT_EQ(h.destination->closed, 1);
  const auto events = h.observer.events();
  EXPECT_EQ(events.front(), "run 1");
  EXPECT_EQ(events[1], "start numbers");
  EXPECT_EQ(events.back(), "done succeeded");
  EXPECT_THAT(events, Contains("commit numbers 100"));
  EXPECT_EQ(h.observer.last_progress()["numbers"].rows_written, 100U);
  EXPECT_EQ(h.observer.last_progress()["numbers"].rows_committed, 100U);
}

TEST(RunPipeline, BatchesMoveOnlyInTheRunFunctions) {
  // A destination that asked for a batch in open waited for a source that had not been started, for ever: no deadline
  // ends a wait in the host.
  EngineHarness h;
  std::vector<std::string> codes;
  std::mutex mutex;
  const auto try_batches = [&](const InstanceOptions& o) {
    const auto taken = o.services->next_batch();
    const Status sent = o.services->emit_batch(std::as_bytes(std::span("batch", 5)));
    const std::lock_guard lock(mutex);
    codes.push_back(taken.ok() ? "taken" : taken.error().code);
    codes.push_back(sent.ok() ? "sent" : sent.error().code);
    return Status();
  };
  h.source->script.open = try_batches;
  h.destination->script.open = try_batches;
  h.source->script.close = try_batches;
  h.destination->script.close = try_batches;
  const auto begin = h.destination->script.begin_stream;
  h.destination->script.begin_stream = [&](const InstanceOptions& o, const json& ctx) {
    (void)try_batches(o);
    return begin(o, ctx);
  };
  const auto finish = h.destination->script.finish_stream;
  h.destination->script.finish_stream = [&](const InstanceOptions& o, const json& ctx, bool succeeded) {
    (void)try_batches(o);
    return finish(o, ctx, succeeded);
  };
  const RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kSucceeded) << why(report);
  EXPECT_GE(codes.size(), 12U);
  for (const std::string& code : codes) EXPECT_TRUE(code == "NO_RECEIVER" || code == "NO_SENDER") << code;
}

TEST(RunPipeline, NotesTheLoadAndTheRunInTheState) {
  EngineHarness h;
  const RunReport report = h.run();
  const state::StreamState stream = h.stream_state();
  EXPECT_FALSE(stream.load_in_progress);
  EXPECT_EQ(stream.load_id, report.streams[0].load_id);
  EXPECT_EQ(stream.rows_committed, 100U);
  const json checkpoint = json::parse(stream.checkpoint_json.value());
  EXPECT_EQ(checkpoint["end"], true);
  EXPECT_EQ(checkpoint["load_id"], stream.load_id);
  EXPECT_EQ(checkpoint["next"], 100);
  const auto runs = h.state->recent_runs("p", 10);
  ASSERT_EQ(runs->size(), 1U);
  EXPECT_EQ((*runs)[0].outcome, "succeeded");
  EXPECT_EQ((*runs)[0].rows_written, 100U);
}

TEST(RunPipeline, NeverMovesTheCursorBeforeTheCommitThatCoversIt) {
  // At each commit the state may cover only what was committed before.
  EngineHarness* harness = nullptr;
  std::vector<std::pair<size_t, int64_t>> seen;  // rows in the database, cursor in the state
  const auto look = [&](const InstanceOptions&, int64_t) {
    const auto rows = harness->database.rows("numbers").size();
    const auto stream = harness->stream_state();
    const int64_t next = stream.checkpoint_json ? json::parse(*stream.checkpoint_json)["next"].get<int64_t>() : 0;
    seen.emplace_back(rows, next);
    return Status();
  };
  DatabaseOptions destination;
  destination.before_commit = look;
  destination.after_commit = look;
  EngineHarness h({}, destination);
  harness = &h;
  ASSERT_TRUE(h.run().succeeded());
  ASSERT_GE(seen.size(), 10U);
  for (const auto& [rows, next] : seen) EXPECT_LE(next, static_cast<int64_t>(rows));
}

TEST(RunPipeline, MakesTheEndDurableForADestinationThatReportsNothing) {
  EngineHarness h;
  h.destination->protocol_ = "2.0.0";
  h.destination->script.write = [](const InstanceOptions& instance, const json& ctx) -> Result<runtime::WriteSummary> {
    EXPECT_FALSE(ctx.contains("run_id"));
    runtime::WriteSummary summary;
    while (true) {
      RB_ASSIGN_OR_RETURN(const auto batch, instance.services->next_batch());
      if (!batch) return summary;
      summary.records_written += ids_of(batch->bytes()).size();
    }
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(json::parse(h.stream_state().checkpoint_json.value())["next"], 100);
  EXPECT_FALSE(h.stream_state().load_in_progress);
}

TEST(RunPipeline, ReadsAnIncrementalStreamFromItsCursorOn) {
  CountingOptions source;
  source.rows = 40;
  EngineHarness h(source);
  h.make_incremental();
  ASSERT_TRUE(h.run().succeeded());
  source.rows = 70;
  h.source->script = counting_source(source);
  RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.streams[0].rows_written, 30U);
  EXPECT_EQ(h.database.rows("numbers"), count_to(70));
  // Nothing new, and a source that sends no checkpoint then: the cursor stays.
  source.checkpoint_every = 0;
  h.source->script = counting_source(source);
  for (int i = 0; i < 2; ++i) {
    report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.streams[0].rows_written, 0U);
  }
  EXPECT_EQ(h.database.rows("numbers"), count_to(70));
}

TEST(RunPipeline, ReplacesATableAtTheEndOnly) {
  CountingOptions source;
  EngineHarness h(source);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  std::vector<int64_t> before = {7, 7};
  h.database.tables["numbers"].rows = before;
  source.before_batch = [&](const InstanceOptions&, int64_t) {
    EXPECT_EQ(h.database.rows("numbers"), before);
    return Status();
  };
  h.source->script = counting_source(source);
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  before = count_to(100);
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(RunPipeline, LeavesTheOldTableWhenAReplaceFails) {
  CountingOptions source;
  source.before_batch = [](const InstanceOptions&, int64_t batch) {
    return batch == 7 ? make_error(ErrorCategory::kData, "BAD_ROW", "row 71 is bad") : Status();
  };
  EngineHarness h(source);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  h.database.tables["numbers"].rows = {7};
  const RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.rows_written(), 0U);
  EXPECT_EQ(h.database.rows("numbers"), (std::vector<int64_t>{7}));
  EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers", "finish numbers false"));
}

TEST(RunPipeline, ReportsTheErrorOfTheStageThatFailedFirst) {
  struct Case {
    const char* name;
    bool source_fails;
    Stage stage;
  };
  for (const Case& c : {Case{"source", true, Stage::kSource}, Case{"destination", false, Stage::kDestination}}) {
    SCOPED_TRACE(c.name);
    CountingOptions source;
    DatabaseOptions destination;
    const auto fail = [&](const InstanceOptions&, int64_t batch) {
      return batch == 3 ? make_error(ErrorCategory::kData, "FIRST", "the first error") : Status();
    };
    (c.source_fails ? source.before_batch : destination.before_write) = fail;
    EngineHarness h(source, destination);
    h.pipeline.resources.max_inflight_batches = 1;
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->stage, c.stage);
    EXPECT_EQ(report.failure->error.code, "FIRST");
    EXPECT_EQ(h.source->closed, 2);
    EXPECT_EQ(h.destination->closed, 1);
    // An append is not discarded: the next run resumes it.
    EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers"));
  }
}

TEST(RunPipeline, SaysWhichStageAndCodeForFailuresBeforeTheStages) {
  struct Case {
    const char* name;
    std::function<void(EngineHarness&)> spoil;
    Stage stage;
    const char* code;
  };
  const auto refuse = [](auto&&...) { return make_error(ErrorCategory::kAuth, "REFUSED", "no"); };
  const std::vector<Case> cases = {
      {"no connector", [](EngineHarness& h) { h.pipeline.source.use = "nope"; }, Stage::kConnector,
       "CONNECTOR_NOT_FOUND"},
      {"source does not open", [&](EngineHarness& h) { h.source->script.open = refuse; }, Stage::kSource, "REFUSED"},
      {"discovery fails",
       [&](EngineHarness& h) { h.source->script.discover = [&](auto&) { return Result<std::string>(refuse()); }; },
       Stage::kSource, "REFUSED"},
      {"no catalog",
       [](EngineHarness& h) {
         h.source->script.discover = [](auto&) { return Result<std::string>(std::string("[1]")); };
       },
       Stage::kSource, "CATALOG_INVALID"},
      {"destination does not open", [&](EngineHarness& h) { h.destination->script.open = refuse; }, Stage::kDestination,
       "REFUSED"},
      {"begin-stream fails", [&](EngineHarness& h) { h.destination->script.begin_stream = refuse; },
       Stage::kDestination, "REFUSED"},
      {"finish-stream fails", [&](EngineHarness& h) { h.destination->script.finish_stream = refuse; },
       Stage::kDestination, "REFUSED"},
      {"unknown stream", [](EngineHarness& h) { h.pipeline.source.streams[0].name = "numbrs"; }, Stage::kConfig,
       "UNKNOWN_STREAM"},
      {"unknown stream asked for", [](EngineHarness& h) { h.options.streams = {"x"}; }, Stage::kConfig,
       "UNKNOWN_STREAM"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EngineHarness h;
    c.spoil(h);
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->stage, c.stage) << why(report);
    EXPECT_EQ(report.failure->error.code, c.code);
    EXPECT_EQ(h.source->closed, h.source->instances);
    EXPECT_EQ(h.destination->closed, h.destination->instances);
  }
}

TEST(RunPipeline, TheSourceReadsWhileTheDestinationBeginsTheStream) {
  std::promise<void> reading;
  CountingOptions source;
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch == 0) reading.set_value();
    return Status();
  };
  EngineHarness h(source);
  h.destination->script.begin_stream = [&, begin = h.destination->script.begin_stream](const InstanceOptions& options,
                                                                                       const json& context) {
    if (reading.get_future().wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
      return internal_error("WAITED", "the source waits for begin-stream");
    }
    return begin(options, context);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(RunPipeline, AStreamThatWasNotBegunIsNotFinished) {
  EngineHarness h;
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  h.destination->script.begin_stream = [](auto&&...) { return make_error(ErrorCategory::kAuth, "REFUSED", "no"); };
  int finished = 0;
  h.destination->script.finish_stream = [&](auto&&...) {
    ++finished;
    return Status();
  };
  EXPECT_EQ(h.run().failure->error.code, "REFUSED");
  EXPECT_EQ(finished, 0);
}

TEST(RunPipeline, ACheckpointOfTheWrongKindIsRefusedAndNamesItsConnector) {
  using runtime::CheckpointKind;
  const auto check = [](const std::string& connector, const auto& with_wrong_kind) {
    SCOPED_TRACE(connector);
    EngineHarness h;
    Status answer;
    with_wrong_kind(h, [&answer](const InstanceOptions& o, CheckpointKind kind) {
      answer = o.services->checkpoint(kind, {});
      return answer;
    });
    (void)h.run();
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, "INVALID_CHECKPOINT_KIND");
    EXPECT_EQ(answer.error().message.rfind(connector + ": a ", 0), 0U) << answer.error().message;
  };
  check("fake-source", [](EngineHarness& h, auto send) {
    h.source->script.read = [=](const InstanceOptions& o, const json&) -> Result<runtime::ReadSummary> {
      return send(o, CheckpointKind::kDestination);
    };
  });
  check("fake-destination", [](EngineHarness& h, auto send) {
    h.destination->script.write = [=](const InstanceOptions& o, const json&) -> Result<runtime::WriteSummary> {
      return send(o, CheckpointKind::kSource);
    };
  });
  check("pass", [](EngineHarness& h, auto send) {
    Script pass;
    pass.transform = [=](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
      return send(o, CheckpointKind::kSource);
    };
    h.runtime.add("pass", runtime::ConnectorRole::kTransform, pass);
    pipeline::ConnectorUse use;
    use.use = "pass";
    h.pipeline.transforms.push_back(use);
  });
}

TEST(RunPipeline, ReportsWhichStageBoundsTheLoad) {
  DatabaseOptions slow;
  slow.before_write = [](const InstanceOptions&, int64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Status();
  };
  EngineHarness h({}, slow);
  h.pipeline.resources.max_inflight_batches = 1;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  ASSERT_EQ(report.streams[0].stages.size(), 2U);
  const StageUsage& source = report.streams[0].stages[0];
  const StageUsage& destination = report.streams[0].stages[1];
  EXPECT_EQ(source.stage, "source");
  EXPECT_EQ(source.connector, "fake-source");
  EXPECT_EQ(destination.stage, "destination");
  EXPECT_GE(destination.busy(), std::chrono::milliseconds(50)) << "10 batches";
  EXPECT_GE(source.waiting_output, std::chrono::milliseconds(30));
  EXPECT_LT(source.busy(), destination.busy());
  EXPECT_GE(source.total, source.waiting_output);
  // Nothing is counted twice.
  EXPECT_LE(destination.total, std::chrono::duration<double>(report.seconds));
}

TEST(RunPipeline, RunsStreamsSideBySide) {
  CountingOptions source;
  source.streams = {"a", "b", "c"};
  Gate both;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch != 0) return Status();
    most = std::max(most.load(), ++running);
    if (running >= 2) both.open();
    return both.wait(CancelToken());
  };
  EngineHarness h(source);
  h.pipeline.resources.parallelism = 2;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(h.database.rows(name), count_to(100));
  EXPECT_EQ(report.streams[2].stream, "c");
  EXPECT_EQ(report.rows_written(), 300U);
}

TEST(RunPipeline, RunsOneStreamAtATimeForASingleWriter) {
  CountingOptions source;
  source.streams = {"a", "b"};
  std::atomic<int> open{0};
  EngineHarness h(source);
  h.destination->own_role().features = {"single-writer"};
  h.destination->script.instantiate = [&](const InstanceOptions&) {
    EXPECT_EQ(h.destination->alive, 0);
    return Status();
  };
  h.pipeline.resources.parallelism = 4;
  EXPECT_TRUE(h.run().succeeded());
}

TEST(RunPipeline, LetsRunningStreamsFinishWhenOneFailsAndStartsNoOther) {
  CountingOptions source;
  source.streams = {"bad", "good", "late"};
  Gate failed;
  source.before_batch = [&](const InstanceOptions& instance, int64_t batch) {
    if (instance.stream == "bad" && batch == 2) {
      failed.wait_for_guest();  // or "good" might not have been started yet, and then would not be
      return make_error(ErrorCategory::kData, "BAD_ROW", "bad");
    }
    if (instance.stream == "good" && batch == 2) return failed.wait(instance.cancel);
    return Status();
  };
  EngineHarness h(source);
  h.pipeline.on_stream_error = pipeline::OnStreamError::kStop;
  h.pipeline.resources.parallelism = 2;
  std::thread opener([&] {
    failed.wait_for_guest();
    while (true) {
      const auto events = h.observer.events();
      if (std::find(events.begin(), events.end(), "end bad failed") != events.end()) break;
      std::this_thread::sleep_for(1ms);
    }
    failed.open();
  });
  const RunReport report = h.run();
  opener.join();
  EXPECT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->error.code, "BAD_ROW");
  EXPECT_EQ(report.streams[0].outcome, Outcome::kFailed);
  EXPECT_EQ(report.streams[1].outcome, Outcome::kSucceeded);
  EXPECT_EQ(report.streams[2].outcome, Outcome::kNotStarted);
  EXPECT_EQ(h.database.rows("good"), count_to(100));
}

TEST(RunPipeline, RefusesToRunAPipelineTwiceAtATime) {
  EngineHarness h;
  auto lease = h.state->acquire_lease("p", "other");
  const RunReport report = h.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->stage, Stage::kState);
  EXPECT_EQ(report.failure->error.code, "PIPELINE_LOCKED");
  EXPECT_EQ(h.source->instances, 0);
  lease->reset();
  EXPECT_TRUE(h.run().succeeded());
  EXPECT_TRUE(h.run().succeeded()) << "the lease must end with the run";
}

TEST(RunPipeline, GivesStreamOptionsToSourcesThatWantThem) {
  EngineHarness h;
  h.source->own_role().features = {"stream-options", "resume"};
  h.pipeline.source.config = {{"folder", "data"}};
  h.pipeline.source.streams[0].options = {{"path", "x.csv"}};
  json open_config, read_ctx;
  h.source->script.open = [&](const InstanceOptions& o) {
    open_config = o.config;
    return Status();
  };
  const auto read = h.source->script.read;
  h.source->script.read = [&, read](const InstanceOptions& o, const json& ctx) {
    read_ctx = ctx;
    return read(o, ctx);
  };
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(
      open_config,
      json::parse(R"({"folder":"data","streams":[{"name":"numbers","sync_mode":"full_refresh","path":"x.csv"}]})"));
  EXPECT_EQ(read_ctx["stream_options"]["path"], "x.csv");
  EXPECT_EQ(read_ctx["schema"]["columns"][0]["name"], "id");
  EXPECT_EQ(read_ctx["pipeline"], "p");
  EXPECT_FALSE(read_ctx["load_id"].get<std::string>().empty());
  EXPECT_TRUE(read_ctx["resume"].is_null());
}

TEST(RunPipeline, ReadsWhatTheCatalogHasWhenNoStreamIsNamed) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness h(source);
  h.pipeline.source.streams.clear();
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.database.rows("a"), count_to(100));
  EXPECT_EQ(h.database.rows("b"), count_to(100));
  h.options.streams = {"b"};
  EXPECT_EQ(h.run().streams.size(), 1U);
  h.options.streams = {"[bx]"};
  const RunReport some = h.run();
  ASSERT_EQ(some.streams.size(), 1U) << why(some);
  EXPECT_EQ(some.streams[0].stream, "b");
  h.options.streams = {"[ab]", "xyz*"};
  EXPECT_THAT(h.run().failure->error.message, HasSubstr("has no stream that matches 'xyz*'; known are a, b"));
}

TEST(RunPipeline, KeepsAGuestsExceptionInItsThread) {
  EngineHarness h;
  h.source->script.read = [](const InstanceOptions&, const json&) -> Result<runtime::ReadSummary> {
    throw std::bad_alloc();
  };
  const RunReport report = h.run();
  EXPECT_EQ(report.failure->error.code, "STAGE_FAILED");
}

}  // namespace
}  // namespace rapidbyte::engine
