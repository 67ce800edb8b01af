#include "rapidbyte/engine/report/run_report.h"

#include <gtest/gtest.h>

#include <set>

#include "rapidbyte/engine/report/run_clock.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

TEST(RunReport, AddsUpItsStreams) {
  RunReport report;
  report.streams.resize(2);
  report.streams[0].rows_read = 10;
  report.streams[0].rows_written = 7;
  report.streams[0].rows_rejected = 3;
  report.streams[1].rows_read = 5;
  report.streams[1].rows_written = 5;
  EXPECT_EQ(report.rows_read(), 15U);
  EXPECT_EQ(report.rows_written(), 12U);
  EXPECT_EQ(report.rows_rejected(), 3U);
}

TEST(RunReport, AsJsonHasAllItsKeysAlsoWhenEmpty) {
  RunReport report;
  report.streams.resize(1);
  const json out = to_json(report);
  for (const char* key : {"run_id", "pipeline", "started_at", "finished_at", "outcome", "dry_run", "limit", "seconds",
                          "rows_read", "rows_written", "rows_rejected", "streams", "failure", "dlq_path", "dlq_records",
                          "peak_guest_memory_bytes", "peak_resident_bytes"}) {
    EXPECT_TRUE(out.contains(key)) << key;
  }
  EXPECT_TRUE(out["failure"].is_null());
  EXPECT_EQ(out["streams"][0]["outcome"], "not_started");
}

TEST(RunReport, AsJsonSaysWhereTheTimeWent) {
  StageUsage usage;
  usage.stage = "destination";
  usage.connector = "dest-sqlite";
  usage.total = std::chrono::milliseconds(1000);
  usage.waiting_input = std::chrono::milliseconds(250);
  usage.waiting_network = std::chrono::milliseconds(500);
  usage.cpu = std::chrono::milliseconds(125);
  StreamReport stream;
  stream.partitions = 3;
  stream.stages = {usage};
  const json out = to_json(stream);
  EXPECT_EQ(out["partitions"], 3);
  EXPECT_EQ(out["stages"], json::parse(R"([{"stage": "destination", "connector": "dest-sqlite", "seconds": 1.0,
      "busy_seconds": 0.25, "waiting_input_seconds": 0.25, "waiting_output_seconds": 0.0,
      "waiting_network_seconds": 0.5, "cpu_seconds": 0.125}])"));
}

TEST(RunReport, AsJsonCarriesTheWholeFailure) {
  RunFailure failure{Stage::kDestination, {}};
  failure.error.category = ErrorCategory::kTransientDb;
  failure.error.code = "LOCKED";
  failure.error.message = "in use";
  failure.error.retryable = true;
  failure.error.commit_state = CommitState::kAfterCommitUnknown;
  failure.error.details_json = R"({"file": "x"})";
  EXPECT_EQ(to_json(failure),
            json::parse(R"({"stage":"destination","code":"LOCKED","category":"transient-db","scope":"per-stream",
    "message":"in use","retryable":true,"commit_state":"after-commit-unknown","details":{"file":"x"}})"));
}

TEST(RunIds, AreUniqueAndFitForFileNames) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(new_run_id());
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(ids.begin()->find_first_not_of("0123456789abcdefTZ-"), std::string::npos) << *ids.begin();
}

TEST(RunClock, WritesRfc3339) {
  using namespace std::chrono;
  EXPECT_EQ(to_rfc3339(system_clock::time_point(milliseconds(1'700'000'000'007))), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(to_rfc3339(system_clock::time_point(milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace rapidbyte::engine
