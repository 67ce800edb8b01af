#pragma once
// PinnedFolder: an open handle to a folder. Access through the handle reaches that very folder, whatever happens to its
// path: a guest that may write somewhere along the path cannot redirect the host. walk_path() opens a path step by step
// and reports the symbolic links along it, so that the caller can refuse those that a guest may have created. Immutable
// and thread safe; Linux only (it needs /proc).

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// Identifies an object of the file system, whatever its name.
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
  /// Its path without links at the time of pinning, for messages and as its path inside a guest.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// A path that opens exactly this folder ("/proc/self/fd/7"), as long as this object lives.
  [[nodiscard]] std::string handle_path() const;
  /// Whether it is `other` or is inside it, at any depth.
  [[nodiscard]] bool is_within(const PinnedFolder& other) const;

 private:
  int fd_;
  FileIdentity identity_;
  std::filesystem::path path_;
};

/// A symbolic link along a path: the folder that contains it, and its name there.
struct FollowedLink {
  std::shared_ptr<const PinnedFolder> folder;  // shared: links of one folder have one handle
  std::string name;
  /// It was the last component of the path.
  bool is_last = false;
  /// Its target is an absolute path. WASI lets no guest create such a link.
  bool is_absolute = false;
  [[nodiscard]] std::filesystem::path path() const { return folder->path() / name; }
};

/// Where a path leads.
struct Destination {
  /// The folder itself; for a file (existing or not), the folder that contains it.
  std::shared_ptr<const PinnedFolder> folder;  // shared by every instance that gets it
  /// Empty: the path is a folder's.
  std::string file_name;
  bool exists = false;
  /// For an existing file.
  FileIdentity file_identity;
  uint64_t file_link_count = 1;
  std::vector<FollowedLink> links;

  [[nodiscard]] bool is_folder() const { return file_name.empty(); }
  [[nodiscard]] std::filesystem::path path() const { return is_folder() ? folder->path() : folder->path() / file_name; }
};

/// Resolves an absolute path, including links; a missing last component is a file to be created, unless a link leads
/// there. PATH_NOT_FOUND (config) says where the path ends and why.
Result<Destination> walk_path(const std::filesystem::path& absolute);

/// As walk_path(), but a path that ends early is not an error: the result is the nearest existing folder on it (exists
/// == false, and `file_name` is the next component of the path).
Result<Destination> walk_as_far_as_it_exists(const std::filesystem::path& absolute);

}  // namespace rapidbyte::runtime
