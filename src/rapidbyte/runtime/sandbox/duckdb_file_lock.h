#pragma once
// DuckdbFileLock: DuckDB's own lock on a database file, held by the host for a guest that has no locks (WASI): the
// whole file, for writing, or for reading when the guest only reads. Other DuckDB processes refuse the database while
// it is held ("Could not set lock on file"), and while one of them has it open, it cannot be acquired; many readers may
// share it. Like SqliteFileLock it goes through the folder's handle, follows no link, and syncs the folder.

#include <chrono>
#include <memory>
#include <string>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/sandbox/pinned_folder.h"

namespace rapidbyte::runtime {

/// How long to wait for other programs to close the database. As for SQLite, although DuckDB itself does not wait:
/// programs that open a database for a single query are common.
inline constexpr std::chrono::milliseconds kDuckdbLockTimeout{5000};

class DuckdbFileLock {
 public:
  /// Locks the file `name` of `folder`. When it is absent and `writes`, it is created, empty: the guest makes a
  /// database of it. DATABASE_LOCKED (transient-db, retryable) names the process that holds the lock; DATABASE_OPEN
  /// (permission, config) when the file cannot be opened, or is a link or has several names.
  static Result<DuckdbFileLock> acquire(std::shared_ptr<const PinnedFolder> folder, const std::string& name,
                                        bool writes, std::chrono::milliseconds timeout, const CancelToken& cancel);

  DuckdbFileLock(DuckdbFileLock&& other) noexcept;
  DuckdbFileLock& operator=(DuckdbFileLock&& other) noexcept;
  DuckdbFileLock(const DuckdbFileLock&) = delete;
  DuckdbFileLock& operator=(const DuckdbFileLock&) = delete;
  /// Removes the file if it is still empty, which DuckDB itself would refuse to open, and unlocks.
  ~DuckdbFileLock();

 private:
  DuckdbFileLock(int fd, std::shared_ptr<const PinnedFolder> folder, std::string name, bool writes)
      : fd_(fd), folder_(std::move(folder)), name_(std::move(name)), writes_(writes) {}
  /// Whether the locked file is the one that the name leads to.
  [[nodiscard]] bool is_in_place() const;
  void release();

  int fd_ = -1;
  std::shared_ptr<const PinnedFolder> folder_;  // shared with the run's grants
  std::string name_;
  bool writes_ = false;
};

}  // namespace rapidbyte::runtime
