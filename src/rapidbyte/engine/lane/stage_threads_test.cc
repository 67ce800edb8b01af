#include "rapidbyte/engine/lane/stage_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace rapidbyte::engine {
namespace {

using namespace std::chrono_literals;

const auto kNothing = [] {};

class StageThreadsTest : public ::testing::Test {
 protected:
  /// Remembers which threads have worked.
  void note() {
    const std::lock_guard lock(mutex_);
    seen_.insert(std::this_thread::get_id());
  }

  std::mutex mutex_;
  std::set<std::thread::id> seen_;
  StageThreads threads_;
};

TEST_F(StageThreadsTest, WorkThatFollowsRunsOnTheSameThreads) {
  for (int stream = 0; stream < 50; ++stream) {
    ASSERT_TRUE(threads_
                    .run({[&] {
                           note();
                           EXPECT_TRUE(threads_.run_beside({[&] { note(); }}, [&] { note(); }, kNothing).ok());
                         }},
                         1s, kNothing, kNothing)
                    .ok());
  }
  EXPECT_LE(seen_.size(), 2U) << "one for the lane, one for its source";
  EXPECT_FALSE(seen_.contains(std::this_thread::get_id()));
}

TEST_F(StageThreadsTest, BodiesOfOneCallRunAtTheSameTimeAndHaveAllEndedBehindIt) {
  for (int again = 0; again < 20; ++again) {
    std::latch together(5);
    std::atomic<int> ended{0};
    const std::function<void()> body = [&] {
      together.arrive_and_wait();
      ++ended;
    };
    ASSERT_TRUE(threads_.run_beside({body, body, body, body}, body, kNothing).ok());
    EXPECT_EQ(ended, 5);
  }
}

TEST_F(StageThreadsTest, TicksAsLongAsOneRuns) {
  std::atomic<bool> ticked{false};
  ASSERT_TRUE(threads_
                  .run(
                      {[&] {
                        while (!ticked) std::this_thread::sleep_for(1ms);
                      }},
                      1ms, [&] { ticked = true; }, kNothing)
                  .ok());
  EXPECT_TRUE(ticked);
}

TEST_F(StageThreadsTest, WhatABodyHoldsIsGoneBehindTheCall) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = held;
  ASSERT_TRUE(threads_.run({[held = std::move(held)] {}}, 1s, kNothing, kNothing).ok());
  EXPECT_TRUE(watched.expired());
}

TEST_F(StageThreadsTest, SeveralWorkersShareThem) {
  std::atomic<int> done{0};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&] {
      for (int stream = 0; stream < 100; ++stream) {
        EXPECT_TRUE(threads_.run_beside({[&] { ++done; }}, [&] { ++done; }, kNothing).ok());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(done, 800);
}

}  // namespace
}  // namespace rapidbyte::engine
