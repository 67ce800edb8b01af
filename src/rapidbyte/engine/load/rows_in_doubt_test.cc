// Destinations without receipts: what an interrupted append may have left in the table is neither doubled nor lost
// without the user's word (docs/adr/0020).

#include "rapidbyte/engine/load/rows_in_doubt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Status kKilled = make_error(ErrorCategory::kInternal, "KILLED", "killed here");

Status lost() {
  return make_retryable_error(ErrorCategory::kTransientNetwork, "CONNECTION_LOST", "lost", BackoffClass::kFast);
}

/// A destination as others write them for 2.0.0: commits every `batches_per_commit` batches, and what is left at the
/// end.
struct OldOptions {
  int64_t batches_per_commit = 1;
  /// Reports each commit, with the rows of this call that it has written.
  bool reports = true;
  /// Before batch `n` (from 0) of a call is written, and after commit `n` but before its report.
  std::function<Status(const InstanceOptions&, int64_t)> before_write{}, after_commit{};
  /// Leaves out so many rows that come first, because it knows that it has them.
  std::function<uint64_t()> has = [] { return uint64_t{0}; };
};

Script old_destination(FakeDatabase& database, const OldOptions& options) {
  Script script;
  script.write = [&database, options](const InstanceOptions& instance,
                                      const json& ctx) -> Result<runtime::WriteSummary> {
    runtime::WriteSummary summary;
    std::vector<int64_t> open;
    uint64_t left_out = options.has();
    int64_t commits = 0;
    const auto commit = [&]() -> Status {
      if (open.empty()) return {};
      {
        std::lock_guard lock(database.mutex);
        auto& rows = database.tables[ctx["stream_name"]].rows;
        rows.insert(rows.end(), open.begin(), open.end());
      }
      summary.records_written += open.size();
      open.clear();
      if (options.after_commit) RB_RETURN_NOT_OK(options.after_commit(instance, commits));
      ++commits;
      if (!options.reports) return {};
      return instance.services->checkpoint(runtime::CheckpointKind::kDestination,
                                           protocol::Checkpoint(json{{"records_processed", summary.records_written}}));
    };
    for (int64_t batch = 0;; ++batch) {
      RB_ASSIGN_OR_RETURN(const auto bytes, instance.services->next_batch());
      if (!bytes) break;
      if (options.before_write) RB_RETURN_NOT_OK(options.before_write(instance, batch));
      for (const int64_t id : ids_of(bytes->bytes())) {
        if (left_out > 0) {
          --left_out;
        } else {
          open.push_back(id);
        }
      }
      if ((batch + 1) % options.batches_per_commit == 0) RB_RETURN_NOT_OK(commit());
    }
    RB_RETURN_NOT_OK(commit());
    return summary;
  };
  return script;
}

/// Stream numbers, 0 to 99 in batches of 10, into such a destination.
class OldHarness : public EngineHarness {
 public:
  explicit OldHarness(const OldOptions& destination_options = {}, CountingOptions source = {})
      : EngineHarness(std::move(source)) {
    destination->protocol_ = "2.0.0";
    destination->own_role().features = {};
    destination->script = old_destination(database, destination_options);
  }
  void source_fails_once(int64_t batch, const Status& status, int64_t checkpoint_every = 2) {
    CountingOptions options;
    options.checkpoint_every = checkpoint_every;
    options.before_batch = once(batch, status);
    source->script = counting_source(options);
  }
  std::vector<int64_t> table() { return database.rows("numbers"); }
  /// Rows that are in the table more than once.
  uint64_t doubled() {
    const auto rows = table();
    return rows.size() - std::set<int64_t>(rows.begin(), rows.end()).size();
  }
  bool has_every_row() {
    const auto rows = table();
    return std::set<int64_t>(rows.begin(), rows.end()).size() == 100;
  }
};

struct Shape {
  const char* name;
  const char* protocol;
  bool reports;
  int64_t batches_per_commit;
  int64_t checkpoint_every;
};

class InterruptedAppend : public ::testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Destinations, InterruptedAppend,
                         ::testing::Values(Shape{"reports_and_the_source_does_not", "2.0.0", true, 1, 0},
                                           Shape{"reports_and_the_source_does_too", "2.0.0", true, 3, 2},
                                           Shape{"reports_nothing", "2.0.0", false, 1, 2},
                                           Shape{"speaks_2_1_without_receipts", "2.1.0", true, 3, 2},
                                           Shape{"speaks_2_1_and_reports_nothing", "2.1.0", false, 3, 0}),
                         [](const auto& info) { return info.param.name; });

TEST_P(InterruptedAppend, IsNotResumedUntilTheUserAcceptsDoubledRows) {
  const Shape shape = GetParam();
  OldHarness h(
      {.batches_per_commit = shape.batches_per_commit, .reports = shape.reports, .before_write = once(7, kKilled)},
      {.checkpoint_every = shape.checkpoint_every});
  h.destination->protocol_ = shape.protocol;
  const RunReport interrupted = h.run();
  ASSERT_EQ(interrupted.failure->error.code, "KILLED");
  EXPECT_TRUE(interrupted.streams[0].rows_in_doubt);
  EXPECT_EQ(to_json(interrupted)["streams"][0]["rows_in_doubt"], true);
  const auto rows = h.table();
  ASSERT_FALSE(rows.empty());
  for (int run = 0; run < 2; ++run) {
    const RunReport refused = h.run();
    ASSERT_EQ(refused.outcome, Outcome::kFailed) << why(refused);
    const ConnectorError& error = refused.failure->error;
    EXPECT_EQ(error.code, "ROWS_MAY_DOUBLE");
    EXPECT_EQ(refused.failure->stage, Stage::kState);
    EXPECT_FALSE(error.retryable);
    EXPECT_THAT(
        error.message,
        AllOf(HasSubstr("'numbers'"), HasSubstr("fake-destination"), HasSubstr("--allow-doubled-rows"),
              HasSubstr("state reset " + h.pipeline.file.string() + " --stream numbers"), HasSubstr("idempotent")));
    EXPECT_EQ(h.table(), rows);
  }
  const json details = json::parse(h.run().failure->error.details_json.value());
  h.options.allow_doubled_rows = true;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_TRUE(h.has_every_row()) << "nothing is lost";
  EXPECT_FALSE(report.streams[0].rows_in_doubt);
  ASSERT_TRUE(report.streams[0].rows_maybe_doubled.has_value());
  EXPECT_EQ(*report.streams[0].rows_maybe_doubled, details["rows_in_doubt_at_most"]);
  EXPECT_LE(h.doubled(), *report.streams[0].rows_maybe_doubled);
  EXPECT_EQ(to_json(report)["streams"][0]["rows_maybe_doubled"], details["rows_in_doubt_at_most"]);
  // What the destination said is certain, and it committed all of that.
  EXPECT_GE(h.doubled(), details["rows_reported_committed"].get<uint64_t>());
  if (shape.reports && shape.checkpoint_every == 0) {
    EXPECT_EQ(details["rows_reported_committed"], rows.size());
  }
  EXPECT_FALSE(h.stream_state().load_in_progress);
}

TEST(RowsInDoubt, OfALoadOfWhichNothingWasGivenThereAreNone) {
  OldHarness h;
  h.destination->script.open = [](const InstanceOptions&) { return kKilled; };
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.destination->script.open = nullptr;
  h.source_fails_once(0, kKilled);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.table(), count_to(100));
}

TEST(RowsInDoubt, AreNoneWhenACheckpointCoversAllThatWasReported) {
  // The report comes before the marker.
  OldHarness h;
  h.source_fails_once(6, kKilled);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_EQ(h.table(), count_to(60));
  EXPECT_EQ(h.stream_state().rows_given, 60U);
  EXPECT_EQ(json::parse(*h.stream_state().checkpoint_json)["rows_covered"], 60);
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.streams[0].rows_written, 40U);
  EXPECT_EQ(h.table(), count_to(100));
}

TEST(RowsInDoubt, AreNoneWhenOnlyTheFinishIsMissing) {
  OldHarness h;
  h.destination->protocol_ = "2.1.0";
  h.destination->script.finish_stream = [](auto&&...) { return kKilled; };
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.destination->script.finish_stream = nullptr;
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.table(), count_to(100));
}

TEST(RowsInDoubt, AreCountedWhenBatchesAreCompressedInTheQueue) {
  for (const auto compression : {pipeline::Compression::kLz4, pipeline::Compression::kZstd}) {
    SCOPED_TRACE(pipeline::to_string(compression));
    OldHarness h({.before_write = once(7, kKilled)});
    h.pipeline.resources.compression = compression;
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    const RunReport refused = h.run();
    ASSERT_EQ(refused.failure->error.code, "ROWS_MAY_DOUBLE");
    EXPECT_THAT(refused.failure->error.message, Not(HasSubstr("an unknown number")));
    h.options.allow_doubled_rows = true;
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    ASSERT_TRUE(report.streams[0].rows_maybe_doubled.has_value());
    EXPECT_GE(*report.streams[0].rows_maybe_doubled, h.doubled());
    EXPECT_TRUE(h.has_every_row());
  }
}

TEST(RowsInDoubt, AreAnUnknownNumberWhenTheStateDoesNotTell) {
  OldHarness h({.before_write = once(7, kKilled)});
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  // As an older version leaves it.
  const auto known = h.stream_state();
  ASSERT_TRUE(h.writer()->note_rows({"p", "numbers", ""}, known.load_id, std::nullopt, 0).ok());
  const RunReport refused = h.run();
  ASSERT_EQ(refused.failure->error.code, "ROWS_MAY_DOUBLE");
  EXPECT_THAT(refused.failure->error.message, HasSubstr("an unknown number"));
  h.options.allow_doubled_rows = true;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_FALSE(report.streams[0].rows_maybe_doubled.has_value());
  EXPECT_TRUE(h.has_every_row());
}

TEST(RowsInDoubt, DoNotMatterForAKeyOrAStagingTableOrAnIdempotentDestination) {
  for (const std::string way : {"upsert", "replace", "idempotent"}) {
    SCOPED_TRACE(way);
    OldHarness h({.before_write = once(7, kKilled)});
    if (way == "upsert") {
      h.pipeline.destination.write_mode = pipeline::WriteMode::kUpsert;
      h.pipeline.destination.primary_key = {"id"};
    } else if (way == "replace") {
      h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
    } else {
      h.destination->own_role().features = {"idempotent"};
    }
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_TRUE(h.has_every_row());
    EXPECT_EQ(report.streams[0].rows_maybe_doubled, 0U);
  }
}

TEST(RowsInDoubt, AreNoneBehindTheReceiptOfA21DestinationThatDoesNotDeclareReceipts) {
  DatabaseOptions destination;
  destination.after_commit = once(2, kKilled);
  EngineHarness h({}, destination);
  h.destination->own_role().features = {};
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(RowsInDoubt, KeepAnAttemptFromBeingMadeAgain) {
  for (const auto& [source_fails, protocol] :
       {std::pair(true, "2.0.0"), std::pair(false, "2.0.0"), std::pair(true, "2.1.0"), std::pair(false, "2.1.0")}) {
    SCOPED_TRACE(std::string(protocol) + (source_fails ? " source" : " destination"));
    OldOptions destination;
    destination.batches_per_commit = 3;
    if (!source_fails) destination.before_write = once(7, lost());
    OldHarness h(destination);
    h.destination->protocol_ = protocol;
    // 30 rows are committed, and the newest checkpoint before that covers 20.
    if (source_fails) h.source_fails_once(5, lost());
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed) << why(report);
    EXPECT_EQ(report.failure->error.code, "CONNECTION_LOST") << "what broke is what the user should see";
    // One of 2.1.0 is asked first whether it has receipts after all.
    if (std::string(protocol) == "2.0.0") {
      EXPECT_THAT(h.clock.delays(), IsEmpty());
    }
    EXPECT_TRUE(report.streams[0].rows_in_doubt);
    EXPECT_EQ(h.doubled(), 0U);
    EXPECT_EQ(h.run().failure->error.code, "ROWS_MAY_DOUBLE");
  }
}

// After a durable checkpoint: resuming there would leave the rows before it out for good.
TEST(RowsInDoubt, AreNoneWhenTheTableIsGoneAndTheLoadRestarts) {
  OldHarness h({.batches_per_commit = 2, .before_write = once(7, kKilled)}, {.checkpoint_every = 2});
  h.destination->protocol_ = "2.1.0";
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_FALSE(h.table().empty());
  h.database.tables.clear();
  h.destination->script.last_committed = [](const json&) -> Result<std::optional<std::string>> {
    return std::optional<std::string>(R"({"target_absent":true})");
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.table(), count_to(100));
}

TEST(RowsInDoubt, DoNotKeepAnAttemptFromBeingMadeAgainWithTheUsersWord) {
  OldHarness h({.batches_per_commit = 3, .before_write = once(7, lost())});
  h.options.allow_doubled_rows = true;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.clock.delays().size(), 1U);
  EXPECT_TRUE(h.has_every_row());
  EXPECT_LE(h.doubled(), report.streams[0].rows_maybe_doubled.value());
}

// A destination whose error says "before-commit" has committed nothing that it has not reported.
TEST(RowsInDoubt, AreNoneAfterAnErrorBeforeTheCommit) {
  Status before_commit = lost();
  before_commit.error().commit_state = CommitState::kBeforeCommit;
  OldHarness h({.batches_per_commit = 100, .before_write = once(7, before_commit)});
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.table(), count_to(100));
  OldHarness covered({.batches_per_commit = 3, .before_write = once(7, before_commit)});
  ASSERT_TRUE(covered.run().succeeded());
  EXPECT_EQ(covered.table(), count_to(100));
  // The same word after a commit that no checkpoint covers is no licence.
  OldHarness reported({.batches_per_commit = 3, .before_write = once(7, before_commit)}, {.checkpoint_every = 0});
  EXPECT_EQ(reported.run().failure->error.code, "CONNECTION_LOST");
  EXPECT_EQ(reported.table(), count_to(60));
  const RunReport refused = reported.run();
  ASSERT_EQ(refused.failure->error.code, "ROWS_MAY_DOUBLE");
  EXPECT_EQ(json::parse(*refused.failure->error.details_json)["rows_in_doubt_at_most"], 60);
}

TEST(RowsInDoubt, AreNamedAgainWhenTheRunThatMayDoubleIsInterruptedToo) {
  OldHarness h({.reports = false, .before_write = once(7, kKilled)}, {.checkpoint_every = 0});
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.options.allow_doubled_rows = true;
  h.destination->script.open = [](const InstanceOptions&) { return kKilled; };
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.destination->script.open = nullptr;
  h.source_fails_once(2, kKilled, 0);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.options.allow_doubled_rows = false;
  const RunReport refused = h.run();
  ASSERT_EQ(refused.failure->error.code, "ROWS_MAY_DOUBLE");
  EXPECT_EQ(json::parse(*refused.failure->error.details_json)["rows_in_doubt_at_most"], 80)
      << "the most that any of the attempts was given";
}

TEST(RowsInDoubt, LetASourceThatCannotResumeRestartWithTheUsersConsent) {
  EngineHarness h;
  CountingOptions source;
  source.before_batch = once(7, kKilled);
  h.source->script = counting_source(source);
  h.source->own_role().features = {};
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const RunReport refused = h.run();
  ASSERT_EQ(refused.failure->error.code, "RESUME_NOT_SUPPORTED");
  EXPECT_THAT(refused.failure->error.message, HasSubstr("--allow-doubled-rows"));
  h.options.allow_doubled_rows = true;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(report.streams[0].rows_maybe_doubled, h.database.rows("numbers").size() - 100);
}

// --- destinations that leave out what they have --------------------------------------------------------------------

TEST(RowsThatAreThere, MayBeLeftOutWhenTheyAreThoseThatWereReported) {
  for (const bool upsert : {false, true}) {
    SCOPED_TRACE(upsert);
    uint64_t has = 0;
    OldHarness h({.before_write = once(7, kKilled), .has = [&] { return has; }}, {.checkpoint_every = 0});
    if (upsert) {
      h.pipeline.destination.write_mode = pipeline::WriteMode::kUpsert;
      h.pipeline.destination.primary_key = {"id"};
    }
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    ASSERT_EQ(h.table(), count_to(70));
    EXPECT_EQ(h.stream_state().rows_reported, 70U) << "kept although no checkpoint of the source precedes the report";
    has = 70;
    h.options.allow_doubled_rows = !upsert;
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(h.table(), count_to(100));
    EXPECT_EQ(report.streams[0].rows_written, 30U);
    EXPECT_EQ(report.streams[0].rows_already_there, 70U);
    EXPECT_EQ(report.streams[0].rows_maybe_doubled, 0U);
    EXPECT_FALSE(h.stream_state().load_in_progress);
  }
}

TEST(RowsThatAreThere, MayNotBeMoreOrLessThanThose) {
  for (const uint64_t left_out : {uint64_t{69}, uint64_t{71}, uint64_t{1}, uint64_t{100}}) {
    SCOPED_TRACE(left_out);
    uint64_t has = 0;
    OldHarness h({.before_write = once(7, kKilled), .has = [&] { return has; }}, {.checkpoint_every = 0});
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    has = left_out;
    h.options.allow_doubled_rows = true;
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->error.code, "ROW_COUNT_MISMATCH");
    EXPECT_THAT(report.failure->error.message, HasSubstr("reported 70"));
  }
}

TEST(RowsThatAreThere, MayNotBeLeftOutOfANewLoad) {
  uint64_t has = 10;
  OldHarness h({.has = [&] { return has; }});
  EXPECT_EQ(h.run().failure->error.code, "ROW_COUNT_MISMATCH") << "a stale watermark of another load loses rows";
}

TEST(RowsThatAreThere, AreAcceptedByTheUserWhenTheCountsDoNotAgree) {
  // Killed between a commit and its report: the destination has more than it said.
  uint64_t has = 0;
  OldHarness h({.after_commit = once(6, kKilled), .has = [&] { return has; }});
  h.make_incremental();
  h.source_fails_once(-1, kKilled, 1000);  // a checkpoint at the end only
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_EQ(h.table(), count_to(70));
  has = 70;
  h.options.allow_doubled_rows = true;
  ASSERT_EQ(h.run().failure->error.code, "ROW_COUNT_MISMATCH");
  ASSERT_EQ(h.table(), count_to(100));
  h.options.allow_doubled_rows = false;
  EXPECT_EQ(accept_load(*h.state, *h.writer(), "other").error().code, "NOTHING_TO_ACCEPT");
  const RunReport stuck = h.run();
  ASSERT_EQ(stuck.failure->error.code, "LOAD_MISCOUNTED");
  EXPECT_THAT(stuck.failure->error.message,
              HasSubstr("rapidbyte state accept " + h.pipeline.file.string() + " --stream numbers"));

  ASSERT_TRUE(accept_load(*h.state, *h.writer(), "numbers").ok());
  EXPECT_EQ(accept_load(*h.state, *h.writer(), "numbers").error().code, "NOTHING_TO_ACCEPT") << "once is enough";
  const RunReport finished = h.run();
  ASSERT_TRUE(finished.succeeded()) << why(finished);
  EXPECT_EQ(finished.rows_read(), 0U);
  EXPECT_FALSE(h.stream_state().load_in_progress);
  // The next load continues after it.
  has = 0;
  CountingOptions more;
  more.rows = 120;
  h.source->script = counting_source(more);
  const RunReport next = h.run();
  ASSERT_TRUE(next.succeeded()) << why(next);
  EXPECT_EQ(h.table(), count_to(120));
}

TEST(RowsThatAreThere, AreNotAcceptedWhenTheSourceMiscounts) {
  OldHarness h;
  const auto read = h.source->script.read;
  h.source->script.read = [read](const InstanceOptions& o, const json& ctx) {
    auto summary = read(o, ctx);
    if (summary.ok()) summary->records_read += 1;
    return summary;
  };
  ASSERT_EQ(h.run().failure->error.code, "ROW_COUNT_MISMATCH");
  const RunReport stuck = h.run();
  ASSERT_EQ(stuck.failure->error.code, "LOAD_MISCOUNTED");
  EXPECT_THAT(stuck.failure->error.message, Not(HasSubstr("state accept")));
  const Status refused = accept_load(*h.state, *h.writer(), "numbers");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "NOTHING_TO_ACCEPT");
}

// --- what is noted ---------------------------------------------------------------------------------------------------

class NotedRows : public ::testing::Test {
 protected:
  void begin(uint64_t covered, std::optional<uint64_t> given, uint64_t reported) {
    ASSERT_TRUE(lease_->begin_load(key_, "l", true).ok());
    CommitTarget target;
    target.lease = lease_.get();
    target.key = key_;
    target.load_id = "l";
    target.notes_rows = true;
    target.rows_covered = covered;
    target.rows_given = given;
    target.rows_reported = reported;
    tracker_.begin(std::move(target));
  }
  state::StreamState noted() { return *state_->load_stream(key_); }

  std::unique_ptr<state::StateBackend> state_ = state::make_memory_state();
  std::unique_ptr<state::Lease> lease_ = std::move(*state_->acquire_lease("p", "run"));
  const state::StreamKey key_{"p", "s", ""};
  CommitTracker tracker_;
};

TEST_F(NotedRows, RunAheadOfWhatIsGivenByAQuarterSoThatTheStateIsWrittenSeldom) {
  begin(0, 0, 0);
  uint64_t writes = 0;
  uint64_t before = 0;
  for (uint64_t taken = 10; taken <= 1'000'000; taken += 10) {
    ASSERT_TRUE(tracker_.giving(taken).ok());
    const uint64_t given = noted().rows_given.value();
    ASSERT_GE(given, taken) << "a kill now must find at least what was given";
    ASSERT_LE(given, taken + taken / 4);
    writes += given != before ? 1 : 0;
    before = given;
  }
  EXPECT_LT(writes, 100U);
  ASSERT_TRUE(tracker_.settle(999'990).ok());
  EXPECT_EQ(noted().rows_given, 999'990U) << "after an orderly end the number is exact";
}

TEST_F(NotedRows, CountFromTheBeginningOfTheLoad) {
  begin(100, 150, 120);
  ASSERT_TRUE(tracker_.giving(10).ok());
  EXPECT_EQ(noted().rows_given, 150U) << "the attempt before got further";
  ASSERT_TRUE(tracker_.giving(60).ok());
  EXPECT_EQ(noted().rows_given, 162U);
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 10}}), 60).ok());
  EXPECT_EQ(noted().rows_reported, 120U);
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 30}}), 60).ok());
  EXPECT_EQ(noted().rows_reported, 130U);
  tracker_.taken({protocol::Checkpoint(json{{"rows_covered", 7}}), 5, false, 30});
  ASSERT_TRUE(tracker_.catch_up().ok());
  EXPECT_EQ(json::parse(*noted().checkpoint_json)["rows_covered"], 130) << "the host's word, not the source's";
  ASSERT_TRUE(tracker_.settle(40).ok());
  EXPECT_EQ(noted().rows_given, 150U);
}

TEST_F(NotedRows, AreUnknownWhenTheHostCannotCount) {
  begin(0, 0, 0);
  ASSERT_TRUE(tracker_.giving(10).ok());
  ASSERT_TRUE(tracker_.giving(std::nullopt).ok());
  EXPECT_EQ(noted().rows_given, std::nullopt);
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 10}}), std::nullopt).ok());
  // A report that could not be counted: "nothing unreported" then says nothing either.
  tracker_.nothing_unreported();
  ASSERT_TRUE(tracker_.settle(std::nullopt).ok());
  EXPECT_EQ(noted().rows_given, std::nullopt);
}

TEST_F(NotedRows, AreOnlyTheReportedOnesWhenTheDestinationSaysSo) {
  begin(0, 0, 0);
  ASSERT_TRUE(tracker_.giving(50).ok());
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 20}}), 50).ok());
  tracker_.nothing_unreported();
  ASSERT_TRUE(tracker_.settle(50).ok());
  EXPECT_EQ(noted().rows_given, 20U);
}

TEST_F(NotedRows, StopTheBatchWhenTheStateFails) {
  begin(0, 0, 0);
  ASSERT_TRUE(lease_->complete_load(key_, "l").ok());
  EXPECT_FALSE(tracker_.giving(10).ok());
}

}  // namespace
}  // namespace rapidbyte::engine
