#pragma once
// LeaseLock: an exclusive lock on a dedicated file, held by this open file only. The operating system drops it however
// the process ends, so a crash never blocks the next run. The file stays when the lock is released: removing it would
// let two processes hold locks on two files of the same name.

#include <filesystem>
#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::state {

class LeaseLock {
 public:
  LeaseLock(LeaseLock&& other) noexcept;
  LeaseLock& operator=(LeaseLock&&) = delete;
  LeaseLock(const LeaseLock&) = delete;
  LeaseLock& operator=(const LeaseLock&) = delete;
  ~LeaseLock();

  /// Takes the lock without waiting. PIPELINE_LOCKED with an empty message when someone else holds it; STATE_BACKEND
  /// when the file can't be made.
  static Result<LeaseLock> acquire(const std::filesystem::path& file);

 private:
  explicit LeaseLock(int fd) : fd_(fd) {}
  int fd_;
};

/// `<state file>.<first 16 hex digits of the pipeline's SHA-256>.lock`
[[nodiscard]] std::filesystem::path lease_lock_path(const std::filesystem::path& state_file, std::string_view pipeline);

}  // namespace rapidbyte::state
