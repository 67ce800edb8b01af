#include "connectors/dest_file/src/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_file {
namespace {

Status write_failed(const std::string& what, const std::string& path) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT) {
    return sdk::internal_error(codes::kDiskFull, path + ": the disk or the quota is full (" + what +
                                                     "). What was committed is there; make room, and run again.");
  }
  return sdk::internal_error(codes::kFileWriteFailed, path + ": " + what + ": " + std::strerror(error));
}

Status read_failed(const std::string& path) {
  return sdk::internal_error(codes::kFileReadFailed, path + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] bool ok() const { return number_ >= 0; }
  [[nodiscard]] int get() const { return number_; }
  int close() {
    const int number = number_;
    number_ = -1;
    return ::close(number);
  }

 private:
  int number_;
};

}  // namespace

Result<std::optional<std::string>> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY));
  if (!file.ok()) {
    if (errno == ENOENT) return std::optional<std::string>();
    return read_failed(path);
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0) return read_failed(path);
    if (got == 0) return std::optional(std::move(text));
    text.append(buffer, static_cast<size_t>(got));
  }
}

Status write_durably(const std::string& path, std::string_view content) {
  const std::string partial = path + ".partial";
  Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666));
  if (!file.ok()) return write_failed("cannot be created", partial);
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) return write_failed("cannot be written", partial);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) return write_failed("cannot be written to the disk", partial);
  if (file.close() != 0) return write_failed("cannot be closed", partial);
  if (::rename(partial.c_str(), path.c_str()) != 0) return write_failed("cannot take the place of the old file", path);
  return sync_file(path);
}

Result<std::optional<uint64_t>> size_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<uint64_t>();
    return read_failed(path);
  }
  if (!S_ISREG(info.st_mode)) return sdk::internal_error(codes::kFileReadFailed, path + " is no file");
  return std::optional(static_cast<uint64_t>(info.st_size));
}

Status sync_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR));
  if (!file.ok() || ::fsync(file.get()) != 0) return write_failed("cannot be written to the disk", path);
  return {};
}

Status make_folders(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return {};
  if (errno == EEXIST) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    errno = ENOTDIR;
    return write_failed("is a file, where a folder is needed", path);
  }
  if (errno != ENOENT || folder_of(path) == path) return write_failed("the folder cannot be made", path);
  RB_SDK_RETURN_NOT_OK(make_folders(folder_of(path)));
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return write_failed("the folder cannot be made", path);
  return {};
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return write_failed("cannot be removed", path);
}

Status move_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return sync_file(to);
  const int error = errno;
  if (error == ENOENT) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> there, size_of(to));
    if (there) return {};
  }
  errno = error;
  return write_failed("cannot be moved to " + to, from);
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr) {
    if (errno == ENOENT) return names;
    return read_failed(folder);
  }
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  ::closedir(open);
  if (error != 0) {
    errno = error;
    return read_failed(folder);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status remove_tree(const std::string& folder) {
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, names_in(folder));
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      RB_SDK_RETURN_NOT_OK(remove_tree(path));
    } else {
      RB_SDK_RETURN_NOT_OK(remove_file(path));
    }
  }
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return {};
  return write_failed("the folder cannot be removed", folder);
}

void remove_empty_folders(std::string folder, const std::string& top) {
  while (folder.size() > top.size() && folder.starts_with(top + "/") && ::rmdir(folder.c_str()) == 0)
    folder = folder_of(folder);
}

bool has_files(const std::string& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0) return true;
  if (!S_ISDIR(info.st_mode)) return true;
  const auto names = names_in(folder);
  if (!names.ok()) return true;
  return std::any_of(names->begin(), names->end(),
                     [&](const std::string& name) { return has_files(folder + "/" + name); });
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace rapidbyte::dest_file
