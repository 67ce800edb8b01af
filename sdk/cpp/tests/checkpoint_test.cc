#include "rapidbyte/sdk/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using ::testing::HasSubstr;

StreamContext context(uint64_t bytes, uint64_t rows, uint64_t seconds) {
  StreamContext ctx;
  ctx.stream_name = "orders";
  ctx.run_id = "run-9";
  ctx.limits.checkpoint_interval_bytes = bytes;
  ctx.limits.checkpoint_interval_rows = rows;
  ctx.limits.checkpoint_interval_seconds = seconds;
  return ctx;
}

TEST(CheckpointPacerTest, IsDueByBytesOrRowsAndThenStartsOver) {
  FakeHost host;
  CheckpointPacer pacer(context(1000, 50, 0));
  EXPECT_FALSE(pacer.due());
  pacer.add_batch(10, 999);
  EXPECT_FALSE(pacer.due());
  pacer.add_batch(1, 1);
  EXPECT_TRUE(pacer.due());
  ASSERT_TRUE(pacer.emit(CursorValue::of_int64(5)).ok());
  EXPECT_FALSE(pacer.due());
  pacer.add_batch(50, 1);
  EXPECT_TRUE(pacer.due());
}

TEST(CheckpointPacerTest, AnIntervalOfZeroIsOff) {
  FakeHost host;
  CheckpointPacer pacer(context(0, 0, 0));
  pacer.add_batch(1U << 30U, 1U << 30U);
  EXPECT_FALSE(pacer.due());
}

TEST(CheckpointPacerTest, SendsTotalsTheCursorAndTheSourcesOwnKeys) {
  FakeHost host;
  StreamContext ctx = context(1, 0, 0);
  ctx.cursor = CursorInfo{"id", "int64", {}};
  CheckpointPacer pacer(ctx);
  pacer.add_batch(3, 30);
  ASSERT_TRUE(pacer.emit_if_due(CursorValue::of_int64(3), Json{{"file", "a.csv"}, {"kind", "overwritten"}}).ok());
  pacer.add_batch(4, 40);
  ASSERT_TRUE(pacer.emit_if_due(CursorValue::of_int64(7)).ok());
  ASSERT_EQ(host.checkpoints().size(), 2U);
  EXPECT_EQ(host.checkpoints()[0].kind, host::CheckpointKind::kSource);
  EXPECT_EQ(to_text(host.checkpoints()[0].payload),
            R"({"bytes_processed":30,"cursor_field":"id","cursor_value":{"int64":3},"file":"a.csv",)"
            R"("id":"run-9/orders/1","kind":"source","records_processed":3,"stream":"orders"})");
  EXPECT_EQ(uint_member(host.checkpoints()[1].payload, "records_processed"), 7U);
  EXPECT_EQ(pacer.count(), 2U);
}

TEST(CheckpointPacerTest, AFailedCheckpointIsDueAgain) {
  FakeHost host;
  host.fail_call("checkpoint", 1, internal_error("STATE_BACKEND", "disk full").error());
  CheckpointPacer pacer(context(1, 0, 0));
  pacer.add_batch(1, 1);
  EXPECT_FALSE(pacer.emit_if_due(CursorValue()).ok());
  EXPECT_TRUE(pacer.due());
  EXPECT_EQ(pacer.count(), 0U);
}

std::vector<uint8_t> batch_named(uint8_t name) { return {name}; }

/// A destination that keeps what it wrote and what it committed, to compare with the receipts.
struct Table {
  std::vector<uint8_t> open_transaction;
  std::vector<uint8_t> committed;
  std::vector<Json> receipts;

  Result<WriteCount> write(std::span<const uint8_t> batch) {
    open_transaction.push_back(batch[0]);
    return WriteCount{.written = 10};
  }
  Status commit(const std::string& checkpoint) {
    committed.insert(committed.end(), open_transaction.begin(), open_transaction.end());
    open_transaction.clear();
    receipts.push_back(*parse_json(checkpoint));
    // What a receipt says must be what is in the table, neither more nor less.
    EXPECT_EQ(uint_member(receipts.back(), "batches_covered"), committed.size());
    return {};
  }
  Result<WriteSummary> run() {
    return run_commit_loop([this](std::span<const uint8_t> batch) { return write(batch); },
                           [this](const std::string& checkpoint) { return commit(checkpoint); });
  }
};

class CommitLoopTest : public ::testing::TestWithParam<bool> {};

TEST_P(CommitLoopTest, CommitsAtEveryMarkerAndAtTheEnd) {
  FakeHost host;
  host.eager_markers = GetParam();
  host.push_batch(batch_named(1));
  host.push_batch(batch_named(2));
  host.push_marker({{"cursor", 2}});
  host.push_batch(batch_named(3));
  host.push_end_marker();
  Table table;
  const auto summary = table.run();
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(table.committed, (std::vector<uint8_t>{1, 2, 3}));
  ASSERT_EQ(table.receipts.size(), 2U);
  EXPECT_EQ(bool_member(table.receipts[1], "end"), true);
  EXPECT_EQ(summary->records_written, 30U);
  EXPECT_EQ(summary->batches_written, 3U);
  EXPECT_EQ(summary->checkpoint_count, 2U);
  ASSERT_EQ(host.checkpoints().size(), 2U);
  EXPECT_EQ(uint_member(host.checkpoints()[0].payload, "records_processed"), 20U);
  EXPECT_EQ(string_member(host.checkpoints()[0].payload, "load_id"), "load-1");
  EXPECT_EQ(host.durable_markers().size(), 2U);
}

TEST_P(CommitLoopTest, AnyOrderOfBatchesAndMarkersEndsWithEverythingCommitted) {
  std::minstd_rand random(3);
  for (int round = 0; round < 300; ++round) {
    FakeHost host;
    host.eager_markers = GetParam();
    std::vector<uint8_t> sent;
    for (auto i = random() % 12; i > 0; --i) {
      if (random() % 3 == 0) {
        host.push_marker({{"cursor", sent.size()}, {"n", i}});
      } else {
        sent.push_back(static_cast<uint8_t>(sent.size() + 1));
        host.push_batch(batch_named(sent.back()));
      }
    }
    host.push_end_marker();
    Table table;
    const auto summary = table.run();
    ASSERT_TRUE(summary.ok()) << summary.status().to_string();
    ASSERT_EQ(table.committed, sent);
    ASSERT_FALSE(table.receipts.empty());
    EXPECT_EQ(bool_member(table.receipts.back(), "end"), true);
  }
}

TEST_P(CommitLoopTest, AStreamThatEndsUncoveredIsAnErrorAndNotCommitted) {
  FakeHost host;
  host.eager_markers = GetParam();
  host.push_batch(batch_named(1));
  host.push_marker({{"cursor", 1}});
  host.push_batch(batch_named(2));
  Table table;
  const auto summary = table.run();
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "UNCOVERED_BATCHES");
  EXPECT_EQ(table.committed, (std::vector<uint8_t>{1}));
}

TEST_P(CommitLoopTest, AFailureAtAnyHostCallNeverCommitsMoreThanTheReceiptSays) {
  for (const char* function : {"next-batch", "pending-checkpoint", "checkpoint"}) {
    for (uint64_t nth = 1; nth < 12; ++nth) {
      FakeHost host;
      host.eager_markers = GetParam();
      for (uint8_t i = 1; i <= 4; ++i) {
        host.push_batch(batch_named(i));
        if (i % 2 == 0) host.push_marker({{"cursor", i}});
      }
      host.push_end_marker();
      host.fail_call(function, nth, internal_error("BROKEN", "by the test").error());
      Table table;
      const auto summary = table.run();
      if (host.calls(function) < nth) {
        EXPECT_TRUE(summary.ok());
        continue;
      }
      ASSERT_FALSE(summary.ok()) << function << " " << nth;
      EXPECT_EQ(summary.error().code, "BROKEN");
      const bool after_commit = summary.error().commit_state == CommitState::kAfterCommitConfirmed;
      EXPECT_EQ(after_commit, std::string_view(function) == "checkpoint");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Markers, CommitLoopTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Eager" : "Lazy"; });

TEST(CommitLoopOrderTest, AnErrorOfTheCommitStopsEverything) {
  FakeHost host;
  host.push_batch(batch_named(1));
  host.push_end_marker();
  const auto summary = run_commit_loop([](std::span<const uint8_t>) { return Result<WriteCount>(WriteCount{1, 0}); },
                                       [](const std::string&) { return transient_db_error("BUSY", "locked"); });
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "BUSY");
  EXPECT_EQ(host.calls("checkpoint"), 0U);
  EXPECT_TRUE(host.durable_markers().empty());
}

TEST(CommitLoopOrderTest, RowsThatSettleLateAreCountedBeforeTheirCommit) {
  FakeHost host;
  host.eager_markers = true;
  for (uint8_t i = 1; i <= 3; ++i) host.push_batch(batch_named(i));
  host.push_marker({{"cursor", 3}});
  host.push_batch(batch_named(4));
  host.push_end_marker();
  uint64_t open = 0;
  std::vector<std::string> order;
  const auto summary = run_commit_loop(
      [&](std::span<const uint8_t>) -> Result<WriteCount> {
        open += 10;
        return WriteCount{};
      },
      [&](const std::string&) -> Status {
        order.emplace_back("commit");
        return {};
      },
      [&]() -> Result<WriteCount> {
        order.emplace_back("settle");
        return WriteCount{.written = std::exchange(open, 0) - 1, .failed = 1};
      });
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 38U);
  EXPECT_EQ(summary->records_failed, 2U);
  EXPECT_EQ(order, (std::vector<std::string>{"settle", "commit", "settle", "commit"}));
  ASSERT_EQ(host.checkpoints().size(), 2U);
  EXPECT_EQ(uint_member(host.checkpoints()[0].payload, "records_processed"), 29U);
}

TEST(CommitLoopOrderTest, NothingIsCommittedWhenRowsDoNotSettle) {
  FakeHost host;
  host.push_batch(batch_named(1));
  host.push_end_marker();
  bool committed = false;
  const auto summary = run_commit_loop([](std::span<const uint8_t>) { return Result<WriteCount>(WriteCount{}); },
                                       [&](const std::string&) -> Status {
                                         committed = true;
                                         return {};
                                       },
                                       []() -> Result<WriteCount> { return data_error("REFUSED", "a row"); });
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "REFUSED");
  EXPECT_FALSE(committed);
}

TEST(CommitGateTest, RefusesACheckpointWithoutACount) {
  FakeHost host;
  host.push_batch(batch_named(1));
  host.push_raw_marker({{"cursor", 1}});
  ASSERT_TRUE(host::next_batch().ok());
  CommitGate gate;
  const auto polled = gate.poll();
  ASSERT_FALSE(polled.ok());
  EXPECT_EQ(polled.error().code, "INVALID_CHECKPOINT");
  EXPECT_THAT(polled.error().message, HasSubstr("batches_covered"));
}

TEST(CommitGateTest, OffersACheckpointOnce) {
  FakeHost host;
  host.push_batch(batch_named(1));
  host.push_marker({{"cursor", 1}});
  ASSERT_TRUE(host::next_batch().ok());
  CommitGate gate;
  EXPECT_EQ(*gate.poll(), std::nullopt) << "the batch is not written yet";
  gate.batch_written();
  EXPECT_FALSE(gate.check_complete().ok());
  const auto checkpoint = *gate.poll();
  ASSERT_TRUE(checkpoint);
  ASSERT_TRUE(gate.committed(*checkpoint, 1).ok());
  EXPECT_EQ(*gate.poll(), std::nullopt);
  EXPECT_TRUE(gate.check_complete().ok());
}

}  // namespace
}  // namespace rapidbyte::sdk
