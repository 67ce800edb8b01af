#include "rapidbyte/runtime/sandbox/pinned_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

// The kernel's own limit (MAXSYMLINKS): more is a loop.
constexpr size_t kMaxLinks = 40;
constexpr int kLook = O_PATH | O_NOFOLLOW | O_CLOEXEC;

FileIdentity identity_of(const struct stat& info) { return {info.st_dev, info.st_ino}; }

Status not_found(const fs::path& path, std::string_view why) {
  return config_error(codes::kPathNotFound, fmt::format("{} {}", path.string(), why));
}

Status cannot_open(const fs::path& folder, int error) {
  return not_found(folder, fmt::format("cannot be opened: {}", std::strerror(error)));
}

/// Where the link behind `fd` (O_PATH) leads; empty when that cannot be read.
std::string read_link(int fd) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlinkat(fd, "", target.data(), target.size());
  target.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return target;
}

class Walk {
 public:
  explicit Walk(bool may_end_early) : may_end_early_(may_end_early) {}

  Result<Destination> go(const fs::path& absolute) {
    RB_RETURN_NOT_OK(go_to_root());
    for (const fs::path& part : absolute.relative_path()) parts_.push_back(part.string());
    while (!parts_.empty()) {
      std::string part = std::move(parts_.front());
      parts_.pop_front();
      // An empty component comes from a redundant slash, also one at the end.
      if (part.empty() || part == ".") continue;
      RB_ASSIGN_OR_RETURN(const bool continues, step(part));
      if (!continues) return std::move(at_);
    }
    at_.exists = true;
    return std::move(at_);
  }

 private:
  Status go_to_root() {
    const int fd = open("/", kLook | O_DIRECTORY);
    struct stat info{};
    if (fd < 0 || fstat(fd, &info) != 0) return cannot_open("/", errno);
    at_.folder = std::make_shared<const PinnedFolder>(fd, identity_of(info), "/");
    return {};
  }

  /// False when the walk ended before the last component.
  Result<bool> step(const std::string& part) {
    const fs::path path = at_.folder->path() / part;
    const bool is_last = parts_.empty() || (parts_.size() == 1 && parts_.front().empty());
    const int fd = openat(at_.folder->fd(), part.c_str(), kLook);
    struct stat info{};
    if (fd < 0 || fstat(fd, &info) != 0) {
      const int error = errno;
      if (fd >= 0) close(fd);
      return end_early(path, part, is_last, error);
    }
    if (S_ISDIR(info.st_mode)) {
      // `path` has no links, so its parent is the part before the last slash.
      at_.folder = std::make_shared<const PinnedFolder>(fd, identity_of(info),
                                                        part == ".." ? at_.folder->path().parent_path() : path);
      return true;
    }
    if (S_ISLNK(info.st_mode)) {
      const std::string target = read_link(fd);
      close(fd);
      RB_RETURN_NOT_OK(follow(part, target, is_last));
      return true;
    }
    close(fd);
    if (!is_last) return not_found(path, "is a file, not a folder");
    at_.file_name = part;
    at_.exists = true;
    at_.file_identity = identity_of(info);
    at_.file_link_count = info.st_nlink;
    return false;
  }

  Result<bool> end_early(const fs::path& path, const std::string& part, bool is_last, int error) {
    const bool is_absent = error == ENOENT || error == ENOTDIR;
    if (is_absent && (may_end_early_ || (is_last && !last_is_linked_))) {
      at_.file_name = part;
      return false;
    }
    if (is_absent && last_is_linked_ && is_last)
      return not_found(at_.links.back().path(),
                       fmt::format("is a symbolic link that leads nowhere ({})", path.string()));
    if (is_absent) return not_found(path, "does not exist");
    return cannot_open(path, error);
  }

  Status follow(const std::string& part, const std::string& target, bool is_last) {
    const fs::path led(target);
    at_.links.push_back({at_.folder, part, is_last, led.is_absolute()});
    if (target.empty() || at_.links.size() > kMaxLinks)
      return not_found(at_.links.back().path(), "is a symbolic link that cannot be followed");
    last_is_linked_ = last_is_linked_ || is_last;
    std::deque<std::string> next;
    for (const fs::path& step : led.relative_path()) next.push_back(step.string());
    parts_.insert(parts_.begin(), next.begin(), next.end());
    return led.is_absolute() ? go_to_root() : Status();
  }

  const bool may_end_early_;
  Destination at_;
  std::deque<std::string> parts_;
  bool last_is_linked_ = false;  // the path's last component was a link, so no file may be created at its end
};

Result<Destination> walk(const fs::path& absolute, bool may_end_early) {
  if (!absolute.is_absolute()) return internal_error(codes::kPathRelative, "a path to walk must be absolute");
  return Walk(may_end_early).go(absolute);
}

}  // namespace

PinnedFolder::PinnedFolder(int fd, FileIdentity identity, fs::path path)
    : fd_(fd), identity_(identity), path_(std::move(path)) {}

PinnedFolder::~PinnedFolder() { close(fd_); }

std::string PinnedFolder::handle_path() const { return fmt::format("/proc/self/fd/{}", fd_); }

bool PinnedFolder::is_within(const PinnedFolder& other) const {
  int at = fd_;
  FileIdentity identity = identity_;
  bool within = identity == other.identity_;
  while (!within) {
    const int up = openat(at, "..", kLook | O_DIRECTORY);
    struct stat info{};
    const bool opened = up >= 0 && fstat(up, &info) == 0;
    if (at != fd_) close(at);
    at = up;
    if (!opened) {
      // A parent that may not be searched: its path gives the rest.
      const std::string inner = path_.string() + "/";
      within = inner.starts_with(other.path_ == "/" ? "/" : other.path_.string() + "/");
      break;
    }
    if (identity_of(info) == identity) break;  // the root is its own parent
    identity = identity_of(info);
    within = identity == other.identity_;
  }
  if (at >= 0 && at != fd_) close(at);
  return within;
}

Result<Destination> walk_path(const fs::path& absolute) { return walk(absolute, false); }

Result<Destination> walk_as_far_as_it_exists(const fs::path& absolute) { return walk(absolute, true); }

}  // namespace rapidbyte::runtime
