#include "rapidbyte/base/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <thread>

namespace rapidbyte {
namespace {

constexpr size_t kMiB = size_t{1} << 20U;

TEST(BufferPool, GivesTheSizeAskedForAndReusesTheMemory) {
  BufferPool pool(16 * kMiB);
  const std::byte* first = nullptr;
  {
    PooledBuffer buffer = pool.acquire(kMiB);
    EXPECT_EQ(buffer.size(), kMiB);
    EXPECT_GE(buffer.capacity(), kMiB);
    std::memset(buffer.data(), 1, buffer.size());
    first = buffer.data();
    EXPECT_EQ(pool.idle_bytes(), 0U);
  }
  EXPECT_GE(pool.idle_bytes(), kMiB);
  const PooledBuffer again = pool.acquire(kMiB - 100);
  EXPECT_EQ(again.data(), first);
  EXPECT_EQ(again.size(), kMiB - 100);
  EXPECT_EQ(pool.idle_bytes(), 0U);
}

TEST(BufferPool, KeepsAtMostWhatItMay) {
  BufferPool pool(3 * kMiB);
  {
    const PooledBuffer a = pool.acquire(kMiB);
    const PooledBuffer b = pool.acquire(kMiB);
    const PooledBuffer c = pool.acquire(kMiB);
    const PooledBuffer d = pool.acquire(8 * kMiB);
  }
  EXPECT_LE(pool.idle_bytes(), 3 * kMiB);
  EXPECT_GE(pool.idle_bytes(), 2 * kMiB);
  BufferPool none(0);
  {
    const PooledBuffer a = none.acquire(1);
  }
  EXPECT_EQ(none.idle_bytes(), 0U);
}

TEST(BufferPool, DoesNotSpendALargeBlockOnASmallBatch) {
  BufferPool pool(64 * kMiB);
  {
    const PooledBuffer large = pool.acquire(32 * kMiB);
  }
  const PooledBuffer small = pool.acquire(1024);
  EXPECT_LT(small.capacity(), kMiB);
  EXPECT_GE(pool.idle_bytes(), 32 * kMiB);
}

TEST(BufferPool, TakesTheSmallestBlockThatFits) {
  BufferPool pool(64 * kMiB);
  const std::byte* fitting = nullptr;
  {
    const PooledBuffer large = pool.acquire(3 * kMiB);
    const PooledBuffer middle = pool.acquire(2 * kMiB);
    const PooledBuffer small = pool.acquire(kMiB);
    fitting = middle.data();
  }
  EXPECT_EQ(pool.acquire(kMiB + kMiB / 2).data(), fitting);
}

TEST(BufferPool, CopiesBytes) {
  BufferPool pool(kMiB);
  const std::string text = "twelve bytes";
  const PooledBuffer copy = pool.copy_of(std::as_bytes(std::span(text)));
  ASSERT_EQ(copy.bytes().size(), text.size());
  EXPECT_EQ(std::memcmp(copy.data(), text.data(), text.size()), 0);
  EXPECT_EQ(pool.copy_of({}).size(), 0U);
}

TEST(BufferPool, MovedBuffersHaveOneOwner) {
  BufferPool pool(16 * kMiB);
  {
    PooledBuffer first = pool.acquire(100);
    const std::byte* data = first.data();
    PooledBuffer second = std::move(first);
    EXPECT_EQ(second.data(), data);
    EXPECT_EQ(first.data(), nullptr);  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what a
                                       // moved-from buffer shows is promised
    EXPECT_EQ(first.size(), 0U);
    PooledBuffer third = pool.acquire(200);
    third = std::move(second);
    EXPECT_EQ(third.data(), data);
    EXPECT_EQ(third.size(), 100U);
    EXPECT_GT(pool.idle_bytes(), 0U) << "what was overwritten went back";
  }
  const size_t idle = pool.idle_bytes();
  const PooledBuffer a = pool.acquire(100);
  EXPECT_LT(pool.idle_bytes(), idle);
}

TEST(BufferPool, ABufferShrinksWithinItsBlock) {
  BufferPool pool(kMiB);
  PooledBuffer buffer = pool.acquire(1000);
  buffer.resize_within_capacity(10);
  EXPECT_EQ(buffer.bytes().size(), 10U);
}

TEST(BufferPool, BuffersMayOutliveThePool) {
  PooledBuffer survivor;
  {
    BufferPool pool(kMiB);
    survivor = pool.acquire(1000);
  }
  std::memset(survivor.data(), 7, survivor.size());
}

TEST(BufferPool, ManyThreadsNeverShareABlock) {
  BufferPool pool(4 * kMiB);
  std::vector<std::thread> threads;
  std::vector<int> clashes(4, 0);
  for (size_t t = 0; t < clashes.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        PooledBuffer buffer = pool.acquire(2000 + t);
        std::memset(buffer.data(), static_cast<int>(t), buffer.size());
        std::this_thread::yield();
        for (std::byte b : buffer.bytes()) clashes[t] += b != static_cast<std::byte>(t) ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clashes, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace rapidbyte
