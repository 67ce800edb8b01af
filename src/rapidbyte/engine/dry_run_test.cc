// Runs that show the first rows and write nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;

TEST(DryRun, ShowsTheFirstRowsAndTouchesNothing) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness h(source);
  h.options.mode = RunMode::preview();
  h.source->script.open = [](const InstanceOptions& o) { return o.state->put("seen", "1"); };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_TRUE(report.dry_run);
  EXPECT_EQ(h.destination->instances, 0);
  EXPECT_TRUE(h.state->list_streams("p")->empty());
  EXPECT_TRUE(h.state->recent_runs("p", 10)->empty());
  EXPECT_FALSE(h.state->get("p", "seen")->has_value());
  EXPECT_TRUE(std::filesystem::is_empty(h.folder));
  auto previews = h.observer.previews();
  ASSERT_EQ(previews.size(), 2U);
  ASSERT_EQ(previews["a"].columns.size(), 1U);
  EXPECT_EQ(previews["a"].columns[0].name, "id");
  EXPECT_EQ(previews["a"].columns[0].type, "Int64");
  EXPECT_EQ(previews["a"].rows.size(), kDefaultPreviewRows);
  EXPECT_EQ(previews["a"].rows[9][0], "9");
  EXPECT_EQ(report.streams[0].rows_read, kDefaultPreviewRows);
  EXPECT_EQ(report.rows_written(), 0U);
}

TEST(DryRun, ShowsAsManyRowsAsAskedFor) {
  EngineHarness h;
  h.options.mode = RunMode::preview(37);
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(h.observer.previews()["numbers"].rows.size(), 37U);
}

TEST(DryRun, ReportsTheSourcesError) {
  CountingOptions source;
  source.before_batch = [](const InstanceOptions&, int64_t) {
    return make_error(ErrorCategory::kData, "BAD_ROW", "bad");
  };
  EngineHarness h(source);
  h.options.mode = RunMode::preview();
  const RunReport report = h.run();
  EXPECT_EQ(report.failure->stage, Stage::kSource);
  EXPECT_EQ(report.failure->error.code, "BAD_ROW");
}

TEST(DryRun, CountsRejectedRecordsWithoutAFile) {
  EngineHarness h;
  const auto read = h.source->script.read;
  h.source->script.read = [read](const InstanceOptions& o, const json& ctx) {
    EXPECT_TRUE(o.services->emit_dlq_record({"numbers", "{}", "refused", "data"}).ok());
    return read(o, ctx);
  };
  h.options.mode = RunMode::preview();
  EXPECT_TRUE(h.run().succeeded());
  EXPECT_TRUE(std::filesystem::is_empty(h.folder));
}

}  // namespace
}  // namespace rapidbyte::engine
