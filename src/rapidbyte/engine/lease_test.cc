// A run whose lease goes to another run: it stops, claims and publishes nothing more, and the rows stay exact.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Values;

/// Takes the pipeline from a run that is under way, once, as another run does whose way around the lock is open.
class Taker {
 public:
  explicit Taker(EngineHarness& harness) : harness_(harness) {}
  void take() {
    if (std::exchange(taken_, true)) return;
    state::drop_memory_lock(*harness_.state, "p");
    auto lease = harness_.state->acquire_lease("p", "successor");
    ASSERT_TRUE(lease.ok()) << lease.status().to_string();
    lease_ = std::move(*lease);
    before_ = harness_.stream_state();
  }
  void let_go() { lease_.reset(); }
  [[nodiscard]] bool has_taken() const { return taken_; }
  /// What the state knew of the stream then.
  [[nodiscard]] const state::StreamState& before() const { return before_; }

 private:
  EngineHarness& harness_;
  bool taken_ = false;
  std::unique_ptr<state::Lease> lease_;
  state::StreamState before_;
};

void expect_lost(const RunReport& report) {
  EXPECT_EQ(report.outcome, Outcome::kFailed);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->stage, Stage::kState);
  EXPECT_EQ(report.failure->error.code, "LEASE_LOST");
  EXPECT_THAT(report.failure->error.message, HasSubstr("successor"));
  EXPECT_FALSE(report.failure->error.retryable);
}

class LeaseLostInEachMode : public ::testing::TestWithParam<pipeline::WriteMode> {};

TEST_P(LeaseLostInEachMode, InTheMiddleOfAStreamStopsTheRunAndDoublesOrLosesNoRow) {
  std::unique_ptr<Taker> taker;
  CountingOptions source;
  source.primary_key = {"id"};
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch == 5) taker->take();
    return Status();
  };
  EngineHarness h(source);
  taker = std::make_unique<Taker>(h);
  h.pipeline.destination.write_mode = GetParam();
  if (GetParam() == pipeline::WriteMode::kUpsert) h.pipeline.destination.primary_key = {"id"};
  h.pipeline.resources.max_retries = 3;
  const RunReport report = h.run();
  expect_lost(report);
  EXPECT_EQ(report.streams[0].outcome, Outcome::kFailed);
  EXPECT_EQ(report.streams[0].retries, 0U) << "its right to write does not come back";
  EXPECT_THAT(h.database.seen_calls(), Not(Contains("finish numbers true")));
  const state::StreamState known = h.stream_state();
  EXPECT_EQ(known.checkpoint_json, taker->before().checkpoint_json);
  EXPECT_EQ(known.rows_committed, taker->before().rows_committed);
  EXPECT_TRUE(known.load_in_progress);
  const auto history = h.state->recent_runs("p", 1);
  EXPECT_EQ((*history)[0].outcome, "failed");
  EXPECT_THAT((*history)[0].error, HasSubstr("LEASE_LOST"));

  // The destination's receipt says what the state was not told.
  EXPECT_EQ(h.run().failure->error.code, "PIPELINE_LOCKED");
  taker->let_go();
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

INSTANTIATE_TEST_SUITE_P(Modes, LeaseLostInEachMode,
                         Values(pipeline::WriteMode::kAppend, pipeline::WriteMode::kUpsert,
                                pipeline::WriteMode::kReplace),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(LeaseLost, NoFurtherStreamBegins) {
  std::unique_ptr<Taker> taker;
  CountingOptions source;
  source.streams = {"a", "b", "c"};
  source.before_batch = [&](const InstanceOptions& o, int64_t batch) {
    if (o.stream == "b" && batch == 5) taker->take();
    return Status();
  };
  EngineHarness h(source);
  taker = std::make_unique<Taker>(h);
  h.pipeline.resources.parallelism = 1;
  const RunReport report = h.run();
  expect_lost(report);
  EXPECT_EQ(report.streams[0].outcome, Outcome::kSucceeded);
  EXPECT_EQ(report.streams[1].outcome, Outcome::kFailed);
  EXPECT_EQ(report.streams[2].outcome, Outcome::kNotStarted);
  EXPECT_THAT(h.database.seen_calls(), Not(Contains("begin c")));
  // Neither ended nor taken back: that is the successor's to do.
  for (const char* stream : {"a", "b", "c"}) EXPECT_TRUE(h.stream_state(stream).load_in_progress) << stream;
  taker->let_go();
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  for (const char* stream : {"a", "b", "c"}) EXPECT_EQ(h.database.rows(stream), count_to(100)) << stream;
}

// With --limit the state is told nothing on the way.
TEST(LeaseLost, IsFoundBeforeAnythingIsPublishedThoughNothingIsSaved) {
  std::unique_ptr<Taker> taker;
  CountingOptions source;
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch == 1) taker->take();
    return Status();
  };
  EngineHarness h(source);
  taker = std::make_unique<Taker>(h);
  h.pipeline.destination.write_mode = pipeline::WriteMode::kReplace;
  h.options.mode = RunMode::limited(15);
  expect_lost(h.run());
  EXPECT_TRUE(taker->has_taken());
  EXPECT_THAT(h.database.seen_calls(), Not(Contains("finish numbers true")));
}

TEST(LeaseLost, StopsASourceThatWaits) {
  Gate gate;
  CountingOptions source;
  source.before_batch = [&](const InstanceOptions& o, int64_t batch) {
    return batch == 5 ? gate.wait(o.cancel) : Status();
  };
  EngineHarness h(source);
  Taker taker(h);
  std::thread successor([&] {
    gate.wait_for_guest();
    taker.take();
  });
  const RunReport report = h.run();
  successor.join();
  expect_lost(report);
}

TEST(LeaseLost, AComponentIsToldWhenItWritesItsState) {
  std::unique_ptr<Taker> taker;
  Status put;
  EngineHarness h;
  taker = std::make_unique<Taker>(h);
  const auto begin = h.destination->script.begin_stream;
  h.destination->script.begin_stream = [&](const InstanceOptions& o, const json& context) {
    EXPECT_TRUE(o.state->put("k", "before").ok());
    taker->take();
    put = o.state->put("k", "stale");
    return begin(o, context);
  };
  expect_lost(h.run());
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, "LEASE_LOST");
  EXPECT_EQ(**h.state->get("p", "k"), "before");
}

TEST(LeaseLost, ARunThatTheUserInterruptsIsInterruptedAndHasLostNothing) {
  EngineHarness h;
  h.source->script.read = [&](const InstanceOptions&, const json&) -> Result<runtime::ReadSummary> {
    h.options.cancel.cancel();
    return internal_error("CANCELLED", "stopped");
  };
  const RunReport report = h.run();
  EXPECT_EQ(report.outcome, Outcome::kInterrupted);
  EXPECT_EQ(report.failure->stage, Stage::kInterrupted);
}

TEST(LeaseLost, TheTokenOfTheCallerIsNotCancelled) {
  std::unique_ptr<Taker> taker;
  CountingOptions source;
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch == 5) taker->take();
    return Status();
  };
  EngineHarness h(source);
  taker = std::make_unique<Taker>(h);
  expect_lost(h.run());
  EXPECT_FALSE(h.options.cancel.cancelled());
}

}  // namespace
}  // namespace rapidbyte::engine
