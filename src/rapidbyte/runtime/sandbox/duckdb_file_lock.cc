#include "rapidbyte/runtime/sandbox/duckdb_file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "rapidbyte/runtime/sandbox/file_lock.h"

namespace rapidbyte::runtime {

Result<DuckdbFileLock> DuckdbFileLock::acquire(std::shared_ptr<const PinnedFolder> folder, const std::string& name,
                                               bool writes, std::chrono::milliseconds timeout,
                                               const CancelToken& cancel) {
  struct flock range{};
  range.l_type = writes ? F_WRLCK : F_RDLCK;
  range.l_whence = SEEK_SET;  // from the first byte to whatever the last one will be
  for (;;) {
    RB_ASSIGN_OR_RETURN(const int fd, open_database_file(*folder, name, writes ? O_RDWR | O_CREAT : O_RDONLY));
    DuckdbFileLock lock(fd, folder, name, writes);
    if (Status status = wait_for_lock(fd, folder->path() / name, range, "close the database there", timeout, cancel);
        !status.ok()) {
      lock.writes_ = false;  // what is not locked is not ours to remove
      return status;
    }
    // Whoever held it may have removed it, still empty, before unlocking it.
    if (!lock.is_in_place()) continue;
    if (writes) sync_folder(*folder);
    return lock;
  }
}

bool DuckdbFileLock::is_in_place() const {
  struct stat locked{};
  struct stat named{};
  return fstat(fd_, &locked) == 0 && fstatat(folder_->fd(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

void DuckdbFileLock::release() {
  if (fd_ < 0) return;
  struct stat info{};
  if (writes_ && fstat(fd_, &info) == 0 && info.st_size == 0 && is_in_place())
    unlinkat(folder_->fd(), name_.c_str(), 0);
  close(fd_);
  fd_ = -1;
}

DuckdbFileLock::DuckdbFileLock(DuckdbFileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      folder_(std::move(other.folder_)),
      name_(std::move(other.name_)),
      writes_(other.writes_) {}

DuckdbFileLock& DuckdbFileLock::operator=(DuckdbFileLock&& other) noexcept {
  if (this != &other) {
    release();
    fd_ = std::exchange(other.fd_, -1);
    folder_ = std::move(other.folder_);
    name_ = std::move(other.name_);
    writes_ = other.writes_;
  }
  return *this;
}

DuckdbFileLock::~DuckdbFileLock() { release(); }

}  // namespace rapidbyte::runtime
