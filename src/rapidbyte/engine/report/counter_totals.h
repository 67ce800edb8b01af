#pragma once
// CounterTotals: what the connectors of one attempt have counted (metrics that are counters), added up by connector,
// name and labels, for the report. Bounded, because names and labels are a guest's. Thread-safe: stages count
// concurrently.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

struct CounterTotal {
  std::string connector;
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

class CounterTotals {
 public:
  /// Adds a counter; other metrics are not for the report. Beyond 1,000 different ones they are left out.
  void add(std::string_view connector, const runtime::Metric& metric);
  /// By connector, name and labels.
  [[nodiscard]] std::vector<CounterTotal> all() const;

 private:
  using Key = std::tuple<std::string, std::string, std::vector<std::pair<std::string, std::string>>>;
  mutable std::mutex mutex_;
  std::map<Key, double> totals_;
};

}  // namespace rapidbyte::engine
