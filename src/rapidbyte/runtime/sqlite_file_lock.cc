#include "rapidbyte/runtime/sqlite_file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace rapidbyte::runtime {
namespace {

// SQLite's lock bytes (os.h): one PENDING byte at 1 GiB, one RESERVED byte, then 510 SHARED bytes. Holding all of them
// for writing is the EXCLUSIVE lock.
constexpr off_t kPendingByte = 0x40000000;
constexpr off_t kLockBytes = 1 + 1 + 510;

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
  if (fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK || range.l_pid <= 0) return "another program or another stream of this run";
  return fmt::format("the process {}", range.l_pid);
}

}  // namespace

Result<SqliteFileLock> SqliteFileLock::acquire(const std::filesystem::path& file, std::chrono::milliseconds timeout, const CancelToken& cancel) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
  if (fd < 0) {
    return make_error(errno == EACCES || errno == EPERM || errno == EROFS ? ErrorCategory::kPermission : ErrorCategory::kConfig, "DATABASE_OPEN",
                      fmt::format("cannot open {} for writing: {}; check the path and its permissions", file.string(), std::strerror(errno)));
  }
  SqliteFileLock lock(fd);
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return config_error("DATABASE_OPEN", fmt::format("{} is not a regular file", file.string()));
  }
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    struct flock range = lock_range(F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &range) == 0) return lock;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return make_error(ErrorCategory::kConfig, "DATABASE_OPEN",
                        fmt::format("{} is on a file system without locks ({}); put the database on a local disk", file.string(), std::strerror(errno)));
    }
    if (cancel.cancelled()) return internal_error("CANCELLED", "the run is being ended");
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return make_retryable_error(ErrorCategory::kTransientDb, "DATABASE_LOCKED",
                              fmt::format("{} is in use by {}; end that program's transaction or close it, then run again (waited {} s)", file.string(),
                                          holder_of(fd), std::chrono::duration_cast<std::chrono::seconds>(timeout).count()),
                              BackoffClass::kSlow);
}

SqliteFileLock::SqliteFileLock(SqliteFileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SqliteFileLock& SqliteFileLock::operator=(SqliteFileLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

SqliteFileLock::~SqliteFileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace rapidbyte::runtime
