// Streams that are read in partitions: several sources and destinations for one table, with the planning instance open
// over all of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace rapidbyte::engine::testing;
using pipeline::WriteMode;
using runtime::InstanceOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CountingOptions in_parts(int64_t partitions) {
  CountingOptions options;
  options.partitions = partitions;
  options.primary_key = {"id"};
  return options;
}

Script passing_transform() {
  Script pass;
  pass.transform = [](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
    runtime::TransformSummary summary;
    while (true) {
      RB_ASSIGN_OR_RETURN(auto batch, o.services->next_batch());
      if (!batch) return summary;
      const auto ids = ids_of(batch->bytes());
      summary.records_in += ids.size();
      summary.records_out += ids.size();
      RB_RETURN_NOT_OK(o.services->emit_batch(batch->bytes()));
    }
  };
  return pass;
}

/// A pipeline whose both sides know partitions: four at a time, mode replace.
class PartitionHarness : public EngineHarness {
 public:
  explicit PartitionHarness(CountingOptions source_options = in_parts(4), DatabaseOptions destination_options = {})
      : EngineHarness(std::move(source_options), std::move(destination_options)) {
    pipeline.resources.parallelism = 4;
    pipeline.destination.write_mode = WriteMode::kReplace;
    destination->own_role().features = {"receipts", "partitioned"};
    const auto plan = source->script.plan_partitions;
    source->script.plan_partitions = [this, plan](const InstanceOptions& o, const json& ctx, uint32_t want) {
      ++asked;
      wanted = want;
      return plan(o, ctx, want);
    };
  }

  std::vector<int64_t> sorted_rows(const std::string& stream = "numbers") {
    std::vector<int64_t> rows = database.rows(stream);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  /// As if another run had committed these rows before.
  void put_rows(std::vector<int64_t> rows) {
    const std::lock_guard lock(database.mutex);
    database.tables["numbers"].rows = std::move(rows);
  }

  std::atomic<int> asked{0};
  std::atomic<uint32_t> wanted{0};
};

TEST(Partitions, EveryRowArrivesOnceThroughSeveralLanes) {
  PartitionHarness h;
  std::mutex mutex;
  std::vector<json> read_contexts, write_contexts;
  const auto read = h.source->script.read;
  h.source->script.read = [&, read](const InstanceOptions& o, const json& ctx) {
    {
      const std::lock_guard lock(mutex);
      read_contexts.push_back(ctx);
    }
    return read(o, ctx);
  };
  const auto write = h.destination->script.write;
  h.destination->script.write = [&, write](const InstanceOptions& o, const json& ctx) {
    {
      const std::lock_guard lock(mutex);
      write_contexts.push_back(ctx);
    }
    return write(o, ctx);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.sorted_rows(), count_to(100));
  EXPECT_EQ(report.streams[0].rows_read, 100U);
  EXPECT_EQ(report.streams[0].rows_written, 100U);
  EXPECT_EQ(report.streams[0].partitions, 4U);
  EXPECT_EQ(h.observer.last_progress()["numbers"].rows_written, 100U);
  EXPECT_EQ(h.observer.last_progress()["numbers"].rows_committed, 100U);
  EXPECT_EQ(h.wanted, 4U);

  // The destination hears of begin and end once, from an instance of its own; each part has its own instances.
  EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers", "finish numbers true"));
  EXPECT_EQ(h.database.begin_contexts[0]["partition"], nullptr);
  EXPECT_EQ(h.source->instances, 1 + 1 + 4) << "discovery, planning, and one for each partition";
  EXPECT_EQ(h.destination->instances, 1 + 4);
  std::set<std::string> source_parts, destination_parts, load_ids;
  for (const json& ctx : read_contexts) source_parts.insert(ctx["partition"].dump());
  for (const json& ctx : write_contexts) {
    destination_parts.insert(ctx["partition"].dump());
    load_ids.insert(ctx["load_id"].get<std::string>());
  }
  EXPECT_THAT(source_parts, ElementsAre(R"({"from":0,"to":25})", R"({"from":25,"to":50})", R"({"from":50,"to":75})",
                                        R"({"from":75,"to":100})"));
  EXPECT_THAT(destination_parts, ElementsAre(R"({"count":4,"index":0})", R"({"count":4,"index":1})",
                                             R"({"count":4,"index":2})", R"({"count":4,"index":3})"));
  EXPECT_EQ(load_ids.size(), 1U);

  const state::StreamState state = h.stream_state();
  EXPECT_FALSE(state.load_in_progress);
  EXPECT_EQ(state.rows_committed, 100U);
}

TEST(Partitions, MorePartsThanLanesAreReadInTurns) {
  CountingOptions source = in_parts(9);
  std::atomic<int> reading{0}, most{0};
  PartitionHarness h(source);
  const auto read = h.source->script.read;
  h.source->script.read = [&, read](const InstanceOptions& o, const json& ctx) {
    const int now = ++reading;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    auto summary = read(o, ctx);
    --reading;
    return summary;
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.sorted_rows(), count_to(100));
  EXPECT_EQ(report.streams[0].partitions, 9U);
  EXPECT_LE(most, 4);
}

TEST(Partitions, ThePlanningInstanceStaysOpenUntilEveryPartHasBeenRead) {
  PartitionHarness h;
  std::atomic<const InstanceOptions*> planner{nullptr};
  std::atomic<int> read_parts{0};
  int read_when_closed = -1;
  h.source->script.plan_partitions = [&, plan = h.source->script.plan_partitions](const InstanceOptions& o,
                                                                                  const json& ctx, uint32_t want) {
    planner = &o;
    return plan(o, ctx, want);
  };
  h.source->script.read = [&, read = h.source->script.read](const InstanceOptions& o, const json& ctx) {
    auto summary = read(o, ctx);
    ++read_parts;
    return summary;
  };
  h.source->script.close = [&](const InstanceOptions& o) {
    if (planner == &o) read_when_closed = read_parts;
    return Status();
  };
  bool open_at_finish = true;
  h.destination->script.finish_stream = [&, finish = h.destination->script.finish_stream](
                                            const InstanceOptions& o, const json& ctx, bool succeeded) {
    open_at_finish = read_when_closed < 0;
    return finish(o, ctx, succeeded);
  };
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(read_when_closed, 4);
  EXPECT_FALSE(open_at_finish) << "a swap may take long, and nobody needs the snapshot then";
}

TEST(Partitions, ALaneThatFailsEndsTheOthersAndAllRestart) {
  CountingOptions source = in_parts(4);
  source.rows = 4000;
  std::atomic<int> failures{0};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch == 5 && failures.fetch_add(1) == 0) {
      ConnectorError error = make_error(ErrorCategory::kTransientDb, "CONNECTION_LOST", "the server went away").error();
      error.retryable = true;
      return error;
    }
    return {};
  };
  PartitionHarness h(source);
  h.put_rows({-1, -2});
  h.pipeline.resources.checkpoint_interval_bytes = 1;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.sorted_rows(), count_to(4000));
  EXPECT_EQ(report.streams[0].retries, 1U);
  EXPECT_EQ(report.streams[0].rows_written, 4000U);
  EXPECT_THAT(h.database.seen_calls(),
              ElementsAre("begin numbers", "finish numbers false", "begin numbers", "finish numbers true"));
  EXPECT_EQ(h.asked, 2) << "the second attempt has a snapshot of its own";
}

TEST(Partitions, AnotherAttemptAtAnUpsertIsALoadOfItsOwn) {
  CountingOptions source = in_parts(4);
  std::atomic<int> failures{0};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch < 2 || failures.fetch_add(1) > 0) return {};
    ConnectorError error = make_error(ErrorCategory::kTransientDb, "CONNECTION_LOST", "the server went away").error();
    error.retryable = true;
    return error;
  };
  PartitionHarness h(source);
  h.pipeline.destination.write_mode = WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.sorted_rows(), count_to(100));
  ASSERT_EQ(h.database.begin_contexts.size(), 2U);
  // The parts of the first attempt have left receipts, perhaps also that of the part that failed.
  EXPECT_NE(h.database.begin_contexts[0]["load_id"], h.database.begin_contexts[1]["load_id"]);
}

TEST(Partitions, AFailureLeavesTheOldTableAndEndsTheOtherLanes) {
  CountingOptions source = in_parts(4);
  source.rows = 100'000;
  // 2,500 batches for each lane: 2.5 s, if nobody breaks it off.
  source.before_batch = [](const InstanceOptions&, int64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Status();
  };
  DatabaseOptions destination;
  std::atomic<bool> failed{false};
  destination.before_write = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch == 3 && !failed.exchange(true)) return make_error(ErrorCategory::kData, "BAD_ROW", "no");
    return {};
  };
  PartitionHarness h(source, destination);
  h.put_rows({-1, -2});
  const RunReport report = h.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->stage, Stage::kDestination);
  EXPECT_EQ(report.failure->error.code, "BAD_ROW");
  EXPECT_EQ(h.sorted_rows(), (std::vector<int64_t>{-2, -1}));
  EXPECT_LT(report.streams[0].rows_read, 50'000U) << "the other lanes are aborted";
  EXPECT_EQ(report.streams[0].rows_written, 0U);
  EXPECT_EQ(h.database.seen_calls().back(), "finish numbers false");
  EXPECT_EQ(h.source->alive, 0);
}

TEST(Partitions, AnInterruptedUpsertRestartsAndDoublesNothing) {
  CountingOptions source = in_parts(4);
  source.rows = 400;
  std::atomic<bool> broken{true};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch == 8 && broken) return make_error(ErrorCategory::kData, "BROKEN", "bad page");
    return {};
  };
  PartitionHarness h(source);
  h.pipeline.destination.write_mode = WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  const RunReport first = h.run();
  ASSERT_FALSE(first.succeeded());
  EXPECT_GT(h.database.rows("numbers").size(), 0U) << "some parts had committed";
  EXPECT_TRUE(h.stream_state().load_in_progress);
  EXPECT_FALSE(h.stream_state().checkpoint_json) << "a part's end is not the load's end";

  broken = false;
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.sorted_rows(), count_to(400));
  EXPECT_EQ(second.streams[0].rows_read, 400U);
  EXPECT_FALSE(second.streams[0].resumed);
  EXPECT_NE(first.streams[0].load_id, second.streams[0].load_id)
      << "receipts of the first load's parts must not count for the second";
}

TEST(Partitions, ALoadInPartsIsNotResumedInOnePiece) {
  CountingOptions source = in_parts(4);
  source.rows = 400;
  std::atomic<bool> broken{true};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch == 8 && broken) return make_error(ErrorCategory::kData, "BROKEN", "bad page");
    return {};
  };
  PartitionHarness h(source);
  h.pipeline.destination.write_mode = WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  const RunReport first = h.run();
  ASSERT_FALSE(first.succeeded());
  broken = false;
  h.pipeline.resources.parallelism = 1;
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_FALSE(second.streams[0].resumed);
  EXPECT_NE(second.streams[0].load_id, first.streams[0].load_id);
  EXPECT_EQ(h.sorted_rows(), count_to(400));
  EXPECT_EQ(second.streams[0].partitions, 1U);
}

TEST(Partitions, ALoadInOnePieceIsGivenUpForOneInParts) {
  CountingOptions source = in_parts(4);
  source.rows = 400;
  std::atomic<bool> broken{true};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) -> Status {
    if (batch == 8 && broken) return make_error(ErrorCategory::kData, "BROKEN", "bad page");
    return {};
  };
  PartitionHarness h(source);
  h.pipeline.destination.write_mode = WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  h.pipeline.resources.parallelism = 1;
  ASSERT_FALSE(h.run().succeeded());
  ASSERT_TRUE(h.stream_state().committed);
  broken = false;
  h.pipeline.resources.parallelism = 4;
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.sorted_rows(), count_to(400));
  EXPECT_EQ(second.streams[0].rows_read, 400U);
}

TEST(Partitions, CancellingEndsEveryLaneAndClaimsNothing) {
  Gate gate;
  CountingOptions source = in_parts(4);
  source.before_batch = [&](const InstanceOptions& o, int64_t batch) {
    return batch == 1 ? gate.wait(o.cancel) : Status();
  };
  PartitionHarness h(source);
  h.put_rows({-1});
  std::thread canceller([&] {
    gate.wait_for_guest();
    h.options.cancel.cancel();
  });
  const auto begun = std::chrono::steady_clock::now();
  const RunReport report = h.run();
  canceller.join();
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_EQ(h.sorted_rows(), (std::vector<int64_t>{-1}));
  EXPECT_EQ(report.streams[0].rows_written, 0U);
}

TEST(Partitions, ASourceWithoutPartsIsReadInOnePiece) {
  PartitionHarness h(in_parts(0));
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.asked, 1);
  EXPECT_EQ(report.streams[0].partitions, 1U);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  EXPECT_EQ(h.source->instances, 3);
  EXPECT_EQ(h.source->closed, 3) << "the planning instance is gone too";
}

TEST(Partitions, RowsOfEveryLaneMustAddUp) {
  PartitionHarness h;
  const auto write = h.destination->script.write;
  h.destination->script.write = [write](const InstanceOptions& o, const json& ctx) {
    auto summary = write(o, ctx);
    // The last lane loses a row that another one seems to have written twice: the sum is right.
    if (summary.ok() && ctx["partition"]["index"] == 3) --summary->records_written;
    if (summary.ok() && ctx["partition"]["index"] == 2) ++summary->records_written;
    return summary;
  };
  h.put_rows({-1});
  const RunReport report = h.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "ROW_COUNT_MISMATCH");
  EXPECT_EQ(h.sorted_rows(), (std::vector<int64_t>{-1}));
}

TEST(Partitions, RejectedRowsOfAllLanesAreCountedAndKept) {
  DatabaseOptions destination;
  destination.rejects = [](int64_t id) { return id % 10 == 3; };
  PartitionHarness h(in_parts(4), destination);
  h.pipeline.destination.on_data_error = pipeline::OnDataError::kDlq;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.streams[0].rows_rejected, 10U);
  EXPECT_EQ(report.dlq_records, 10U);
  EXPECT_EQ(h.database.rows("numbers").size(), 90U);
}

TEST(Partitions, TransformsAreStartedForEveryLane) {
  PartitionHarness h;
  const auto transform = h.runtime.add("pass", runtime::ConnectorRole::kTransform, passing_transform());
  h.pipeline.transforms.resize(1);
  h.pipeline.transforms[0].use = "pass";
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(transform->instances, 4);
  EXPECT_EQ(h.sorted_rows(), count_to(100));
  ASSERT_EQ(report.streams[0].stages.size(), 3U);
  EXPECT_EQ(report.streams[0].stages[1].stage, "transform-0");
}

TEST(Partitions, ParallelismIsSharedBetweenTheStreams) {
  CountingOptions source = in_parts(3);
  source.streams = {"a", "b"};
  PartitionHarness h(source);
  h.pipeline.resources.parallelism = 7;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.wanted, 3U);
  EXPECT_EQ(h.sorted_rows("a"), count_to(100));
  EXPECT_EQ(h.sorted_rows("b"), count_to(100));

  h.asked = 0;
  h.pipeline.resources.parallelism = 3;
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.asked, 0) << "one lane for each stream is all there is";
}

/// What keeps a stream in one piece.
struct Unsplit {
  const char* name;
  void (*change)(PartitionHarness& h);
};

class UnsplitStreams : public ::testing::TestWithParam<Unsplit> {};

TEST_P(UnsplitStreams, AreNeverAskedForPartitions) {
  PartitionHarness h;
  GetParam().change(h);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.asked, 0);
  EXPECT_EQ(report.streams[0].partitions, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Partitions, UnsplitStreams,
    ::testing::Values(
        Unsplit{"append", [](PartitionHarness& h) { h.pipeline.destination.write_mode = WriteMode::kAppend; }},
        Unsplit{"incremental",
                [](PartitionHarness& h) {
                  h.pipeline.destination.write_mode = WriteMode::kUpsert;
                  h.pipeline.destination.primary_key = {"id"};
                  h.make_incremental();
                }},
        Unsplit{"upsert_of_what_a_transform_makes",
                [](PartitionHarness& h) {
                  h.pipeline.destination.write_mode = WriteMode::kUpsert;
                  h.pipeline.destination.primary_key = {"id"};
                  h.runtime.add("pass", runtime::ConnectorRole::kTransform, passing_transform());
                  h.pipeline.transforms.resize(1);
                  h.pipeline.transforms[0].use = "pass";
                }},
        Unsplit{"limit", [](PartitionHarness& h) { h.options.mode = RunMode::limited(5); }},
        Unsplit{"dry_run", [](PartitionHarness& h) { h.options.mode = RunMode::preview(); }},
        Unsplit{"old_source", [](PartitionHarness& h) { h.source->protocol_ = "2.0.0"; }},
        Unsplit{"old_destination", [](PartitionHarness& h) { h.destination->protocol_ = "2.0.0"; }},
        Unsplit{"no_feature", [](PartitionHarness& h) { h.destination->own_role().features = {"receipts"}; }},
        Unsplit{"single_writer",
                [](PartitionHarness& h) { h.destination->own_role().features.push_back("single-writer"); }},
        Unsplit{"one_at_a_time", [](PartitionHarness& h) { h.pipeline.resources.parallelism = 1; }}),
    [](const auto& info) { return info.param.name; });

// Rows of one key in different partitions would have no order, and the last one must win.
TEST(Partitions, AnUpsertByAKeyThatTheSourceDoesNotCallUniqueStaysInOnePiece) {
  CountingOptions source = in_parts(4);
  source.primary_key = {};
  PartitionHarness h(source);
  h.pipeline.destination.write_mode = WriteMode::kUpsert;
  h.pipeline.destination.primary_key = {"id"};
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.asked, 0);
}

TEST(Partitions, AnswersThatAreNoPartitionsAreRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense", "gave an answer that is not JSON"},
      {std::string(100'000, '[') + std::string(100'000, ']'), "gave an answer that is nested deeper than 32 levels"},
      {json(std::vector<int>(1'000'000, 1)).dump(), "gave an answer that has more than 500000 values"},
      {json{std::string(300'000, 'x')}.dump(), "answered with a partition of 300002 bytes; 262144 are possible"},
      {"{}", "did not answer with a list"},
      {"[1, null]", "a null among the partitions"},
      {json(std::vector<int>(1025, 1)).dump(), "answered with 1025 partitions; 1024 are possible"}};
  for (const auto& [answer, expected] : cases) {
    PartitionHarness h;
    h.source->script.plan_partitions = [&answer](const InstanceOptions&, const json&, uint32_t) {
      return Result<std::string>(answer);
    };
    const RunReport report = h.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_EQ(report.failure->stage, Stage::kSource);
    EXPECT_EQ(report.failure->error.code, "PARTITIONS_INVALID");
    EXPECT_THAT(report.failure->error.message, HasSubstr(expected));
    EXPECT_TRUE(h.database.seen_calls().empty());
  }
}

TEST(Partitions, AnErrorOfThePlanIsTheSources) {
  PartitionHarness h;
  h.source->script.plan_partitions = [](const InstanceOptions&, const json&, uint32_t) -> Result<std::string> {
    return make_error(ErrorCategory::kPermission, "NO_RIGHTS", "cannot export a snapshot");
  };
  const RunReport report = h.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->stage, Stage::kSource);
  EXPECT_EQ(report.failure->error.code, "NO_RIGHTS");
  EXPECT_EQ(h.source->alive, 0);
}

}  // namespace
}  // namespace rapidbyte::engine
