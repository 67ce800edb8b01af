#include "rapidbyte/engine/report/stage_usage.h"

#include <gtest/gtest.h>

#include <thread>

namespace rapidbyte::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(StageUsage, BusyIsWhatNoWaitExplains) {
  StageUsage usage;
  usage.total = milliseconds(100);
  usage.waiting_input = milliseconds(10);
  usage.waiting_output = milliseconds(20);
  usage.waiting_network = milliseconds(30);
  EXPECT_EQ(usage.busy(), milliseconds(40));
  usage.waiting_network = milliseconds(300);
  EXPECT_EQ(usage.busy(), nanoseconds(0)) << "clock readings that disagree must not give a negative time";
}

TEST(StageUsage, AddsStageByStage) {
  StageUsage source, destination;
  source.stage = "source";
  source.total = milliseconds(3);
  source.cpu = milliseconds(1);
  destination.stage = "destination";
  destination.total = milliseconds(5);
  destination.waiting_input = milliseconds(2);
  std::vector<StageUsage> sum;
  add_usage(sum, {source, destination});
  add_usage(sum, {source, destination});
  add_usage(sum, {});
  ASSERT_EQ(sum.size(), 2U);
  EXPECT_EQ(sum[0].stage, "source");
  EXPECT_EQ(sum[0].total, milliseconds(6));
  EXPECT_EQ(sum[0].cpu, milliseconds(2));
  EXPECT_EQ(sum[1].total, milliseconds(10));
  EXPECT_EQ(sum[1].waiting_input, milliseconds(4));
}

TEST(StageStopwatch, TellsSleepingFromComputing) {
  StageUsage asleep, computing;
  {
    const StageStopwatch watch(asleep);
    std::this_thread::sleep_for(milliseconds(30));
  }
  {
    const StageStopwatch watch(computing);
    volatile uint64_t sink = 0;
    for (uint64_t i = 0; i < 20'000'000; ++i) sink = sink + i;
  }
  EXPECT_GE(asleep.total, milliseconds(30));
  EXPECT_LT(asleep.cpu, milliseconds(20));
  EXPECT_GT(computing.cpu, milliseconds(1));
  EXPECT_LE(computing.cpu, computing.total + milliseconds(1));
}

}  // namespace
}  // namespace rapidbyte::engine
