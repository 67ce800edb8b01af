#include "rapidbyte/state/sqlite/lease_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "rapidbyte/base/sha256.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::state {

LeaseLock::LeaseLock(LeaseLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LeaseLock::~LeaseLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<LeaseLock> LeaseLock::acquire(const std::filesystem::path& file) {
  const auto failed = [&file](std::string_view what) {
    return internal_error(codes::kStateBackend,
                          fmt::format("cannot {} the lock file {}: {}. Check that you can write to its folder and that "
                                      "its file system supports locks",
                                      what, file.string(), std::generic_category().message(errno)));
  };
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed("open");
  LeaseLock lock(fd);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK)
      return make_retryable_error(ErrorCategory::kTransientDb, codes::kPipelineLocked, "", BackoffClass::kSlow);
    return failed("lock");
  }
  return lock;
}

std::filesystem::path lease_lock_path(const std::filesystem::path& state_file, std::string_view pipeline) {
  return state_file.string() + "." + sha256_hex(pipeline).substr(0, 16) + ".lock";
}

}  // namespace rapidbyte::state
