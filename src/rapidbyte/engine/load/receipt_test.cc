// What the engine believes when its state and the destination's receipt do not say the same: rows are neither doubled
// nor lost, and when only the user can tell, the run fails and says how.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include <functional>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using runtime::InstanceOptions;
using ::testing::HasSubstr;

/// A run that is interrupted after rows of stream numbers have been committed.
void interrupt_load(EngineHarness& h) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  h.source->script = counting_source(source);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_FALSE(h.database.rows("numbers").empty());
}

/// Another installation: the same pipeline and destination, a state of its own. Reads ids from 1000 on.
RunReport run_elsewhere(EngineHarness& h) {
  auto state = state::make_memory_state();
  CountingOptions far;
  far.rows = 1100;
  const Script script = std::exchange(h.source->script, counting_source(far));
  h.source->script.read = [read = h.source->script.read](const InstanceOptions& o, json ctx) {
    ctx["resume"] = {{"next", 1000}};
    return read(o, ctx);
  };
  std::swap(h.state, state);
  RunReport report = h.run();
  std::swap(h.state, state);
  h.source->script = script;
  return report;
}

TEST(Receipt, AnAppendDoesNotRestartWhenItsReceiptIsMissing) {
  for (const bool incremental : {false, true}) {
    SCOPED_TRACE(incremental);
    EngineHarness h;
    if (incremental) h.make_incremental();
    h.pipeline.file = h.folder / "a pipeline.yaml";
    interrupt_load(h);
    const auto rows = h.database.rows("numbers");
    const auto receipts = std::exchange(h.database.tables["numbers"].receipts, {});
    const std::string load = h.stream_state().load_id;
    for (int run = 0; run < 2; ++run) {
      const RunReport report = h.run();
      ASSERT_EQ(report.outcome, Outcome::kFailed);
      EXPECT_EQ(report.failure->error.code, "RECEIPT_MISSING");
      EXPECT_EQ(report.failure->stage, Stage::kState);
      EXPECT_FALSE(report.failure->error.retryable);
      for (const std::string& part :
           {load, std::to_string(rows.size()) + " rows", std::string("receipts_schema"), std::string("emptied"),
            "rapidbyte state reset '" + h.pipeline.file.string() + "' --stream numbers"}) {
        EXPECT_THAT(report.failure->error.message, HasSubstr(part));
      }
      EXPECT_EQ(h.database.rows("numbers"), rows);
    }
    // The cause is undone: the load resumes where it stopped.
    h.database.tables["numbers"].receipts = receipts;
    ASSERT_TRUE(h.run().succeeded());
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
}

// Texts that are kept where a position should be: cut short, of another shape, deeper than is read.
std::vector<std::string> unreadable_positions() {
  return {"", R"({"load_id":)", "[1]", "5", std::string(100'000, '[') + std::string(100'000, ']')};
}

void expect_position_invalid(const RunReport& report, Stage stage, const std::string& owner) {
  ASSERT_EQ(report.outcome, Outcome::kFailed) << why(report);
  EXPECT_EQ(report.failure->error.code, "POSITION_INVALID");
  EXPECT_EQ(report.failure->error.category, ErrorCategory::kData);
  EXPECT_FALSE(report.failure->error.retryable);
  EXPECT_EQ(report.failure->stage, stage);
  EXPECT_THAT(report.failure->error.message, HasSubstr("stream 'numbers': the position that " + owner + " keeps "));
  EXPECT_THAT(report.failure->error.message, HasSubstr("rapidbyte state reset "));
}

TEST(Receipt, AReceiptThatCannotBeReadIsNotTakenForNone) {
  for (const bool incremental : {false, true}) {
    for (const std::string& kept : unreadable_positions()) {
      SCOPED_TRACE(kept.substr(0, 20));
      EngineHarness h;
      if (incremental) h.make_incremental();
      interrupt_load(h);
      const auto rows = h.database.rows("numbers");
      const auto receipts = h.database.tables["numbers"].receipts;
      for (auto& [part, receipt] : h.database.tables["numbers"].receipts) receipt = kept;
      expect_position_invalid(h.run(), Stage::kDestination, "the destination " + h.destination->name());
      EXPECT_EQ(h.database.rows("numbers"), rows);
      // The receipt is there again: the load resumes where it stopped.
      h.database.tables["numbers"].receipts = receipts;
      ASSERT_TRUE(h.run().succeeded());
      EXPECT_EQ(h.database.rows("numbers"), count_to(100));
    }
  }
}

TEST(Receipt, AStatesPositionThatCannotBeReadIsNotTheBeginning) {
  for (const std::string& kept : unreadable_positions()) {
    SCOPED_TRACE(kept.substr(0, 20));
    // Between two increments: from the beginning every row would come twice.
    EngineHarness h;
    h.make_incremental();
    ASSERT_TRUE(h.run().succeeded());
    const state::StreamKey key{h.pipeline.name, "numbers", ""};
    ASSERT_TRUE(h.writer()->begin_load(key, "damaged", /*drop_checkpoint=*/false).ok());
    ASSERT_TRUE(h.writer()->save_checkpoint(key, "damaged", kept, 100).ok());
    ASSERT_TRUE(h.writer()->complete_load(key, "damaged").ok());
    expect_position_invalid(h.run(), Stage::kState, "the state");
    h.options.mode = RunMode::preview();
    expect_position_invalid(h.run(), Stage::kState, "the state");
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));

    // In the middle of a load.
    EngineHarness interrupted;
    interrupt_load(interrupted);
    const auto rows = interrupted.database.rows("numbers");
    ASSERT_TRUE(interrupted.writer()
                    ->save_checkpoint({interrupted.pipeline.name, "numbers", ""}, interrupted.stream_state().load_id,
                                      kept, rows.size())
                    .ok());
    expect_position_invalid(interrupted.run(), Stage::kState, "the state");
    EXPECT_EQ(interrupted.database.rows("numbers"), rows);
  }
}

TEST(Receipt, AnAppendDoesNotRestartWhenTheReceiptIsAnotherInstallations) {
  for (const bool incremental : {false, true}) {
    SCOPED_TRACE(incremental);
    EngineHarness h;
    if (incremental) h.make_incremental();
    interrupt_load(h);
    const RunReport other = run_elsewhere(h);
    ASSERT_TRUE(other.succeeded()) << why(other);
    const auto rows = h.database.rows("numbers");
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->error.code, "RECEIPT_FOREIGN");
    for (const std::string& part :
         {other.streams[0].load_id, h.stream_state().load_id, std::string("give every pipeline its own name"),
          "rapidbyte state reset " + h.pipeline.file.string() + " --stream numbers"}) {
      EXPECT_THAT(report.failure->error.message, HasSubstr(part));
    }
    EXPECT_EQ(h.database.rows("numbers"), rows);
    // As the message says: its rows are removed, and the load is given up.
    std::erase_if(h.database.tables["numbers"].rows, [](int64_t id) { return id < 1000; });
    ASSERT_TRUE(h.writer()->reset("numbers").ok());
    ASSERT_TRUE(h.run().succeeded());
    EXPECT_EQ(h.database.rows("numbers").size(), 200U);
  }
}

// The state did not learn of the first commit, and another installation has written its receipt over that commit's.
TEST(Receipt, AFirstCommitIsNotForgottenAfterAnotherInstallationsReceipt) {
  DatabaseOptions destination;
  destination.after_commit = once(0, make_error(ErrorCategory::kInternal, "KILLED", "killed here"));
  EngineHarness h({}, destination);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  ASSERT_FALSE(h.database.rows("numbers").empty());
  ASSERT_FALSE(h.stream_state().checkpoint_json.has_value());
  std::this_thread::sleep_for(2ms);  // ids of loads tell their order by the millisecond
  ASSERT_TRUE(run_elsewhere(h).succeeded());
  EXPECT_EQ(h.run().failure->error.code, "RECEIPT_FOREIGN");
}

TEST(Receipt, AReceiptOfAnEarlierLoadDoesNotHinderOneThatHasCommittedNothing) {
  for (const bool incremental : {false, true}) {
    SCOPED_TRACE(incremental);
    EngineHarness h;
    if (incremental) h.make_incremental();
    ASSERT_TRUE(h.run().succeeded());
    CountingOptions more;
    more.rows = 120;
    more.before_batch = once(0, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
    h.source->script = counting_source(more);
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    const RunReport third = h.run();
    ASSERT_TRUE(third.succeeded()) << why(third);
    EXPECT_EQ(third.rows_written(), incremental ? 20U : 120U);
  }
}

TEST(Receipt, RestartsWithoutAReceiptWhereThatDoublesNothing) {
  const auto lose_receipt = [](EngineHarness& h) { h.database.tables["numbers"].receipts.clear(); };
  {
    SCOPED_TRACE("upsert");
    EngineHarness h;
    h.pipeline.destination.write_mode = pipeline::WriteMode::kUpsert;
    h.pipeline.destination.primary_key = {"id"};
    interrupt_load(h);
    lose_receipt(h);
    ASSERT_TRUE(h.run().succeeded());
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
  {
    SCOPED_TRACE("no row was committed");
    CountingOptions none;
    none.rows = 0;
    EngineHarness h(none);
    const auto finish = std::exchange(h.destination->script.finish_stream, [](auto&&...) {
      return make_error(ErrorCategory::kInternal, "KILLED", "killed");
    });
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    ASSERT_TRUE(h.stream_state().committed);
    lose_receipt(h);
    h.destination->script.finish_stream = finish;
    h.source->script = counting_source({});
    const RunReport second = h.run();
    ASSERT_TRUE(second.succeeded()) << why(second);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
}

// The rows that the state learns of from the receipt count, too: else a load looks as if it had committed none.
TEST(Receipt, RowsOfACommitThatTheStateMissedAreCounted) {
  DatabaseOptions destination;
  destination.after_commit = [](const InstanceOptions&, int64_t) {
    return make_error(ErrorCategory::kInternal, "KILLED", "killed here");
  };
  EngineHarness h({}, destination);
  for (int run = 0; run < 3; ++run) ASSERT_EQ(h.run().failure->error.code, "KILLED");
  EXPECT_EQ(h.stream_state().rows_committed, 40U) << "the third run begins behind the second one's commit";
  EXPECT_EQ(h.database.rows("numbers"), count_to(60));
}

TEST(Receipt, RestartsWhenTheTableWasDropped) {
  CountingOptions source;
  source.before_batch = once(7, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  EngineHarness h(source);
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  h.database.tables.clear();
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100))
      << "resuming at the cursor would lose the rows that were deleted";
}

TEST(Receipt, TrustsTheStateForADestinationWithoutReceipts) {
  CountingOptions source;
  const auto killed = once(6, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
  state::StateBackend* state = nullptr;
  std::atomic<bool> marked = false;  // the source has sent its checkpoint behind batch 5
  const auto wait_until = [](const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  source.before_batch = [&](const runtime::InstanceOptions& o, int64_t batch) {
    if (batch == 6) {
      marked = true;
      // What is on its way when it ends would be in doubt, and refused.
      wait_until([&] { return state->load_stream({"p", "numbers", ""})->rows_committed >= 60; });
    }
    return killed(o, batch);
  };
  DatabaseOptions database;
  // The destination looks for a checkpoint when it has written a batch, and then only with the next one.
  database.before_write = [&](const runtime::InstanceOptions&, int64_t batch) {
    if (batch == 5) wait_until([&] { return marked.load(); });
    return Status();
  };
  EngineHarness h(source, database);
  state = h.state.get();
  h.destination->own_role().features = {};
  h.destination->script.last_committed = nullptr;
  ASSERT_EQ(h.run().failure->error.code, "KILLED");
  const RunReport second = h.run();
  ASSERT_TRUE(second.succeeded()) << why(second);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

}  // namespace
}  // namespace rapidbyte::engine
