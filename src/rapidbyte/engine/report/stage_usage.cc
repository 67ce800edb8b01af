#include "rapidbyte/engine/report/stage_usage.h"

#include <time.h>

#include <algorithm>

namespace rapidbyte::engine {
namespace {

std::chrono::nanoseconds thread_cpu_time() {
  timespec now{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return std::chrono::nanoseconds{0};
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

std::chrono::nanoseconds StageUsage::busy() const {
  // The parts come from different clock readings than the whole.
  return std::max(total - waiting_input - waiting_output - waiting_network, std::chrono::nanoseconds{0});
}

void add_usage(std::vector<StageUsage>& sum, const std::vector<StageUsage>& more) {
  if (sum.empty()) {
    sum = more;
    return;
  }
  for (size_t i = 0; i < sum.size() && i < more.size(); ++i) {
    sum[i].total += more[i].total;
    sum[i].waiting_input += more[i].waiting_input;
    sum[i].waiting_output += more[i].waiting_output;
    sum[i].waiting_network += more[i].waiting_network;
    sum[i].cpu += more[i].cpu;
  }
}

StageStopwatch::StageStopwatch(StageUsage& usage)
    : usage_(usage), started_(std::chrono::steady_clock::now()), cpu_started_(thread_cpu_time()) {}

StageStopwatch::~StageStopwatch() {
  usage_.total += std::chrono::steady_clock::now() - started_;
  usage_.cpu += thread_cpu_time() - cpu_started_;
}

}  // namespace rapidbyte::engine
