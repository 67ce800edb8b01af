#include "file_set.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Result;
using sdk::Status;

// Deeper than any folders in practice; each level takes stack.
constexpr int kMaxDepth = 64;

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.back() == '/' ? folder + name : folder + "/" + name;
}

/// The host's listing ends at such a name, so that the names after it are unknown, too.
Status name_not_utf8(const std::string& folder) {
  return sdk::config_error(
      codes::kFileNameInvalid,
      "folder '" + folder +
          "' holds a name that is not valid UTF-8. A WebAssembly connector cannot see it or the names after "
          "it, so it is unknown which files the path matches. Find it with: LC_ALL=C ls -b '" +
          folder + "' | grep '\\\\[0-9]', and rename or move it. A path without * ? [ can still be read");
}

Result<std::vector<std::string>> entries_of(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) {
    if (errno == EILSEQ) return name_not_utf8(path);
    return sdk::config_error(codes::kFolderNotReadable, "cannot read folder '" + path + "': " + std::strerror(errno) +
                                                            "; check the option folder and its access rights");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int why = errno;
  ::closedir(directory);
  if (why == EILSEQ) return name_not_utf8(path);
  // A listing that ended early must not pass for a short one.
  if (why != 0) {
    return sdk::config_error(codes::kFolderNotReadable,
                             "cannot read all of folder '" + path + "': " + std::strerror(why) + "; check the disk");
  }
  std::sort(names.begin(), names.end());
  return names;
}

enum class PathKind : uint8_t {
  kNone,
  kFile,
  kFolder,
  kOther,  // a pipe or a device: opening it could block forever, beyond the reach of every deadline
  kUnreadable,  // the name exists, but what it leads to cannot be looked at; errno says why
};

PathKind kind_of(const std::string& path, uint64_t& size) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    const int why = errno;
    const bool named = ::lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
    errno = why;
    return named ? PathKind::kUnreadable : PathKind::kNone;
  }
  if (S_ISDIR(info.st_mode)) return PathKind::kFolder;
  if (!S_ISREG(info.st_mode)) return PathKind::kOther;
  size = static_cast<uint64_t>(info.st_size);
  return PathKind::kFile;
}

bool is_link(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

/// Call directly after kind_of() has returned kUnreadable. Leaving the file out would silently lose its rows.
Status unreadable(const std::string& folder, const std::string& name) {
  return sdk::config_error(codes::kFileUnreadable,
                           "'" + name + "' in folder '" + folder + "' cannot be read (" + std::strerror(errno) +
                               "). If it is a link, it leads to nothing or out of the folder, where this connector "
                               "may not look: put the file itself there, set the option folder to a folder that holds "
                               "both, or choose a path that does not match it");
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

/// Walks `parts` from index `at` in the folder `name` (relative, empty for the top).
Status walk(const std::string& folder, const std::string& name, const std::vector<std::string>& parts, size_t at,
            int depth, std::vector<FileEntry>& out) {
  const std::string path = name.empty() ? folder : join(folder, name);
  const auto visit = [&](const std::string& child, size_t next) -> Status {
    const std::string child_name = name.empty() ? child : name + "/" + child;
    FileEntry entry{child_name, join(folder, child_name), 0};
    const PathKind kind = kind_of(entry.path, entry.size);
    if (kind == PathKind::kUnreadable) return unreadable(folder, child_name);
    if (next == parts.size()) {
      if (kind == PathKind::kFile) out.push_back(std::move(entry));
      return {};
    }
    if (kind != PathKind::kFolder) return {};
    if (depth >= kMaxDepth) {
      return sdk::config_error(codes::kFolderTooDeep, "'" + child_name + "' in folder '" + folder +
                                                          "' is deeper than " + std::to_string(kMaxDepth) +
                                                          " folders; set the option folder to a folder nearer to it");
    }
    return walk(folder, child_name, parts, next, depth + 1, out);
  };
  const std::string& part = parts[at];
  if (part == "**") {
    if (at + 1 < parts.size()) RB_SDK_RETURN_NOT_OK(walk(folder, name, parts, at + 1, depth + 1, out));
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, entries_of(path));
    for (const std::string& child : names) {
      if (child.front() == '.') continue;
      if (at + 1 == parts.size()) RB_SDK_RETURN_NOT_OK(visit(child, at + 1));
      // As in a shell's globstar: through a link the same files would come once more, or without end.
      if (!is_link(join(path, child))) RB_SDK_RETURN_NOT_OK(visit(child, at));
    }
    return {};
  }
  if (!is_glob(part)) return visit(part, at + 1);
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, entries_of(path));
  for (const std::string& child : names) {
    if (glob_match(part, child)) RB_SDK_RETURN_NOT_OK(visit(child, at + 1));
  }
  return {};
}

std::string some_files(const std::string& folder) {
  const auto names = entries_of(folder);
  if (!names.ok()) return {};
  std::string out;
  for (size_t i = 0; i < names->size() && i < 10; ++i) {
    out += i == 0 ? "" : ", ";
    out += (*names)[i];
  }
  if (names->size() > 10) out += ", ...";
  return out.empty() ? "; the folder is empty" : "; the folder holds: " + out;
}

/// Matches one [...] set at pattern[at]; moves `at` past it. nullopt when the bracket is not closed.
std::optional<bool> match_set(std::string_view pattern, size_t& at, char c) {
  size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool matched = false;
  for (bool first = true; i < pattern.size() && (pattern[i] != ']' || first); first = false) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      matched = matched || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 3;
    } else {
      matched = matched || pattern[i] == c;
      ++i;
    }
  }
  if (i >= pattern.size()) return std::nullopt;
  at = i + 1;
  return matched != negated;
}

}  // namespace

bool is_glob(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

bool glob_match(std::string_view pattern, std::string_view name) {
  if (!name.empty() && name.front() == '.' && (pattern.empty() || pattern.front() != '.')) return false;
  size_t p = 0, n = 0;
  // Where to continue when a later part fails: the last star takes one more character.
  size_t star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    bool ok = false;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      size_t next = p + 1;
      if (pattern[p] == '?') {
        ok = true;
      } else if (pattern[p] == '[') {
        size_t at = p;
        const std::optional<bool> set = match_set(pattern, at, name[n]);
        ok = set ? *set : name[n] == '[';
        if (set) next = at;
      } else {
        ok = pattern[p] == name[n];
      }
      if (ok) {
        p = next;
        ++n;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star + 1;
    n = ++star_name;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<FileEntry>> list_files(const std::string& folder, const std::string& pattern) {
  if (pattern.empty() || pattern.front() == '/') {
    return sdk::config_error(codes::kInvalidPath,
                             "path '" + pattern + "' must be relative to the option folder ('" + folder + "')");
  }
  if (pattern.find('\0') != std::string::npos) {
    return sdk::config_error(codes::kInvalidPath,
                             "path '" + pattern.substr(0, pattern.find('\0')) +
                                 "\\0...' holds a NUL byte, where file systems would cut it; correct it");
  }
  const std::vector<std::string> parts = split_path(pattern);
  for (const std::string& part : parts) {
    if (part == "..") {
      return sdk::config_error(codes::kInvalidPath, "path '" + pattern + "' leaves the folder '" + folder +
                                                        "'; set the option folder to the folder that holds the files");
    }
  }
  if (parts.empty()) return sdk::config_error(codes::kInvalidPath, "path '" + pattern + "' names no file");
  std::vector<FileEntry> files;
  RB_SDK_RETURN_NOT_OK(walk(folder, "", parts, 0, 0, files));
  std::sort(files.begin(), files.end(), [](const FileEntry& a, const FileEntry& b) { return a.name < b.name; });
  files.erase(
      std::unique(files.begin(), files.end(), [](const FileEntry& a, const FileEntry& b) { return a.name == b.name; }),
      files.end());
  if (!files.empty()) return files;
  if (is_glob(pattern)) {
    return sdk::config_error(codes::kNoFiles,
                             "no file matches '" + pattern + "' in folder '" + folder + "'" + some_files(folder));
  }
  return sdk::config_error(codes::kFileNotFound,
                           "there is no file '" + pattern + "' in folder '" + folder + "'" + some_files(folder));
}

Result<std::vector<FileEntry>> find_stream_file(const std::string& folder, const std::string& stream,
                                                const std::vector<std::string>& extensions) {
  std::vector<FileEntry> found;
  std::string tried;
  // A stream's name may contain anything; as part of a file name it must stay in the folder and be complete.
  if (stream.find('/') == std::string::npos && stream.find('\0') == std::string::npos) {
    for (const std::string& extension : extensions) {
      for (const std::string_view compression : {"", ".gz", ".zst"}) {
        const std::string name = stream + "." + extension + std::string(compression);
        FileEntry entry{name, join(folder, name), 0};
        tried += tried.empty() ? "" : ", ";
        tried += name;
        const PathKind kind = kind_of(entry.path, entry.size);
        if (kind == PathKind::kUnreadable) return unreadable(folder, name);
        if (kind == PathKind::kFile) found.push_back(std::move(entry));
      }
    }
  }
  if (found.size() == 1) return found;
  if (found.empty()) {
    RB_SDK_RETURN_NOT_OK(entries_of(folder).status());
    uint64_t size = 0;
    const bool is_parquet = kind_of(join(folder, stream + ".parquet"), size) == PathKind::kFile;
    const std::string advice = is_parquet && tried.find(".parquet") == std::string::npos
                                   ? ". Parquet files are read by rapidbyte/source-parquet"
                                   : ". Set the stream's path to a file or glob";
    return sdk::config_error(codes::kFileNotFound, "no file for stream '" + stream + "' in folder '" + folder +
                                                       "' (tried " + (tried.empty() ? "nothing" : tried) + ")" +
                                                       some_files(folder) + advice);
  }
  std::string names;
  for (const FileEntry& entry : found) {
    names += names.empty() ? "" : ", ";
    names += entry.name;
  }
  return sdk::config_error(codes::kAmbiguousFile,
                           "stream '" + stream + "' could mean " + names + "; set the stream's path");
}

Result<std::vector<FileEntry>> list_folder(const std::string& folder,
                                           const std::function<bool(const std::string& name)>& wanted) {
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, entries_of(folder));
  std::vector<FileEntry> files;
  for (const std::string& name : names) {
    FileEntry entry{name, join(folder, name), 0};
    if (name.front() == '.' || !wanted(name)) continue;
    const PathKind kind = kind_of(entry.path, entry.size);
    if (kind == PathKind::kUnreadable) return unreadable(folder, name);
    if (kind == PathKind::kFile) files.push_back(std::move(entry));
  }
  return files;
}

}  // namespace rapidbyte::source_file
