// run --limit: the first rows, without a trace in the state.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
