#pragma once
// SkippedRows: counts the rows that a destination leaves out under on_data_error: skip, and logs the 1st, 10th, 100th
// and so on: a line for each would drown the log, and the run report has the number. One per stream; one thread.

#include <cstdint>
#include <string>

#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk {

class SkippedRows {
 public:
  /// `message`: which row, and why.
  void add(const std::string& message) {
    if (++count_ != log_at_) return;
    log_at_ *= 10;
    host::log_warn(message + " (skipped, as on_data_error says; " + std::to_string(count_) +
                   " so far, of which the 1st, 10th, 100th and so on are logged)");
  }

 private:
  uint64_t count_ = 0;
  uint64_t log_at_ = 1;
};

}  // namespace rapidbyte::sdk
