#include "rapidbyte/engine/report/counter_totals.h"

namespace rapidbyte::engine {
namespace {

// A report with more is of no use to anybody.
constexpr size_t kMostTotals = 1000;

}  // namespace

void CounterTotals::add(std::string_view connector, const runtime::Metric& metric) {
  if (metric.kind != runtime::MetricKind::kCounter) return;
  Key key{std::string(connector), metric.name, metric.labels};
  const std::lock_guard lock(mutex_);
  const auto found = totals_.find(key);
  if (found != totals_.end()) {
    found->second += metric.value;
  } else if (totals_.size() < kMostTotals) {
    totals_.emplace(std::move(key), metric.value);
  }
}

std::vector<CounterTotal> CounterTotals::all() const {
  std::vector<CounterTotal> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, value] : totals_) out.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), value});
  return out;
}

}  // namespace rapidbyte::engine
