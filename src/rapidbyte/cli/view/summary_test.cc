#include "rapidbyte/cli/view/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "rapidbyte/base/log.h"

namespace rapidbyte::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

engine::StreamReport stream(std::string name, engine::Outcome outcome, uint64_t rows) {
  engine::StreamReport made;
  made.stream = std::move(name);
  made.outcome = outcome;
  made.rows_read = rows + 12;
  made.rows_written = rows;
  made.rows_rejected = 12;
  made.bytes_read = rows * 50;
  made.seconds = 2;
  return made;
}

engine::RunReport report(engine::Outcome outcome) {
  engine::RunReport made;
  made.pipeline = "p";
  made.outcome = outcome;
  made.seconds = 2.5;
  made.streams = {stream("orders", engine::Outcome::kSucceeded, 1'000'000)};
  return made;
}

constexpr SummaryStyle kPlain{.unicode = false, .color = false, .quiet = false};

TEST(Summary, ASuccessfulRunIsOneLinePerStreamAndWhereTheRejectedRowsAre) {
  auto made = report(engine::Outcome::kSucceeded);
  made.dlq_path = "dlq/p-1.ndjson";
  made.dlq_records = 12;
  EXPECT_EQ(
      render_summary(made, "p.yaml", kPlain),
      "ok orders: 1,000,012 rows read, 1,000,000 written, 12 rejected in 2.0 s (500,006 rows/s, 50.0 MB, 25.0 MB/s)\n"
      "12 rows rejected: dlq/p-1.ndjson\n");
  EXPECT_EQ(exit_code_of(made), ExitCode::kOk);
}

TEST(Summary, SaysHowManyRowsFailedWhichRules) {
  auto made = report(engine::Outcome::kSucceeded);
  made.streams[0].rows_rejected = 0;
  made.streams[0].counters = {{"transform-check", "check_rows_failed", {{"rule", "positive"}}, 3},
                              {"transform-check", "check_rows_failed", {{"rule", "unique id"}}, 1200},
                              {"transform-check", "check_rows_failed", {{"rule", "regex email"}}, 0},
                              {"dest", "bytes", {}, 7}};
  EXPECT_THAT(render_summary(made, "p.yaml", kPlain),
              HasSubstr("1,000,000 written, 1,200 rows failed unique id, 3 rows failed positive in 2.0 s"));
  for (int i = 0; i < 6; ++i)
    made.streams[0].counters.push_back({"t", "check_rows_failed", {{"rule", "r" + std::to_string(i)}}, 2});
  EXPECT_THAT(render_summary(made, "p.yaml", kPlain), HasSubstr("and 3 more rules in"));
}

TEST(Summary, ShowsWhereTheTimeWentWhenAskedTo) {
  using std::chrono::milliseconds;
  auto made = report(engine::Outcome::kSucceeded);
  made.streams[0].partitions = 2;
  engine::StageUsage source, destination;
  source.stage = "source";
  source.connector = "source-postgres";
  source.total = milliseconds(2000);
  source.waiting_output = milliseconds(300);
  source.waiting_network = milliseconds(500);
  source.cpu = milliseconds(1100);
  destination.stage = "destination";
  destination.connector = "dest-postgres";
  destination.total = milliseconds(1900);
  destination.waiting_input = milliseconds(100);
  made.streams[0].stages = {source, destination};
  EXPECT_THAT(render_summary(made, "p.yaml", kPlain), Not(HasSubstr("source-postgres")));
  SummaryStyle style = kPlain;
  style.stages = true;
  const std::string text = render_summary(made, "p.yaml", style);
  EXPECT_THAT(text, HasSubstr("25.0 MB/s), in 2 partitions\n"));
  EXPECT_THAT(text, HasSubstr(" stage       | connector       |  busy | waits for input | waits for output | waits for "
                              "network | total | processor\n"));
  EXPECT_THAT(text, HasSubstr(" source      | source-postgres | 1.2 s |             0 s |           0.30 s |           "
                              " 0.50 s | 2.0 s |     1.1 s\n"));
  EXPECT_THAT(text, HasSubstr(" destination | dest-postgres   | 1.8 s |          0.10 s |"));
}

TEST(Summary, SeveralStreamsHaveATotal) {
  auto made = report(engine::Outcome::kSucceeded);
  made.streams.push_back(stream("customers", engine::Outcome::kSucceeded, 8));
  EXPECT_THAT(render_summary(made, "p.yaml", kPlain), HasSubstr("\n2 streams: "));
}

engine::StreamReport fine(const std::string& name) {
  engine::StreamReport made = stream(name, engine::Outcome::kSucceeded, 100);
  made.rows_read = 100;
  made.rows_rejected = 0;
  return made;
}

engine::StreamReport failed(const std::string& name) {
  engine::StreamReport made = stream(name, engine::Outcome::kFailed, 0);
  ConnectorError error;
  error.code = "BAD_ROW";
  error.message = "a row of " + name + " is bad";
  made.failure = engine::RunFailure{engine::Stage::kSource, error};
  return made;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Summary, WhatNeedsALookComesFirst) {
  engine::RunReport made = report(engine::Outcome::kFailed);
  made.streams = {fine("a"), stream("b", engine::Outcome::kSucceeded, 8), fine("c"), failed("d")};
  made.streams.emplace_back().stream = "e";
  made.streams.back().held_back_by = "d";
  made.failure = made.streams[3].failure;
  const std::vector<std::string> lines = lines_of(render_summary(made, "p.yaml", kPlain));
  ASSERT_GE(lines.size(), 6U);
  EXPECT_THAT(lines[0], StartsWith("failed d: "));
  EXPECT_EQ(lines[1], "not started e: not started, because its rows may refer to those of d");
  EXPECT_THAT(lines[2], StartsWith("ok b: 20 rows read, 8 written, 12 rejected"));
  EXPECT_THAT(lines[3], StartsWith("ok a: "));
  EXPECT_THAT(lines[4], StartsWith("ok c: "));
  EXPECT_THAT(lines[5], StartsWith("5 streams: "));
}

TEST(Summary, OfManyStreamsOnlyWhatNeedsALookHasALine) {
  engine::RunReport made = report(engine::Outcome::kFailed);
  made.streams.clear();
  for (int i = 0; i < 1996; ++i) made.streams.push_back(fine("t" + std::to_string(i)));
  made.streams.push_back(stream("rejecting", engine::Outcome::kSucceeded, 8));
  made.streams.push_back(fine("retried"));
  made.streams.back().retries = 1;
  made.streams.push_back(failed("bad"));
  made.streams.emplace_back().stream = "late";
  made.streams.back().held_back_by = "bad";
  made.failure = made.streams[1998].failure;
  const std::string text = render_summary(made, "p.yaml", kPlain);
  const std::vector<std::string> lines = lines_of(text);
  ASSERT_EQ(lines.size(), 8U) << text;
  EXPECT_THAT(lines[0], StartsWith("failed bad: "));
  EXPECT_EQ(lines[1], "not started late: not started, because its rows may refer to those of bad");
  EXPECT_THAT(lines[2], StartsWith("ok rejecting: "));
  EXPECT_THAT(lines[3], StartsWith("ok retried: "));
  EXPECT_EQ(lines[4], "ok 1,996 more streams: 199,600 rows read, 199,600 written, 10.0 MB");
  EXPECT_THAT(lines[5], StartsWith("2,000 streams: "));
  EXPECT_THAT(lines[6], StartsWith("error: source failed (BAD_ROW): a row of bad is bad"));
  // -v shows them all, and the report keeps them.
  SummaryStyle verbose = kPlain;
  verbose.stages = true;
  EXPECT_EQ(lines_of(render_summary(made, "p.yaml", verbose)).size(), 2000U + 3);
  EXPECT_EQ(to_json(made)["streams"].size(), 2000U);
}

TEST(Summary, ManyStreamsThatAreAllFineAreOneLine) {
  engine::RunReport made = report(engine::Outcome::kSucceeded);
  made.streams.clear();
  for (size_t i = 0; i < kMaxStreamLines; ++i) made.streams.push_back(fine("t" + std::to_string(i)));
  EXPECT_EQ(lines_of(render_summary(made, "p.yaml", kPlain)).size(), kMaxStreamLines + 1);
  made.streams.push_back(fine("last"));
  EXPECT_EQ(render_summary(made, "p.yaml", kPlain),
            "ok 21 streams: 2,100 rows read, 2,100 written, 0 rejected, 105.0 kB in 2.5 s\n");
  made.dry_run = true;
  EXPECT_THAT(lines_of(render_summary(made, "p.yaml", kPlain)),
              ElementsAre("ok 21 streams: 2,100 rows read, 105.0 kB", StartsWith("Nothing was written.")));
}

TEST(Summary, ManyFailuresFillNoTerminal) {
  engine::RunReport made = report(engine::Outcome::kFailed);
  made.streams.clear();
  for (int i = 0; i < 500; ++i) made.streams.push_back(failed("t" + std::to_string(i)));
  for (int i = 0; i < 50; ++i) made.streams.emplace_back().stream = "u" + std::to_string(i);
  made.failure = made.streams[7].failure;
  const std::string text = render_summary(made, "p.yaml", kPlain);
  EXPECT_THAT(text, HasSubstr("\nfailed 480 more streams: 5,760 rows read, 0 written, 5,760 rejected, 0 B\n"));
  EXPECT_THAT(text, HasSubstr("\nnot started 50 streams: not started\n"));
  EXPECT_THAT(text, HasSubstr("\n479 more streams failed; the report of --json has their errors.\n"));
  EXPECT_LT(lines_of(text).size(), 80U);
  for (size_t i = 500; i < 530; ++i) made.streams[i].held_back_by = "t0";
  const std::string held = render_summary(made, "p.yaml", kPlain);
  EXPECT_THAT(held, HasSubstr("\nnot started u19: not started, because its rows may refer to those of t0\n"
                              "not started 30 more streams: not started\n"));
  EXPECT_THAT(text, HasSubstr("a row of t7 is bad")) << "the one that decides the exit code";
  SummaryStyle verbose = kPlain;
  verbose.stages = true;
  EXPECT_THAT(render_summary(made, "p.yaml", verbose), HasSubstr("a row of t499 is bad"));
}

TEST(Summary, AFailureSaysWhatAndWhatToDoNext) {
  auto made = report(engine::Outcome::kFailed);
  ConnectorError error;
  error.code = "DISK_FULL";
  error.message = "dest-sqlite, stream orders: the disk is full\nfree some space";
  made.streams[0].outcome = engine::Outcome::kFailed;
  made.streams[0].failure = engine::RunFailure{engine::Stage::kDestination, error};
  made.failure = made.streams[0].failure;
  const std::string text = render_summary(made, "p.yaml", kPlain);
  EXPECT_THAT(text,
              HasSubstr("error: destination failed (DISK_FULL): dest-sqlite, stream orders: the disk is full\n"
                        "  free some space\n"
                        "  What was committed stays; run the same command again to continue, or look closer with: "
                        "rapidbyte check p.yaml\n"));
  EXPECT_EQ(text.find("DISK_FULL"), text.rfind("DISK_FULL")) << "the failure is said once";
  EXPECT_EQ(exit_code_of(made), ExitCode::kDestination);
}

TEST(Summary, AdvisesToRunAgainOnlyWhereThatCanHelp) {
  using engine::Stage;
  constexpr std::string_view kAgain =
      "run the same command again to continue, or look closer with: rapidbyte check p.yaml\n";
  constexpr std::string_view kFixCause = "Fix the cause, then run the same command again";
  struct Case {
    ErrorCategory category;
    bool retryable;
    std::string_view advice;
  };
  const std::vector<Case> cases = {
      {ErrorCategory::kTransientNetwork, true, kAgain}, {ErrorCategory::kTransientDb, false, kAgain},
      {ErrorCategory::kRateLimit, false, kAgain},       {ErrorCategory::kInternal, false, kAgain},
      {ErrorCategory::kSchema, true, kAgain},           {ErrorCategory::kConfig, false, kFixCause},
      {ErrorCategory::kAuth, false, kFixCause},         {ErrorCategory::kPermission, false, kFixCause},
      {ErrorCategory::kData, false, kFixCause},         {ErrorCategory::kSchema, false, kFixCause}};
  for (const Case& c : cases) {
    for (const Stage stage : {Stage::kSource, Stage::kDestination, Stage::kTransform}) {
      SCOPED_TRACE(std::string(to_string(c.category)) + " in " + std::string(to_string(stage)));
      auto made = report(engine::Outcome::kFailed);
      ConnectorError error;
      error.category = c.category;
      error.retryable = c.retryable;
      error.message = "it failed";
      made.streams[0] = stream("orders", engine::Outcome::kFailed, 0);
      made.failure = made.streams[0].failure = engine::RunFailure{stage, error};
      const std::string text = render_summary(made, "p.yaml", kPlain);
      EXPECT_THAT(text, HasSubstr(std::string(c.advice)));
      EXPECT_THAT(text, Not(HasSubstr("state reset")));
    }
  }
}

// Nobody is sent to `check` for what it cannot see.
TEST(Summary, NamesCheckOnlyForWhatItShows) {
  ConnectorError error;
  error.category = ErrorCategory::kConfig;
  error.message = "it was refused";
  const auto text_of = [&](engine::Stage stage, const std::string& code, const std::string& load_id) {
    auto made = report(engine::Outcome::kFailed);
    made.streams[0] = stream("orders", engine::Outcome::kFailed, 0);
    made.streams[0].load_id = load_id;
    error.code = code;
    made.failure = made.streams[0].failure = engine::RunFailure{stage, error};
    return render_summary(made, "p.yaml", kPlain);
  };
  for (const ErrorCategory category : {ErrorCategory::kConfig, ErrorCategory::kAuth, ErrorCategory::kPermission}) {
    error.category = category;
    EXPECT_THAT(text_of(engine::Stage::kDestination, "NO_ENTRY", ""), HasSubstr("rapidbyte check p.yaml"));
    const std::string begun = text_of(engine::Stage::kDestination, "TARGET_EMPTIED", "20260101-x");
    EXPECT_THAT(begun, HasSubstr("Fix the cause, then run the same command again"));
    EXPECT_THAT(begun, Not(HasSubstr("rapidbyte check")));
  }
  EXPECT_THAT(text_of(engine::Stage::kConfig, "PRIMARY_KEY_MISSING", ""), HasSubstr("rapidbyte check p.yaml"));
  for (const char* code : {"LIMIT_REFUSED", "RESUME_NOT_SUPPORTED"})
    EXPECT_THAT(text_of(engine::Stage::kConfig, code, ""), Not(HasSubstr("rapidbyte check")));
  EXPECT_THAT(text_of(engine::Stage::kConfig, "UNKNOWN_STREAM", ""), HasSubstr("rapidbyte discover p.yaml"));
}

// A corrected type does not fit the table that has the rows of the interrupted load.
TEST(Summary, NamesTheWayOutWhenCommittedRowsHaveTheWrongType) {
  ConnectorError error;
  error.category = ErrorCategory::kData;
  error.code = "WRONG_TYPE";
  error.message = "zip is no Int64. Declare columns: {zip: text}";
  auto first = report(engine::Outcome::kFailed);
  first.streams.push_back(stream("zips", engine::Outcome::kFailed, 60'000));
  first.failure = first.streams[1].failure = engine::RunFailure{engine::Stage::kSource, error};
  // The next run, after the advice.
  error.category = ErrorCategory::kSchema;
  error.code = "TYPE_CHANGED";
  auto second = report(engine::Outcome::kFailed);
  second.streams.push_back(stream("zips", engine::Outcome::kFailed, 0));
  second.streams[1].resumed = true;
  second.failure = second.streams[1].failure = engine::RunFailure{engine::Stage::kDestination, error};
  for (const auto& made : {first, second}) {
    const std::string text = render_summary(made, "p.yaml", kPlain);
    EXPECT_THAT(text,
                HasSubstr("What was committed stays; fix the cause, then run the same command again to continue.\n"
                          "  If a column needs another type, start over"));
    EXPECT_THAT(text, HasSubstr("drop the table"));
    EXPECT_THAT(text, HasSubstr("then: rapidbyte state reset p.yaml --stream zips\n"));
  }
  second.limit = 10;
  EXPECT_THAT(render_summary(second, "p.yaml", kPlain), Not(HasSubstr("state reset"))) << "--limit leaves no load";
}

// Nobody should throw away committed rows for an error that another type does not mend.
TEST(Summary, DoesNotAdviseARestartWhereNoTypeHelps) {
  ConnectorError error;
  error.message = "it failed";
  const auto fails_with = [&](std::string code, ErrorCategory category, uint64_t rows_of_failed) {
    auto made = report(engine::Outcome::kFailed);
    made.streams[0].outcome = engine::Outcome::kInterrupted;  // with the other, behind committed rows
    error.code = std::move(code);
    error.category = category;
    made.streams.push_back(stream("zips", engine::Outcome::kFailed, rows_of_failed));
    made.failure = made.streams[1].failure = engine::RunFailure{engine::Stage::kDestination, error};
    return render_summary(made, "p.yaml", kPlain);
  };
  for (const char* code : {"RAGGED_RECORD", "ROW_DISCARDED", "ROW_REFUSED", ""}) {
    EXPECT_THAT(fails_with(code, ErrorCategory::kData, 60'000), Not(HasSubstr("needs another type"))) << code;
  }
  EXPECT_THAT(fails_with("NEW_COLUMN", ErrorCategory::kSchema, 60'000), Not(HasSubstr("needs another type")));
  EXPECT_THAT(fails_with("WRONG_TYPE", ErrorCategory::kData, 60'000), HasSubstr("needs another type"));
  EXPECT_THAT(fails_with("WRONG_TYPE", ErrorCategory::kData, 0), Not(HasSubstr("needs another type")))
      << "the table of that stream has none of its rows";
}

TEST(Summary, QuietShowsTheErrorOnly) {
  auto made = report(engine::Outcome::kFailed);
  made.failure = engine::RunFailure{engine::Stage::kSource, {}};
  const std::string text = render_summary(made, "p.yaml", {.unicode = false, .color = false, .quiet = true});
  EXPECT_THAT(text, HasSubstr("error: source failed"));
  EXPECT_THAT(text, Not(HasSubstr("rows read")));
  EXPECT_EQ(
      render_summary(report(engine::Outcome::kSucceeded), "p.yaml", {.unicode = false, .color = false, .quiet = true}),
      "");
}

TEST(Summary, DoesNotAdviseToRunAgainWhenRowsAreInDoubt) {
  for (const engine::Outcome outcome : {engine::Outcome::kFailed, engine::Outcome::kInterrupted}) {
    auto made = report(outcome);
    ConnectorError error;
    error.code = "CONNECTION_LOST";
    error.category = ErrorCategory::kTransientNetwork;
    error.retryable = true;
    const engine::Stage stage =
        outcome == engine::Outcome::kFailed ? engine::Stage::kDestination : engine::Stage::kInterrupted;
    made.streams[0].outcome = outcome;
    made.streams[0].rows_in_doubt = true;
    made.failure = made.streams[0].failure = engine::RunFailure{stage, error};
    const std::string text = render_summary(made, "p.yaml", kPlain);
    EXPECT_THAT(text, HasSubstr("Rows after the last checkpoint of stream orders may already be in its table"));
    EXPECT_THAT(text, HasSubstr("ROWS_MAY_DOUBLE"));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("run the same command again")));
  }
}

TEST(Summary, AnInterruptedRunIs130AndSaysHowToContinue) {
  auto made = report(engine::Outcome::kInterrupted);
  EXPECT_EQ(exit_code_of(made), ExitCode::kInterrupted);
  EXPECT_THAT(
      render_summary(made, "p.yaml", kPlain),
      HasSubstr("Interrupted: 1,000,000 rows were committed and stay; run the same command again to continue.\n"));
}

TEST(Summary, RejectedBeyondTheCapIs8) {
  auto made = report(engine::Outcome::kFailed);
  made.failure = engine::RunFailure{engine::Stage::kRejected, {}};
  EXPECT_EQ(exit_code_of(made), ExitCode::kRejectedRows);
}

TEST(Summary, ADryRunSaysThatNothingWasWritten) {
  auto made = report(engine::Outcome::kSucceeded);
  made.dry_run = true;
  const std::string text = render_summary(made, "p.yaml", kPlain);
  EXPECT_THAT(text, HasSubstr("Nothing was written. Load with: rapidbyte run p.yaml"));
  EXPECT_THAT(text, Not(HasSubstr(" written,")));
}

TEST(Summary, SecretsAndControlCharactersDoNotGetThrough) {
  add_secret("hunter2-summary");
  auto made = report(engine::Outcome::kFailed);
  ConnectorError error;
  error.message = "password hunter2-summary refused\x1b[2J";
  made.failure = engine::RunFailure{engine::Stage::kSource, error};
  const std::string text = render_summary(made, "p.yaml", kPlain);
  EXPECT_THAT(text, HasSubstr("password *** refused\\x1b[2J"));
}

}  // namespace
}  // namespace rapidbyte::cli
