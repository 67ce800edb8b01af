#include "file_watch.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Result;
using sdk::Status;

// File system clocks tick: with the kernel's timer (at most 10 ms), or in steps of up to two seconds where times have
// no fraction. Two changes within a tick have the same time.
constexpr int64_t kFineTick = 10'000'000;
constexpr int64_t kCoarseTick = 2'000'000'000;

}  // namespace

Result<FileWatch> FileWatch::begin(int fd, std::string path, std::string shown_name) {
  FileWatch watch(fd, std::move(path), std::move(shown_name));
  RB_SDK_ASSIGN_OR_RETURN(watch.opened_, watch.stamp());
  timespec now = {};
  if (::clock_gettime(CLOCK_REALTIME, &now) == 0) {
    const int64_t age = (static_cast<int64_t>(now.tv_sec) - watch.opened_.seconds) * 1'000'000'000 +
                        (static_cast<int64_t>(now.tv_nsec) - watch.opened_.nanoseconds);
    watch.is_fresh_ = age < (watch.opened_.nanoseconds == 0 ? kCoarseTick : kFineTick);
  }
  return watch;
}

Result<FileWatch::Stamp> FileWatch::stamp() const {
  struct stat info = {};
  if (::fstat(fd_, &info) != 0) {
    return sdk::make_error(sdk::ErrorCategory::kData, codes::kFileReadFailed,
                           "cannot look at file '" + name_ + "': " + std::strerror(errno));
  }
  Stamp out;
  out.size = static_cast<uint64_t>(info.st_size);
  out.seconds = static_cast<int64_t>(info.st_mtim.tv_sec);
  out.nanoseconds = static_cast<int64_t>(info.st_mtim.tv_nsec);
  out.device = static_cast<uint64_t>(info.st_dev);
  out.inode = static_cast<uint64_t>(info.st_ino);
  return out;
}

Result<FileChange> FileWatch::look() const {
  RB_SDK_ASSIGN_OR_RETURN(const Stamp now, stamp());
  if (now.size < opened_.size) return FileChange::kCut;
  if (now.size > opened_.size) return FileChange::kGrew;
  const bool same_time = now.seconds == opened_.seconds && now.nanoseconds == opened_.nanoseconds;
  return same_time && !is_fresh_ ? FileChange::kNone : FileChange::kTouched;
}

bool FileWatch::is_replaced() const {
  struct stat info = {};
  if (::stat(path_.c_str(), &info) != 0) return true;
  return static_cast<uint64_t>(info.st_dev) != opened_.device || static_cast<uint64_t>(info.st_ino) != opened_.inode;
}

Status FileWatch::changed(const std::string& what) const {
  return sdk::make_error(
      sdk::ErrorCategory::kData, codes::kFileChanged,
      "file '" + name_ + "' was changed while it was read: " + what +
          ". So what was read is neither the old nor the new content. Run again when the writer of the file has "
          "finished. To avoid this, write to another name and rename the file when it is complete");
}

Status FileWatch::explain(Status error) const {
  const auto change = look();
  if (!change.ok()) return error;
  switch (*change) {
    case FileChange::kCut: return changed("it is shorter now");
    case FileChange::kGrew: return changed("it is longer now (" + error.error().message + ")");
    case FileChange::kTouched:
      if (is_fresh_) return error;
      return changed("it was written to (" + error.error().message + ")");
    case FileChange::kNone: break;
  }
  return error;
}

}  // namespace rapidbyte::source_file
