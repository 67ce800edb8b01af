// The file of rejected records over a whole run: written before the commit that covers them, and bounded.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;

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

}  // namespace
}  // namespace rapidbyte::engine
