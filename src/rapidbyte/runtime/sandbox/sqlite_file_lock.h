#pragma once
// SqliteFileLock: SQLite's own exclusive lock on a database file, held by the host for a guest that has no locks
// (WASI). Other programs see an ordinary locked database ("database is locked") and wait or refuse; SQLite's locking
// protocol is at https://sqlite.org/lockingv3.html, its byte ranges in sqlite3's os.h. Open-file-description locks are
// used: they conflict with other programs' POSIX locks, and closing another descriptor of the same file in this process
// does not drop them. The host also does for the guest what WASI cannot: it makes SQLite's journal beside the database
// with the database's owner and permissions, and syncs the folder, so that neither file vanishes in a power cut. All of
// this goes through the folder's handle and follows no link, so a link that a guest has put in a file's place has no
// effect.

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/sandbox/pinned_folder.h"

namespace rapidbyte::runtime {

/// How long to wait for other programs' transactions to end. 5 s, a common busy timeout.
inline constexpr std::chrono::milliseconds kSqliteLockTimeout{5000};

class SqliteFileLock {
 public:
  /// Locks the file `name` of `folder`, creating it (empty, which is a valid database) when absent, and makes its
  /// `-journal` (in WAL mode its `-wal`) unless there is one. DATABASE_LOCKED (transient-db, retryable) names the
  /// process that holds the lock; DATABASE_OPEN (permission, config) when the file or the journal beside it cannot be
  /// opened for writing, or is a link or has several names.
  static Result<SqliteFileLock> acquire(std::shared_ptr<const PinnedFolder> folder, const std::string& name,
                                        std::chrono::milliseconds timeout, const CancelToken& cancel);

  SqliteFileLock(SqliteFileLock&& other) noexcept;
  SqliteFileLock& operator=(SqliteFileLock&& other) noexcept;
  SqliteFileLock(const SqliteFileLock&) = delete;
  SqliteFileLock& operator=(const SqliteFileLock&) = delete;
  /// Removes the journal if it is empty (it then holds nothing to roll back), and unlocks.
  ~SqliteFileLock();

 private:
  SqliteFileLock(int fd, std::shared_ptr<const PinnedFolder> folder, std::string name)
      : fd_(fd), folder_(std::move(folder)), name_(std::move(name)) {}
  Status make_journal();
  void release();

  int fd_ = -1;
  std::shared_ptr<const PinnedFolder> folder_;  // shared with the run's grants
  std::string name_;
  std::string journal_;
};

}  // namespace rapidbyte::runtime
