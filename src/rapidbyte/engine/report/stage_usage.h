#pragma once
// StageUsage: where the time of a stage went, so that a run report shows which of source, transforms and destination
// bounds a load, and whether by computing or by waiting. Measured on the stages' threads, summed over lanes and
// attempts; plain data.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace rapidbyte::engine {

/// One stage of one stream. With partitions a stage has several threads, whose times are added.
struct StageUsage {
  std::string stage;  // "source", "transform-0" ..., "destination"
  std::string connector;
  std::chrono::nanoseconds total{0};
  /// Waited for the stage before (its queue was empty) or the stage after (its queue was full).
  std::chrono::nanoseconds waiting_input{0};
  std::chrono::nanoseconds waiting_output{0};
  /// Waited for a socket: the other end (a database server) was busy.
  std::chrono::nanoseconds waiting_network{0};
  /// Processor time of the stage's threads: of guest and host together.
  std::chrono::nanoseconds cpu{0};

  /// None of the waits: computing, or blocked in files and locks.
  [[nodiscard]] std::chrono::nanoseconds busy() const;
  bool operator==(const StageUsage&) const = default;
};

/// Adds `more`, stage by stage; both list the same stages in the same order, or `sum` is empty.
void add_usage(std::vector<StageUsage>& sum, const std::vector<StageUsage>& more);

/// Adds the time from its construction to its destruction to `usage`, and this thread's processor time. Both on one
/// thread.
class StageStopwatch {
 public:
  explicit StageStopwatch(StageUsage& usage);
  ~StageStopwatch();
  StageStopwatch(const StageStopwatch&) = delete;
  StageStopwatch& operator=(const StageStopwatch&) = delete;

 private:
  StageUsage& usage_;
  const std::chrono::steady_clock::time_point started_;
  const std::chrono::nanoseconds cpu_started_;
};

}  // namespace rapidbyte::engine
