#include "rapidbyte/runtime/sandbox/sqlite_file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

// SQLite's lock bytes (os.h): one PENDING byte at 1 GiB, one RESERVED byte, then 510 SHARED bytes. Holding all of them
// for writing is the EXCLUSIVE lock.
constexpr off_t kPendingByte = 0x40000000;
constexpr off_t kLockBytes = 1 + 1 + 510;
// Without O_NONBLOCK a pipe in the file's place would block.
constexpr int kGuarded = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

struct flock lock_range(short type) {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = kPendingByte;
  range.l_len = kLockBytes;
  return range;
}

std::string holder_of(int fd) {
  struct flock range = lock_range(F_WRLCK);
  if (fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK || range.l_pid <= 0)
    return "another program or another stream of this run";
  return fmt::format("the process {}", range.l_pid);
}

Status open_error(const std::filesystem::path& file, int error) {
  if (error == ELOOP) {
    return make_error(ErrorCategory::kPermission, codes::kDatabaseOpen,
                      fmt::format("{} has become a symbolic link since the run began and is not followed; find out "
                                  "what created it, and remove it",
                                  file.string()));
  }
  return make_error(
      error == EACCES || error == EPERM || error == EROFS ? ErrorCategory::kPermission : ErrorCategory::kConfig,
      codes::kDatabaseOpen,
      fmt::format("cannot open {} for writing: {}; check the path and its permissions", file.string(),
                  std::strerror(error)));
}

// Bytes 18 and 19 of the file's header are 2 in WAL mode (SQLite's file format, section 1.3.3).
bool is_in_wal_mode(int fd) {
  unsigned char header[20] = {};
  return pread(fd, header, sizeof(header), 0) == static_cast<ssize_t>(sizeof(header)) && header[18] == 2 &&
         header[19] == 2;
}

// Some file systems cannot sync a folder; SQLite itself ignores that, too.
void sync_folder(const PinnedFolder& folder) {
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

Status SqliteFileLock::make_journal() {
  struct stat database{};
  if (fstat(fd_, &database) != 0) return open_error(folder_->path() / name_, errno);
  journal_ = name_ + (is_in_wal_mode(fd_) ? "-wal" : "-journal");
  const int fd = openat(folder_->fd(), journal_.c_str(), O_RDWR | O_CREAT | O_EXCL | kGuarded, 0600);
  if (fd >= 0) {
    // It contains rows of the database, so it gets the database's owner and permissions (as in SQLite). If the process
    // may not change them, it stays private.
    if (fchown(fd, database.st_uid, database.st_gid) == 0 || database.st_uid == geteuid())
      fchmod(fd, database.st_mode & 0666);
    close(fd);
  } else if (errno != EEXIST) {
    return open_error(folder_->path() / journal_, errno);
  }
  sync_folder(*folder_);
  return {};
}

Result<SqliteFileLock> SqliteFileLock::acquire(std::shared_ptr<const PinnedFolder> folder, const std::string& name,
                                               std::chrono::milliseconds timeout, const CancelToken& cancel) {
  const std::filesystem::path file = folder->path() / name;
  const int fd = openat(folder->fd(), name.c_str(), O_RDWR | O_CREAT | kGuarded, 0644);
  if (fd < 0) return open_error(file, errno);
  SqliteFileLock lock(fd, std::move(folder), name);
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return config_error(codes::kDatabaseOpen, fmt::format("{} is not a regular file", file.string()));
  }
  if (info.st_nlink > 1) {
    return make_error(
        ErrorCategory::kPermission, codes::kDatabaseOpen,
        fmt::format("{} has been given another name (a hard link) since the run began; make it a separate file",
                    file.string()));
  }
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    struct flock range = lock_range(F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &range) == 0) break;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return make_error(ErrorCategory::kConfig, codes::kDatabaseOpen,
                        fmt::format("{} is on a file system without locks ({}); put the database on a local disk",
                                    file.string(), std::strerror(errno)));
    }
    if (cancel.cancelled()) return internal_error(codes::kCancelled, "the run is being cancelled");
    if (std::chrono::steady_clock::now() >= end) {
      return make_retryable_error(
          ErrorCategory::kTransientDb, codes::kDatabaseLocked,
          fmt::format("{} is in use by {}; end that program's transaction or close it, then run again (waited {} s)",
                      file.string(), holder_of(fd), std::chrono::duration_cast<std::chrono::seconds>(timeout).count()),
          BackoffClass::kSlow);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  RB_RETURN_NOT_OK(lock.make_journal());
  return lock;
}

void SqliteFileLock::release() {
  if (fd_ < 0) return;
  struct stat info{};
  // Still under the lock, so nobody else can be using it. One with content belongs to the next process that opens the
  // database.
  if (!journal_.empty() && fstatat(folder_->fd(), journal_.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISREG(info.st_mode) && info.st_size == 0)
    unlinkat(folder_->fd(), journal_.c_str(), 0);
  close(fd_);
  fd_ = -1;
}

SqliteFileLock::SqliteFileLock(SqliteFileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      folder_(std::move(other.folder_)),
      name_(std::move(other.name_)),
      journal_(std::move(other.journal_)) {}

SqliteFileLock& SqliteFileLock::operator=(SqliteFileLock&& other) noexcept {
  if (this != &other) {
    release();
    fd_ = std::exchange(other.fd_, -1);
    folder_ = std::move(other.folder_);
    name_ = std::move(other.name_);
    journal_ = std::move(other.journal_);
  }
  return *this;
}

SqliteFileLock::~SqliteFileLock() { release(); }

}  // namespace rapidbyte::runtime
