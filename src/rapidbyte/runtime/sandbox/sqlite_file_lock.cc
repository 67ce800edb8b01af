#include "rapidbyte/runtime/sandbox/sqlite_file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rapidbyte/runtime/sandbox/file_lock.h"

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

// Bytes 18 and 19 of the file's header are 2 in WAL mode (SQLite's file format, section 1.3.3).
bool is_in_wal_mode(int fd) {
  unsigned char header[20] = {};
  return pread(fd, header, sizeof(header), 0) == static_cast<ssize_t>(sizeof(header)) && header[18] == 2 &&
         header[19] == 2;
}

}  // namespace

Status SqliteFileLock::make_journal() {
  struct stat database{};
  if (fstat(fd_, &database) != 0) return database_open_error(folder_->path() / name_, errno);
  journal_ = name_ + (is_in_wal_mode(fd_) ? "-wal" : "-journal");
  const int fd = openat(folder_->fd(), journal_.c_str(), O_RDWR | O_CREAT | O_EXCL | kGuardedOpen, 0600);
  if (fd >= 0) {
    // It contains rows of the database, so it gets the database's owner and permissions (as in SQLite). If the process
    // may not change them, it stays private.
    if (fchown(fd, database.st_uid, database.st_gid) == 0 || database.st_uid == geteuid())
      fchmod(fd, database.st_mode & 0666);
    close(fd);
  } else if (errno != EEXIST) {
    return database_open_error(folder_->path() / journal_, errno);
  }
  sync_folder(*folder_);
  return {};
}

Result<SqliteFileLock> SqliteFileLock::acquire(std::shared_ptr<const PinnedFolder> folder, const std::string& name,
                                               std::chrono::milliseconds timeout, const CancelToken& cancel) {
  const std::filesystem::path file = folder->path() / name;
  RB_ASSIGN_OR_RETURN(const int fd, open_database_file(*folder, name, O_RDWR | O_CREAT));
  SqliteFileLock lock(fd, std::move(folder), name);
  RB_RETURN_NOT_OK(
      wait_for_lock(fd, file, lock_range(F_WRLCK), "end that program's transaction or close it", timeout, cancel));
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
