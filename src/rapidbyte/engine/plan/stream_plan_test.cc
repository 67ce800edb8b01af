#include "rapidbyte/engine/plan/stream_plan.h"

#include <gtest/gtest.h>

#include "rapidbyte/engine/load/scratch_state.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using pipeline::StreamConfig;
using pipeline::SyncMode;
using pipeline::WriteMode;

class PlanStreamsTest : public ::testing::Test {
 protected:
  PlanStreamsTest() {
    stream_.name = "orders";
    prepared_.source = h_.source;
    prepared_.destination = h_.destination;
  }
  Result<std::vector<StreamPlan>> plan_of(std::vector<StreamConfig> selected) {
    RB_ASSIGN_OR_RETURN(prepared_.catalog, protocol::parse_catalog(catalog_.dump(), "source-x"));
    return plan_streams(prepared_, std::move(selected), {});
  }
  Result<std::vector<StreamPlan>> plan() { return plan_of({stream_}); }
  std::string code() {
    auto plans = plan();
    return plans.ok() ? "" : plans.error().code;
  }
  std::string message() {
    auto plans = plan();
    return plans.ok() ? "" : plans.error().message;
  }

  EngineHarness h_;
  PreparedPipeline prepared_{h_.pipeline, h_.runtime};
  StreamConfig stream_;
  json catalog_ = json::parse(R"({"streams": [
    {"name": "orders", "schema": [{"name": "id", "data_type": "Int64"}, {"name": "changed_at", "data_type": "Utf8"}],
     "supported_sync_modes": ["full_refresh", "incremental"]},
    {"name": "customers", "schema": {"columns": [{"name": "id", "data_type": "Int64"}]}}]})");
};

TEST_F(PlanStreamsTest, TakesTheColumnsOfBothShapesOfASchema) {
  auto plans = plan_of({});
  ASSERT_TRUE(plans.ok());
  ASSERT_EQ(plans->size(), 2U);
  EXPECT_EQ((*plans)[0].columns.size(), 2U);
  EXPECT_EQ((*plans)[1].columns.size(), 1U);
  EXPECT_EQ((*plans)[1].config.sync_mode, SyncMode::kFullRefresh);
}

TEST_F(PlanStreamsTest, GuessesWhatAnUnknownStreamWasMeantToBe) {
  stream_.name = "oders";
  EXPECT_EQ(code(), "UNKNOWN_STREAM");
  EXPECT_NE(message().find("did you mean"), std::string::npos) << message();
  EXPECT_NE(message().find("orders"), std::string::npos);
  stream_.name = "zzz";
  EXPECT_NE(message().find("customers"), std::string::npos) << message();
}

TEST_F(PlanStreamsTest, SaysThatThereIsNothingToRead) {
  catalog_["streams"] = json::array();
  auto plans = plan_of({});
  EXPECT_EQ(plans.error().code, "NO_STREAMS");
}

TEST_F(PlanStreamsTest, ChecksTheSyncModeAgainstTheStreamAndElseTheManifest) {
  stream_.sync_mode = SyncMode::kCdc;
  EXPECT_EQ(code(), "UNSUPPORTED_SYNC_MODE");
  catalog_["streams"][0].erase("supported_sync_modes");
  EXPECT_EQ(code(), "");
  h_.source->own_role().modes = {"full_refresh"};
  EXPECT_EQ(code(), "UNSUPPORTED_SYNC_MODE");
  EXPECT_NE(message().find("full_refresh"), std::string::npos);
}

// The published connectors of 2.0.0: their catalogs name full_refresh only, their manifests both modes.
TEST_F(PlanStreamsTest, ASyncModeOfA200SourceNeedsOnlyTheManifestOrTheCatalog) {
  stream_.sync_mode = SyncMode::kIncremental;
  stream_.cursor_field = "id";
  catalog_["streams"][0]["supported_sync_modes"] = {"full_refresh"};
  h_.source->own_role().modes = {"full_refresh", "incremental"};
  EXPECT_EQ(code(), "UNSUPPORTED_SYNC_MODE") << "who speaks 2.1 means what it says";
  h_.source->protocol_ = "2.0.0";
  auto plans = plan();
  ASSERT_TRUE(plans.ok()) << message();
  ASSERT_EQ((*plans)[0].warnings.size(), 1U);
  EXPECT_NE((*plans)[0].warnings[0].find("its catalog names only full_refresh"), std::string::npos);
  catalog_["streams"][0]["supported_sync_modes"] = {"full_refresh", "incremental"};
  h_.source->own_role().modes = {"full_refresh"};
  plans = plan();
  ASSERT_TRUE(plans.ok());
  EXPECT_TRUE((*plans)[0].warnings.empty()) << "what a source says of a stream is nearer than its manifest";
  catalog_["streams"][0]["supported_sync_modes"] = {"full_refresh"};
  EXPECT_EQ(code(), "UNSUPPORTED_SYNC_MODE") << "neither has it";
}

TEST_F(PlanStreamsTest, AnUpsertIntoA200DestinationNeedsNoWordOfItsManifest) {
  h_.pipeline.destination.write_mode = WriteMode::kUpsert;
  h_.pipeline.destination.primary_key = {"id"};
  h_.destination->own_role().modes = {"append", "replace"};
  EXPECT_EQ(code(), "UNSUPPORTED_WRITE_MODE");
  h_.destination->protocol_ = "2.0.0";
  auto plans = plan();
  ASSERT_TRUE(plans.ok()) << message();
  ASSERT_EQ((*plans)[0].warnings.size(), 1U);
  EXPECT_NE((*plans)[0].warnings[0].find("names only append, replace"), std::string::npos);
  h_.destination->own_role().modes = {"append", "replace", "upsert"};
  EXPECT_TRUE((*plan())[0].warnings.empty());
  h_.destination->own_role().modes = {"append"};
  h_.pipeline.destination.write_mode = WriteMode::kReplace;
  EXPECT_EQ(code(), "UNSUPPORTED_WRITE_MODE") << "only upsert is known to be left out of manifests";
}

TEST_F(PlanStreamsTest, NeedsACursorThatIsAColumn) {
  stream_.sync_mode = SyncMode::kIncremental;
  EXPECT_EQ(code(), "CURSOR_FIELD_MISSING");
  stream_.cursor_field = "change_at";
  EXPECT_EQ(code(), "CURSOR_FIELD_MISSING");
  EXPECT_NE(message().find("changed_at"), std::string::npos) << message();
  stream_.cursor_field = "changed_at";
  EXPECT_EQ(code(), "");
  stream_.cursor_field.reset();
  catalog_["streams"][0]["source_defined_cursor"] = "id";
  EXPECT_EQ((*plan())[0].config.cursor_field, "id");
}

TEST_F(PlanStreamsTest, NeedsAKeyForUpsert) {
  h_.pipeline.destination.write_mode = WriteMode::kUpsert;
  EXPECT_EQ(code(), "PRIMARY_KEY_MISSING");
  catalog_["streams"][0]["source_defined_primary_key"] = {"id"};
  EXPECT_EQ((*plan())[0].config.primary_key, (std::vector<std::string>{"id"}));
  h_.pipeline.destination.primary_key = {"changed_at"};
  EXPECT_EQ((*plan())[0].config.primary_key, (std::vector<std::string>{"changed_at"}));
  stream_.primary_key = {"id", "nope"};
  EXPECT_EQ(code(), "PRIMARY_KEY_MISSING");
}

TEST_F(PlanStreamsTest, ChecksTheWriteMode) {
  h_.destination->own_role().modes = {"append"};
  stream_.write_mode = WriteMode::kReplace;
  EXPECT_EQ(code(), "UNSUPPORTED_WRITE_MODE");
  h_.destination->own_role().modes = {"append", "replace"};
  EXPECT_EQ(code(), "");
  stream_.sync_mode = SyncMode::kIncremental;
  stream_.cursor_field = "id";
  EXPECT_EQ(code(), "UNSUPPORTED_WRITE_MODE") << "an incremental replace would leave only the newest rows";
}

TEST(SelectStreams, KeepsThePipelinesOrder) {
  std::vector<StreamConfig> streams(3);
  streams[0].name = "a";
  streams[1].name = "b";
  streams[2].name = "c";
  auto some = select_streams(streams, {"c", "a"});
  ASSERT_EQ(some->size(), 2U);
  EXPECT_EQ((*some)[0].name, "a");
  EXPECT_EQ(select_streams(streams, {})->size(), 3U);
  EXPECT_EQ(select_streams(streams, {"d"}).error().code, "UNKNOWN_STREAM");
}

TEST(SelectStreams, TakesPatternsOfWhichEachMustStandForSomething) {
  std::vector<pipeline::StreamConfig> streams(4);
  const char* names[] = {"public.orders", "public.items", "audit.log", "a*"};
  for (size_t i = 0; i < 4; ++i) streams[i].name = names[i];
  const auto selected = [&](const std::vector<std::string>& only) {
    std::vector<std::string> found;
    auto chosen = select_streams(streams, only);
    if (!chosen.ok()) return std::vector<std::string>{chosen.error().code, chosen.error().message};
    for (const auto& stream : *chosen) found.push_back(stream.name);
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(selected({"public.*"}), (Names{"public.orders", "public.items"}));
  EXPECT_EQ(selected({"*.log", "public.item?", "*.items"}), (Names{"public.items", "audit.log"}));
  EXPECT_EQ(selected({"a*"}), (Names{"a*"})) << "an exact name wins";
  EXPECT_EQ(selected({"[a]*"}), (Names{"audit.log", "a*"}));
  EXPECT_EQ(selected({"public.*", "puplic.oders*"}),
            (Names{"UNKNOWN_STREAM",
                   "the pipeline has no stream that matches 'puplic.oders*'; did you mean public.orders?"}));
  EXPECT_EQ(
      selected({"x?"}),
      (Names{"UNKNOWN_STREAM",
             "the pipeline has no stream that matches 'x?'; known are public.orders, public.items, audit.log, a*"}));
}

TEST(ScratchState, ReadsThroughAndKeepsWritesToItself) {
  auto real = state::make_memory_state();
  ASSERT_TRUE(state::memory_writer(*real, "p")->put("k", "real").ok());
  ASSERT_TRUE(state::memory_writer(*real, "q")->put("k", "another pipeline's").ok());
  ScratchState scratch(*real, "p");
  EXPECT_EQ(**scratch.get("k"), "real");
  ASSERT_TRUE(scratch.put("k", "mine").ok());
  EXPECT_EQ(**scratch.get("k"), "mine");
  EXPECT_FALSE(*scratch.compare_and_set("k", "real", "x"));
  EXPECT_TRUE(*scratch.compare_and_set("k", "mine", "other"));
  EXPECT_TRUE(*scratch.compare_and_set("new", std::nullopt, "n"));
  EXPECT_FALSE(*scratch.compare_and_set("new", std::nullopt, "n"));
  EXPECT_EQ(**real->get("p", "k"), "real");
  EXPECT_FALSE(real->get("p", "new")->has_value());
}

TEST(ScratchState, HasTheQuotaOfTheRealState) {
  auto real = state::make_memory_state();
  ScratchState scratch(*real, "p");
  const std::string large(state::kMaxValueBytes, 'x');
  EXPECT_FALSE(scratch.put("too large", large + "x").ok());
  std::string last;
  for (int i = 0; i < 20 && last.empty(); ++i) {
    const Status kept = scratch.put("k" + std::to_string(i), large);
    if (!kept.ok()) last = kept.error().code;
  }
  EXPECT_EQ(last, "STATE_QUOTA");
  EXPECT_TRUE(scratch.put("k0", "small").ok()) << "what is replaced makes room";
  EXPECT_TRUE(scratch.put("more", "small").ok());
  EXPECT_TRUE(*scratch.compare_and_set("k0", "small", std::string(large.size() / 2, 'y')));
  EXPECT_FALSE(scratch.compare_and_set("k1", large, large + "y").ok());
}

}  // namespace
}  // namespace rapidbyte::engine
