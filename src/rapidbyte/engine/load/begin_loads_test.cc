// The loads of a run of several streams are begun in one transaction of the state, before the first of them has its
// turn.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;

class BeginNewLoads : public ::testing::Test {
 protected:
  /// Loads `source`'s streams one after the other, all in the same way.
  static void load_each(EngineHarness& h, const CountingOptions& source, bool incremental) {
    h.pipeline.resources.parallelism = 1;
    h.pipeline.on_stream_error = pipeline::OnStreamError::kStop;
    h.pipeline.source.streams.clear();
    for (const std::string& name : source.streams) {
      pipeline::StreamConfig stream;
      stream.name = name;
      if (incremental) {
        stream.sync_mode = pipeline::SyncMode::kIncremental;
        stream.cursor_field = "id";
      }
      h.pipeline.source.streams.push_back(stream);
    }
  }
};

TEST_F(BeginNewLoads, StreamsWhoseTurnDidNotComeAreLoadedOnce) {
  for (const bool incremental : {false, true}) {
    CountingOptions source;
    source.streams = {"a", "b", "c"};
    bool broken = true;
    source.before_batch = [&](const runtime::InstanceOptions& o, int64_t batch) -> Status {
      if (broken && o.stream == "b" && batch == 3) return make_error(ErrorCategory::kData, "BAD_ROW", "bad");
      return {};
    };
    EngineHarness h(source);
    load_each(h, source, incremental);
    ASSERT_FALSE(h.run().succeeded());
    const state::StreamKey last{"p", "c", ""};
    EXPECT_FALSE(h.state->load_stream(last)->load_in_progress) << "it is taken back";
    // As a kill would have left it.
    ASSERT_TRUE(h.writer()->begin_load(last, "20260101T000000000Z-killed", !incremental).ok());
    broken = false;
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    for (const std::string& name : source.streams)
      EXPECT_EQ(h.database.rows(name), count_to(100)) << name << incremental;
    // Completed loads start over, again all in one transaction.
    if (!incremental) continue;
    const RunReport third = h.run();
    ASSERT_TRUE(third.succeeded()) << why(third);
    EXPECT_EQ(third.rows_written(), 0U);
  }
}

TEST_F(BeginNewLoads, LeaveThePositionsOfStreamsWhoseTurnDidNotCome) {
  CountingOptions source;
  source.streams = {"a", "b"};
  EngineHarness h(source);
  load_each(h, source, /*incremental=*/true);
  ASSERT_TRUE(h.run().succeeded());
  const auto before = h.state->load_stream({"p", "b", ""});
  load_each(h, source, /*incremental=*/false);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  source.before_batch = [](const runtime::InstanceOptions&, int64_t) -> Status {
    return make_error(ErrorCategory::kData, "BAD_ROW", "bad");
  };
  h.source->script = counting_source(source);
  ASSERT_FALSE(h.run().succeeded());
  const auto after = h.state->load_stream({"p", "b", ""});
  EXPECT_EQ(after->checkpoint_json, before->checkpoint_json);
  EXPECT_EQ(after->owner_json, before->owner_json);
}

}  // namespace
}  // namespace rapidbyte::engine
