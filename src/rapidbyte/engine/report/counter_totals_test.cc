#include "rapidbyte/engine/report/counter_totals.h"

#include <gtest/gtest.h>

#include "rapidbyte/engine/report/run_report.h"

namespace rapidbyte::engine {
namespace {

using runtime::MetricKind;

TEST(CounterTotals, AddsCountersUpAndLeavesOthersOut) {
  CounterTotals totals;
  totals.add("check", {"failed", MetricKind::kCounter, 2, {{"rule", "a"}}});
  totals.add("check", {"failed", MetricKind::kCounter, 3, {{"rule", "a"}}});
  totals.add("check", {"failed", MetricKind::kCounter, 0, {{"rule", "b"}}});
  totals.add("check", {"failed", MetricKind::kGauge, 9, {{"rule", "a"}}});
  totals.add("other", {"failed", MetricKind::kCounter, 1, {{"rule", "a"}}});
  const auto all = totals.all();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].value, 5);
  EXPECT_EQ(all[1].labels[0].second, "b");
  EXPECT_EQ(all[1].value, 0);
  EXPECT_EQ(all[2].connector, "other");
  StreamReport report;
  EXPECT_FALSE(to_json(report).contains("counters")) << "as reports were before";
  report.counters = all;
  EXPECT_EQ(to_json(report)["counters"][0],
            (nlohmann::json{{"connector", "check"}, {"name", "failed"}, {"labels", {{"rule", "a"}}}, {"value", 5}}));
}

TEST(CounterTotals, AreBounded) {
  CounterTotals totals;
  for (int i = 0; i < 5000; ++i) totals.add("c", {"n" + std::to_string(i), MetricKind::kCounter, 1, {}});
  EXPECT_EQ(totals.all().size(), 1000U);
  totals.add("c", {"n0", MetricKind::kCounter, 1, {}});
  EXPECT_EQ(totals.all().front().value, 2) << "those that are there still count";
}

}  // namespace
}  // namespace rapidbyte::engine
