#include "rapidbyte/runtime/sandbox/file_lock.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

std::string holder_of(int fd, struct flock range) {
  if (fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK || range.l_pid <= 0)
    return "another program or another stream of this run";
  return fmt::format("the process {}", range.l_pid);
}

Status check_file(int fd, const std::filesystem::path& file) {
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
  return {};
}

}  // namespace

Status database_open_error(const std::filesystem::path& file, int error, std::string_view purpose) {
  if (error == ELOOP) {
    return make_error(ErrorCategory::kPermission, codes::kDatabaseOpen,
                      fmt::format("{} has become a symbolic link since the run began and is not followed; find out "
                                  "what created it, and remove it",
                                  file.string()));
  }
  return make_error(
      error == EACCES || error == EPERM || error == EROFS ? ErrorCategory::kPermission : ErrorCategory::kConfig,
      codes::kDatabaseOpen,
      fmt::format("cannot open {} for {}: {}; check the path and its permissions", file.string(), purpose,
                  std::strerror(error)));
}

Result<int> open_database_file(const PinnedFolder& folder, const std::string& name, int access) {
  const std::filesystem::path file = folder.path() / name;
  const int fd = openat(folder.fd(), name.c_str(), access | kGuardedOpen, 0644);
  if (fd < 0) return database_open_error(file, errno, (access & O_ACCMODE) == O_RDONLY ? "reading" : "writing");
  if (Status status = check_file(fd, file); !status.ok()) {
    close(fd);
    return status;
  }
  return fd;
}

Status wait_for_lock(int fd, const std::filesystem::path& file, const struct flock& range, std::string_view remedy,
                     std::chrono::milliseconds timeout, const CancelToken& cancel) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    struct flock wanted = range;
    if (fcntl(fd, F_OFD_SETLK, &wanted) == 0) return {};
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return make_error(ErrorCategory::kConfig, codes::kDatabaseOpen,
                        fmt::format("{} is on a file system without locks ({}); put the database on a local disk",
                                    file.string(), std::strerror(errno)));
    }
    if (cancel.cancelled()) return internal_error(codes::kCancelled, "the run is being cancelled");
    if (std::chrono::steady_clock::now() >= end) {
      return make_retryable_error(
          ErrorCategory::kTransientDb, codes::kDatabaseLocked,
          fmt::format("{} is in use by {}; {}, then run again (waited {} s)", file.string(), holder_of(fd, range),
                      remedy, std::chrono::duration_cast<std::chrono::seconds>(timeout).count()),
          BackoffClass::kSlow);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void sync_folder(const PinnedFolder& folder) {
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace rapidbyte::runtime
