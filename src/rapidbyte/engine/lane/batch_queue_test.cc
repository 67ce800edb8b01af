#include "rapidbyte/engine/lane/batch_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace rapidbyte::engine {
namespace {

using namespace std::chrono_literals;

const std::shared_ptr<BufferPool> kPool = std::make_shared<BufferPool>(size_t{0});

std::span<const std::byte> bytes(size_t size) {
  static const std::vector<std::byte> kBytes(10'000, std::byte{'b'});
  return std::span(kBytes).first(size);
}

CheckpointMarker marker(int id) { return {protocol::Checkpoint(nlohmann::json{{"id", id}}), 0, false}; }

bool stays_blocked(std::future<Status>& call) { return call.wait_for(30ms) == std::future_status::timeout; }

TEST(BatchQueue, GivesBatchesInOrderAndThenTheEnd) {
  BatchQueue queue({16, 1000}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  ASSERT_TRUE(queue.push_batch(bytes(2), 1).ok());
  queue.close();
  EXPECT_EQ((*queue.pop())->batch.size(), 1U);
  EXPECT_EQ((*queue.pop())->batch.size(), 2U);
  EXPECT_FALSE((*queue.pop()).has_value());
  EXPECT_FALSE((*queue.pop()).has_value());
}

TEST(BatchQueue, BlocksTheProducerBeyondTheNumberOfBatches) {
  BatchQueue queue({2, 1000}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  auto third = std::async(std::launch::async, [&] { return queue.push_batch(bytes(1), 1); });
  EXPECT_TRUE(stays_blocked(third));
  ASSERT_TRUE(queue.pop().ok());
  EXPECT_TRUE(third.get().ok());
}

TEST(BatchQueue, BlocksTheProducerBeyondTheBytes) {
  BatchQueue queue({16, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(60), 1).ok());
  auto second = std::async(std::launch::async, [&] { return queue.push_batch(bytes(41), 1); });
  EXPECT_TRUE(stays_blocked(second));
  EXPECT_EQ(queue.counts().waiting_bytes, 60U);
  ASSERT_TRUE(queue.pop().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(queue.counts().waiting_bytes, 41U);
}

TEST(BatchQueue, AdmitsOneOversizedBatchWhenNoOtherWaits) {
  BatchQueue queue({16, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(5000), 1).ok());
  auto next = std::async(std::launch::async, [&] { return queue.push_batch(bytes(1), 1); });
  EXPECT_TRUE(stays_blocked(next));
  EXPECT_EQ((*queue.pop())->batch.size(), 5000U);
  EXPECT_TRUE(next.get().ok());
}

TEST(BatchQueue, MeasuresHowLongEachSideWaited) {
  BatchQueue queue({1, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  EXPECT_EQ(queue.counts().push_wait.count(), 0) << "there was room";
  auto blocked = std::async(std::launch::async, [&] { return queue.push_batch(bytes(1), 1); });
  EXPECT_TRUE(stays_blocked(blocked));
  ASSERT_TRUE(queue.pop().ok());
  ASSERT_TRUE(blocked.get().ok());
  EXPECT_GE(queue.counts().push_wait, 20ms);
  ASSERT_TRUE(queue.pop().ok());
  EXPECT_EQ(queue.counts().pop_wait.count(), 0) << "something was there each time";
  auto hungry = std::async(std::launch::async, [&] { return queue.pop().status(); });
  EXPECT_TRUE(stays_blocked(hungry));
  queue.close();
  ASSERT_TRUE(hungry.get().ok());
  EXPECT_GE(queue.counts().pop_wait, 20ms);
}

TEST(BatchQueue, TellsTheProducerThatTheConsumerIsGone) {
  BatchQueue queue({1, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  auto blocked = std::async(std::launch::async, [&] { return queue.push_batch(bytes(1), 1); });
  EXPECT_TRUE(stays_blocked(blocked));
  queue.abandon();
  EXPECT_EQ(blocked.get().error().code, "CHANNEL_SEND");
  EXPECT_EQ(queue.push_batch(bytes(1), 1).error().code, "CHANNEL_SEND");
  EXPECT_EQ(queue.push_marker(marker(1)).error().code, "CHANNEL_SEND");
  EXPECT_EQ(queue.counts().waiting_bytes, 0U);
}

TEST(BatchQueue, DoesNotLetAFailureOfTheProducerLookLikeTheEnd) {
  BatchQueue queue({4, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  queue.fail();
  EXPECT_EQ(queue.pop().error().code, "UPSTREAM_FAILED");
  BatchQueue empty({4, 100}, CancelToken(), kPool);
  auto waiting = std::async(std::launch::async, [&] { return empty.pop().status(); });
  EXPECT_TRUE(stays_blocked(waiting));
  empty.fail();
  EXPECT_EQ(waiting.get().error().code, "UPSTREAM_FAILED");
}

TEST(BatchQueue, GivesWhatACheckpointCoversBeforeTheProducersFailure) {
  BatchQueue queue({8, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  ASSERT_TRUE(queue.push_marker(marker(1)).ok());
  ASSERT_TRUE(queue.push_batch(bytes(2), 1).ok());
  queue.fail();
  EXPECT_EQ(queue.counts().waiting_bytes, 1U);
  EXPECT_EQ((*queue.pop())->batch.size(), 1U);
  EXPECT_TRUE((*queue.pop())->marker.has_value());
  EXPECT_EQ(queue.pop().error().code, "UPSTREAM_FAILED");
}

TEST(BatchQueue, StaysAnEndWhenTheConsumerLeavesAfterIt) {
  BatchQueue queue({4, 100}, CancelToken(), kPool);
  queue.close();
  queue.abandon();
  queue.fail();
  EXPECT_EQ(queue.push_batch(bytes(1), 1).error().code, "CHANNEL_SEND");
}

TEST(BatchQueue, WakesBothSidesOnCancellation) {
  CancelToken cancel;
  BatchQueue full({1, 100}, cancel, kPool);
  BatchQueue empty({1, 100}, cancel, kPool);
  ASSERT_TRUE(full.push_batch(bytes(1), 1).ok());
  auto push = std::async(std::launch::async, [&] { return full.push_batch(bytes(1), 1); });
  auto pop = std::async(std::launch::async, [&] { return empty.pop().status(); });
  EXPECT_TRUE(stays_blocked(push));
  EXPECT_TRUE(stays_blocked(pop));
  cancel.cancel();
  EXPECT_EQ(push.get().error().code, "CANCELLED");
  EXPECT_EQ(pop.get().error().code, "CANCELLED");
}

TEST(BatchQueue, CountsTheBatchesThatAMarkerCovers) {
  BatchQueue queue({4, 100}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_marker(marker(0)).ok());
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  ASSERT_TRUE(queue.push_batch(bytes(1), 1).ok());
  ASSERT_TRUE(queue.push_marker(marker(2)).ok());
  EXPECT_EQ((*queue.pop())->marker->batches_covered, 0U);
  EXPECT_FALSE(queue.pop_marker_if_next().has_value());
  EXPECT_FALSE((*queue.pop())->marker.has_value());
  EXPECT_FALSE((*queue.pop())->marker.has_value());
  EXPECT_EQ(queue.pop_marker_if_next()->batches_covered, 2U);
  EXPECT_FALSE(queue.pop_marker_if_next().has_value());
}

TEST(BatchQueue, KeepsOnlyTheNewestOfMarkersWithoutABatchBetween) {
  BatchQueue queue({1, 100}, CancelToken(), kPool);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(queue.push_marker(marker(i)).ok());
  EXPECT_EQ((*queue.pop())->marker->checkpoint.body()["id"], 999);
  queue.close();
  EXPECT_FALSE((*queue.pop()).has_value());
}

TEST(BatchQueue, CountsRowsAndBytes) {
  BatchQueue queue({16, 1000}, CancelToken(), kPool);
  ASSERT_TRUE(queue.push_batch(bytes(10), 7).ok());
  ASSERT_TRUE(queue.pop().ok());
  QueueCounts counts = queue.counts();
  EXPECT_EQ(counts.pushed_rows, 7U);
  EXPECT_EQ(counts.popped_rows, 7U);
  EXPECT_EQ(counts.popped_bytes, 10U);
}

TEST(BatchQueue, HoldsOnlyThePackedFormAndCountsTheOther) {
  for (const auto compression : {pipeline::Compression::kLz4, pipeline::Compression::kZstd}) {
    SCOPED_TRACE(pipeline::to_string(compression));
    // Ten of them as they are would not fit.
    BatchQueue queue({16, 20'000}, CancelToken(), kPool, compression);
    for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(queue.push_batch(bytes(10'000 - i), 5).ok());
    ASSERT_TRUE(queue.push_marker(marker(1)).ok());
    QueueCounts counts = queue.counts();
    EXPECT_EQ(counts.pushed_rows, 50U);
    EXPECT_EQ(counts.pushed_bytes, 99'955U);
    EXPECT_LT(counts.waiting_bytes, 5'000U);
    EXPECT_GT(counts.waiting_bytes, 0U);
    for (uint64_t i = 0; i < 10; ++i) {
      const auto item = queue.pop();
      ASSERT_TRUE(item.ok()) << item.status().to_string();
      EXPECT_TRUE(std::ranges::equal((*item)->batch.bytes(), bytes(10'000 - i)));
    }
    EXPECT_EQ((*queue.pop())->marker->rows_covered, 50U);
    counts = queue.counts();
    EXPECT_EQ(counts.popped_rows, 50U);
    EXPECT_EQ(counts.popped_bytes, 99'955U);
    EXPECT_EQ(counts.waiting_bytes, 0U);
  }
}

TEST(BatchQueue, DropsPackedBatchesAfterTheLastMarkerOfAProducerThatFailed) {
  BatchQueue queue({16, 20'000}, CancelToken(), kPool, pipeline::Compression::kLz4);
  ASSERT_TRUE(queue.push_batch(bytes(5'000), 1).ok());
  ASSERT_TRUE(queue.push_marker(marker(1)).ok());
  ASSERT_TRUE(queue.push_batch(bytes(6'000), 1).ok());
  queue.fail();
  EXPECT_EQ((*queue.pop())->batch.size(), 5'000U);
  EXPECT_TRUE((*queue.pop())->marker.has_value());
  EXPECT_EQ(queue.pop().error().code, "UPSTREAM_FAILED");
  EXPECT_EQ(queue.counts().waiting_bytes, 0U);
}

TEST(BatchQueue, LosesNothingBetweenTwoBusyThreads) {
  BatchQueue queue({3, 64}, CancelToken(), kPool);
  constexpr int kBatches = 2000;
  std::thread producer([&] {
    for (int i = 0; i < kBatches; ++i) {
      ASSERT_TRUE(queue.push_batch(bytes(static_cast<size_t>(i % 50 + 1)), 1).ok());
      if (i % 7 != 0) continue;
      ASSERT_TRUE(queue.push_marker(marker(i)).ok());
    }
    queue.close();
  });
  uint64_t taken = 0;
  while (true) {
    auto item = queue.pop();
    ASSERT_TRUE(item.ok());
    if (!item->has_value()) break;
    if ((*item)->marker) {
      EXPECT_EQ((*item)->marker->batches_covered, taken);
      continue;
    }
    EXPECT_EQ((*item)->batch.size(), taken % 50 + 1);
    ++taken;
    EXPECT_LE(queue.counts().waiting_bytes, 64U);
  }
  producer.join();
  EXPECT_EQ(taken, static_cast<uint64_t>(kBatches));
}

TEST(BatchQueue, WaitsForABatchOrForTheEndAndTakesNothing) {
  CancelToken cancel;
  BatchQueue queue({}, cancel, kPool);
  ASSERT_TRUE(queue.push_marker(marker(1)).ok());
  auto waiting = std::async(std::launch::async, [&] { return queue.wait_for_batch(); });
  EXPECT_EQ(waiting.wait_for(30ms), std::future_status::timeout) << "a marker is no batch";
  ASSERT_TRUE(queue.push_batch(bytes(10), 1).ok());
  const auto has_batch = waiting.get();
  ASSERT_TRUE(has_batch.ok());
  EXPECT_TRUE(*has_batch);
  EXPECT_TRUE((*queue.pop())->marker.has_value()) << "it is all there";
  queue.fail();
  EXPECT_EQ(queue.wait_for_batch().status().error().code, "UPSTREAM_FAILED") << "what no marker covers is gone";

  BatchQueue empty({}, cancel, kPool);
  ASSERT_TRUE(empty.push_marker(marker(1)).ok());
  empty.close();
  EXPECT_FALSE(*empty.wait_for_batch());
  EXPECT_TRUE((*empty.pop())->marker.has_value());
  EXPECT_FALSE((*empty.pop()).has_value());

  BatchQueue stopped({}, cancel, kPool);
  auto stuck = std::async(std::launch::async, [&] { return stopped.wait_for_batch(); });
  EXPECT_EQ(stuck.wait_for(30ms), std::future_status::timeout);
  cancel.cancel();
  EXPECT_EQ(stuck.get().status().error().code, "CANCELLED");
}

}  // namespace
}  // namespace rapidbyte::engine
