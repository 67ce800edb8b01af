#pragma once
// FileSet: the files of a stream. A path is a file or a glob below the configured folder; the result is sorted by name,
// so that a resumed load finds the same files in the same order. Reads folders, never file contents.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_file {

struct FileEntry {
  std::string name;  // relative to the folder, with forward slashes
  std::string path;  // to open
  uint64_t size = 0;
};

/// Whether `name` (one path component) matches a pattern of * ? [a-z] [!a-z]. A leading dot must be written out.
bool glob_match(std::string_view pattern, std::string_view name);
/// Whether the path has any of * ? [.
bool is_glob(std::string_view path);

/// The files that match `pattern` below `folder`, sorted. `**` stands for any number of folders. INVALID_PATH for
/// absolute paths and those with `..`; FOLDER_NOT_READABLE; FILE_NOT_FOUND when a plain path names no file; NO_FILES
/// when a glob matches none.
sdk::Result<std::vector<FileEntry>> list_files(const std::string& folder, const std::string& pattern);

/// The files for a stream without a path: `<name>.<extension>` for the first of the extensions, or its .gz or .zst.
/// FILE_NOT_FOUND lists what was tried; AMBIGUOUS_FILE when there are several.
sdk::Result<std::vector<FileEntry>> find_stream_file(const std::string& folder, const std::string& stream,
                                                     const std::vector<std::string>& extensions);

/// The regular files directly in `folder` whose names are wanted, sorted. Other names are not looked at.
sdk::Result<std::vector<FileEntry>> list_folder(const std::string& folder,
                                                const std::function<bool(const std::string& name)>& wanted);

}  // namespace rapidbyte::source_file
