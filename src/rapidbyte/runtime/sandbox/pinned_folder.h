#pragma once
// PinnedFolder: an open handle of a folder. Whoever goes through the handle reaches that very folder, whatever becomes
// of its path: a guest that may write somewhere on the way cannot lead the host elsewhere. walk_path() opens one step
// by step, and says through which symbolic links it came, so that the caller can refuse those that a guest may have
// laid. Immutable and thread safe; Linux only (it needs /proc).

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// Which object of the file system, whatever its name.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

class PinnedFolder {
 public:
  /// Takes the descriptor (O_PATH suffices) of a folder.
  PinnedFolder(int fd, FileIdentity identity, std::filesystem::path path);
  ~PinnedFolder();
  PinnedFolder(const PinnedFolder&) = delete;
  PinnedFolder& operator=(const PinnedFolder&) = delete;

  /// For openat() and its like; O_PATH, so not for reading.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] FileIdentity identity() const { return identity_; }
  /// Its path without links, as it was when it was pinned: for messages and for what a guest calls it.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// A path that opens exactly this folder ("/proc/self/fd/7"), as long as this object lives.
  [[nodiscard]] std::string handle_path() const;
  /// Whether it is `other` or lies in it, at any depth.
  [[nodiscard]] bool is_within(const PinnedFolder& other) const;

 private:
  int fd_;
  FileIdentity identity_;
  std::filesystem::path path_;
};

/// A symbolic link that a path led through: the folder that it lies in, and its name there.
struct FollowedLink {
  std::shared_ptr<const PinnedFolder> folder;  // shared: links of one folder have one handle
  std::string name;
  /// It stood at the path's end, so in the place of what the path names.
  bool is_last = false;
  /// It names its target from the root. WASI lets no guest make such a link.
  bool is_absolute = false;
  [[nodiscard]] std::filesystem::path path() const { return folder->path() / name; }
};

/// Where a path leads.
struct Destination {
  /// The folder itself; of a file (that exists or not) the folder that it lies in.
  std::shared_ptr<const PinnedFolder> folder;  // shared by every instance that gets it
  /// Empty: the path is a folder's.
  std::string file_name;
  bool exists = false;
  /// Of a file that exists.
  FileIdentity file_identity;
  uint64_t file_link_count = 1;
  std::vector<FollowedLink> links;

  [[nodiscard]] bool is_folder() const { return file_name.empty(); }
  [[nodiscard]] std::filesystem::path path() const { return is_folder() ? folder->path() : folder->path() / file_name; }
};

/// Follows an absolute path to its end, links included; a last part that does not exist is a file to come, unless a
/// link leads there. PATH_NOT_FOUND (config) says where it ends and why.
Result<Destination> walk_path(const std::filesystem::path& absolute);

/// As walk_path(), but a path that ends early is no error: the nearest folder on it that exists (exists == false, and
/// `file_name` is the next part of the path).
Result<Destination> walk_as_far_as_it_exists(const std::filesystem::path& absolute);

}  // namespace rapidbyte::runtime
