#include "rapidbyte/engine/checkpoint.h"

#include <gtest/gtest.h>

#include "rapidbyte/state/memory/memory_state_backend.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

CheckpointMarker marker(int next, uint64_t covered, bool end = false) {
  return {protocol::Checkpoint(json{{"next", next}}), covered, end};
}

class CommitTrackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(lease_->begin_load(key_, "load-1", true).ok());
    CommitTarget target;
    target.lease = lease_.get();
    target.key = key_;
    target.load_id = "load-1";
    target.rows_before = 1000;
    target.load_start_cursor = protocol::CursorValue::of_int64(5);
    target.on_commit = [this](uint64_t rows) { commits_.push_back(rows); };
    tracker_.begin(std::move(target));
  }
  json saved() {
    auto known = state_->load_stream(key_);
    return known->checkpoint_json ? json::parse(*known->checkpoint_json) : json();
  }

  std::unique_ptr<state::StateBackend> state_ = state::make_memory_state();
  std::unique_ptr<state::Lease> lease_ = std::move(*state_->acquire_lease("p", "run"));
  state::StreamKey key_{"p", "s", ""};
  CommitTracker tracker_;
  std::vector<uint64_t> commits_;
};

TEST_F(CommitTrackerTest, ShowsTheNewestCoveredMarkerWithLoadAndBatches) {
  EXPECT_FALSE(tracker_.pending().has_value());
  tracker_.taken(marker(10, 1));
  tracker_.taken(marker(20, 2));
  EXPECT_EQ(json::parse(*tracker_.pending()),
            json::parse(R"({"next":20,"load_id":"load-1","batches_covered":2,"load_start_cursor":{"int64":5}})"));
}

TEST_F(CommitTrackerTest, SavesOnlyWhatTheReportedCommitCovers) {
  tracker_.taken(marker(10, 1));
  const std::string receipt = *tracker_.pending();
  tracker_.taken(marker(20, 2));
  json report = json::parse(receipt);
  report["records_processed"] = 10;
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(report), 20).ok());
  EXPECT_EQ(saved()["next"], 10);
  EXPECT_EQ(commits_, (std::vector<uint64_t>{1010}));
  EXPECT_EQ(state_->load_stream(key_)->rows_committed, 1010U);
  EXPECT_EQ(json::parse(*tracker_.pending())["next"], 20);
}

// A destination of 2.0.0 names no batches, and may have taken some ahead of its commits: those are not committed.
TEST_F(CommitTrackerTest, WithoutBatchesOnlyMarkersWhoseRowsTheReportCountsBecomeDurable) {
  const auto with_rows = [](CheckpointMarker marker, std::optional<uint64_t> rows) {
    marker.rows_covered = rows;
    return marker;
  };
  tracker_.taken(with_rows(marker(10, 1), 100));
  tracker_.taken(with_rows(marker(20, 2), 200));
  tracker_.taken(with_rows(marker(30, 3), std::nullopt));
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"id", "x"}}), 300).ok());
  EXPECT_TRUE(saved().is_null()) << "no count";
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 301}}), 300).ok());
  EXPECT_TRUE(saved().is_null()) << "more than it was given";
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 100}}), std::nullopt).ok());
  EXPECT_TRUE(saved().is_null()) << "not counted by the host";
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 199}}), 300).ok());
  EXPECT_EQ(saved()["next"], 10);
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 300}}), 300).ok());
  EXPECT_EQ(saved()["next"], 20) << "the rows of the third are not known";
  ASSERT_TRUE(tracker_.finished().ok());
  EXPECT_EQ(saved()["next"], 30);
}

TEST_F(CommitTrackerTest, SavesNothingWithoutAMarker) {
  ASSERT_TRUE(tracker_.committed(protocol::Checkpoint(json{{"records_processed", 7}}), 20).ok());
  EXPECT_TRUE(saved().is_null());
  EXPECT_EQ(tracker_.rows_committed(), 7U);
  EXPECT_EQ(tracker_.commits(), 0U);
}

TEST_F(CommitTrackerTest, MarksTheEndAndReplacesAMarkerOverTheSameBatches) {
  tracker_.taken(marker(20, 2));
  tracker_.taken(marker(20, 2, true));
  EXPECT_EQ(json::parse(*tracker_.pending())["end"], true);
  ASSERT_TRUE(tracker_.finished().ok());
  EXPECT_EQ(saved()["end"], true);
  ASSERT_TRUE(tracker_.finished().ok());
  EXPECT_EQ(tracker_.commits(), 1U);
}

TEST_F(CommitTrackerTest, DropsAnEndThatCameWithTheSourcesContent) {
  CheckpointMarker stale = marker(10, 1);
  stale.checkpoint.set_end(true);
  stale.checkpoint.set_load_id("load-0");
  tracker_.taken(stale);
  const json pending = json::parse(*tracker_.pending());
  EXPECT_FALSE(pending.contains("end"));
  EXPECT_EQ(pending["load_id"], "load-1");
}

TEST_F(CommitTrackerTest, KeepsTheMarkerWhenTheStateFails) {
  ASSERT_TRUE(lease_->complete_load(key_, "load-1").ok());  // saving is refused from here on
  tracker_.taken(marker(10, 1));
  EXPECT_FALSE(tracker_.committed(protocol::Checkpoint(json{{"batches_covered", 9}}), 20).ok());
  EXPECT_TRUE(tracker_.pending().has_value());
  EXPECT_TRUE(commits_.empty());
}

}  // namespace
}  // namespace rapidbyte::engine
