// Loads whose rows do not add up: such a load is no success, and no later run takes it for one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One run in which the destination says that it wrote a row less than it did; it is honest again behind it.
void run_with_a_lie(EngineHarness& h) {
  const auto honest = h.destination->script.write;
  h.destination->script.write = [honest](const InstanceOptions& o, const json& c) {
    auto summary = honest(o, c);
    summary->records_written -= 1;
    return summary;
  };
  ASSERT_EQ(h.run().failure->error.code, "ROW_COUNT_MISMATCH");
  h.destination->script.write = honest;
}

TEST(Miscount, FailsWhenTheRowsDoNotAddUp) {
  struct Case {
    const char* name;
    Stage stage;
    std::function<void(EngineHarness&)> lie;
    const char* text;
  };
  const std::vector<Case> cases = {
      {"source claims more", Stage::kSource,
       [](EngineHarness& h) {
         const auto honest = h.source->script.read;
         h.source->script.read = [honest](const InstanceOptions& o, const json& c) {
           auto summary = honest(o, c);
           summary->records_read += 5;
           return summary;
         };
       },
       "105"},
      {"destination claims fewer", Stage::kDestination,
       [](EngineHarness& h) {
         const auto honest = h.destination->script.write;
         h.destination->script.write = [honest](const InstanceOptions& o, const json& c) {
           auto summary = honest(o, c);
           summary->records_written -= 1;
           return summary;
         };
       },
       "wrote 99"},
      {"destination leaves early", Stage::kDestination,
       [](EngineHarness& h) {
         h.destination->script.write = [](const InstanceOptions& o, const json&) -> Result<runtime::WriteSummary> {
           RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
           runtime::WriteSummary summary;
           summary.records_written = ids_of(batch->bytes()).size();
           return summary;
         };
       },
       "before it had taken all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EngineHarness h;
    c.lie(h);
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->stage, c.stage);
    EXPECT_THAT(report.failure->error.message, HasSubstr(c.text));
    EXPECT_TRUE(h.stream_state().load_in_progress);
    EXPECT_THAT(h.database.seen_calls(), ElementsAre("begin numbers"));
  }
}

TEST(Miscount, RefusesABatchThatCannotBeCountedWhateverTheGuestMakesOfIt) {
  for (const bool of_source : {true, false}) {
    SCOPED_TRACE(of_source ? "source" : "transform");
    EngineHarness h;
    const std::vector<std::byte> junk(100, std::byte{0x41});
    if (of_source) {
      const auto read = h.source->script.read;
      h.source->script.read = [&junk, read](const InstanceOptions& o, const json& c) {
        (void)o.services->emit_batch(junk);
        auto summary = read(o, c);
        // What the host refused counts as sent; and the guest says that all went well.
        if (!summary.ok()) return Result<runtime::ReadSummary>(runtime::ReadSummary{});
        return summary;
      };
    } else {
      Script pass;
      pass.transform = [&junk](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
        runtime::TransformSummary summary;
        while (true) {
          auto batch = o.services->next_batch();
          if (!batch.ok() || !*batch) return summary;
          summary.records_in += ids_of((*batch)->bytes()).size();
          summary.records_out = summary.records_in;
          (void)o.services->emit_batch(junk);
        }
      };
      h.runtime.add("pass", runtime::ConnectorRole::kTransform, pass);
      h.pipeline.transforms.emplace_back().use = "pass";
    }
    const RunReport report = h.run();
    ASSERT_EQ(report.outcome, Outcome::kFailed);
    EXPECT_EQ(report.failure->error.code, "INVALID_BATCH");
    EXPECT_EQ(report.failure->stage, of_source ? Stage::kSource : Stage::kTransform);
    EXPECT_THAT(h.database.rows("numbers"), ::testing::IsEmpty());
  }
}

TEST(Miscount, DoesNotTakeAMiscountedLoadForASuccessLater) {
  EngineHarness h;
  run_with_a_lie(h);
  const RunReport second = h.run();
  ASSERT_EQ(second.outcome, Outcome::kFailed);
  EXPECT_EQ(second.failure->error.code, "LOAD_MISCOUNTED");
  EXPECT_THAT(second.failure->error.message,
              HasSubstr("state reset " + h.pipeline.file.string() + " --stream numbers"));
  ASSERT_TRUE(h.writer()->reset("numbers").ok());
  EXPECT_TRUE(h.run().succeeded());
}

TEST(Miscount, RemembersAMiscountOfTheSourceOrATransformToo) {
  for (const bool of_source : {true, false}) {
    SCOPED_TRACE(of_source ? "source" : "transform");
    EngineHarness h;
    bool lie = true;
    const auto read = h.source->script.read;
    h.source->script.read = [&, read](const InstanceOptions& o, const json& c) {
      auto summary = read(o, c);
      if (summary.ok() && of_source && lie) summary->records_read += 5;
      return summary;
    };
    Script pass;
    pass.transform = [&](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
      runtime::TransformSummary summary;
      while (true) {
        RB_ASSIGN_OR_RETURN(auto batch, o.services->next_batch());
        if (!batch) break;
        summary.records_in += ids_of(batch->bytes()).size();
        RB_RETURN_NOT_OK(o.services->emit_batch(batch->bytes()));
      }
      summary.records_out = summary.records_in + (!of_source && lie ? 5 : 0);
      return summary;
    };
    h.runtime.add("pass", runtime::ConnectorRole::kTransform, pass)->own_role().features = {"stateless"};
    h.pipeline.transforms.resize(1);
    h.pipeline.transforms[0].use = "pass";
    const RunReport first = h.run();
    ASSERT_EQ(first.failure->error.code, "ROW_COUNT_MISMATCH");
    EXPECT_EQ(first.failure->stage, of_source ? Stage::kSource : Stage::kTransform);
    ASSERT_TRUE(h.stream_state().committed) << "the load must not resume from checkpoints before the lie";
    lie = false;
    const RunReport second = h.run();
    ASSERT_EQ(second.outcome, Outcome::kFailed);
    EXPECT_EQ(second.failure->error.code, "LOAD_MISCOUNTED");
    ASSERT_TRUE(h.writer()->reset("numbers").ok());
    h.database.tables.clear();
    ASSERT_TRUE(h.run().succeeded());
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
}

// The user has looked at the table: a receipt that is older, another load's or gone must not make rows come again.
TEST(Miscount, ALoadThatWasAcceptedIsFinishedWhateverTheDestinationsReceiptSays) {
  for (const char* receipt : {"newest", "older", "gone", "another load's"}) {
    SCOPED_TRACE(receipt);
    std::string older;
    EngineHarness* harness = nullptr;
    DatabaseOptions destination;
    destination.before_commit = [&](const InstanceOptions&, int64_t commit) -> Status {
      std::lock_guard lock(harness->database.mutex);
      if (commit == 1) older = harness->database.tables["numbers"].receipts["null"];
      return {};
    };
    EngineHarness h({}, destination);
    harness = &h;
    run_with_a_lie(h);
    ASSERT_THAT(older, HasSubstr(h.stream_state().load_id));
    auto& receipts = h.database.tables["numbers"].receipts;
    if (receipt == std::string("older")) receipts["null"] = older;
    if (receipt == std::string("gone")) receipts.clear();
    if (receipt == std::string("another load's")) receipts["null"] = R"({"load_id": "20200101T000000000Z-aa"})";
    EXPECT_EQ(h.run().failure->error.code, "LOAD_MISCOUNTED");
    ASSERT_TRUE(accept_load(*h.state, *h.writer(), "numbers").ok());
    const RunReport finished = h.run();
    ASSERT_TRUE(finished.succeeded()) << why(finished);
    EXPECT_EQ(finished.rows_read(), 0U);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100)) << "no row comes again";
    EXPECT_FALSE(h.stream_state().load_in_progress);
    EXPECT_FALSE(accept_load(*h.state, *h.writer(), "numbers").ok());
    ASSERT_TRUE(h.run().succeeded());
    EXPECT_EQ(h.database.rows("numbers").size(), 200U) << "a new load of the full table";
  }
}

TEST(Miscount, AGuestCannotEraseTheNoteOfAMiscount) {
  EngineHarness h;
  run_with_a_lie(h);
  // The host's state calls give a guest every key of its own pipeline (scope 0), and no other pipeline's.
  for (const char* key : {"miscounted", "miscounted:numbers", "engine:miscounted:numbers"}) {
    for (const state::PairKey& pair : {state::PairKey(key), {state::PairScope::kStream, "numbers", key}})
      ASSERT_TRUE(h.writer()->put(pair, "{}").ok());
  }
  EXPECT_EQ(h.run().failure->error.code, "LOAD_MISCOUNTED");
}

}  // namespace
}  // namespace rapidbyte::engine
