#pragma once
// SqliteFileLock: SQLite's own exclusive lock on a database file, held by the host for a guest that has no locks (WASI).
// Other programs see an ordinary locked database ("database is locked") and wait or refuse; SQLite's locking protocol is
// at https://sqlite.org/lockingv3.html, its byte ranges in sqlite3's os.h. Open-file-description locks are used: they
// conflict with other programs' POSIX locks, and closing another descriptor of the same file in this process does not
// drop them.

#include <chrono>
#include <filesystem>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// How long to wait for other programs' transactions to end. 5 s, the busy time-out that most programs use.
inline constexpr std::chrono::milliseconds kSqliteLockTimeout{5000};

class SqliteFileLock {
 public:
  /// Locks `file`, creating it (empty, which is a valid database) when absent. DATABASE_LOCKED (transient-db, retryable) names
  /// the process that holds it; DATABASE_OPEN (permission, config) when it cannot be opened for writing.
  static Result<SqliteFileLock> acquire(const std::filesystem::path& file, std::chrono::milliseconds timeout, const CancelToken& cancel);

  SqliteFileLock(SqliteFileLock&& other) noexcept;
  SqliteFileLock& operator=(SqliteFileLock&& other) noexcept;
  SqliteFileLock(const SqliteFileLock&) = delete;
  SqliteFileLock& operator=(const SqliteFileLock&) = delete;
  ~SqliteFileLock();

 private:
  explicit SqliteFileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace rapidbyte::runtime
