#pragma once
// Files and folders of the destination's folder. What is written durably is on the disk when the call returns, whole or
// not at all. WASI cannot sync a folder; so a file is synced again under its new name, with which the systems of today
// (ext4, XFS, Btrfs, APFS) write the name as well. Errors: DISK_FULL, FILE_WRITE_FAILED, FILE_READ_FAILED (internal),
// each with the path.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::dest_file {

using sdk::Result;
using sdk::Status;

/// Nullopt when there is no such file.
Result<std::optional<std::string>> read_file(const std::string& path);
/// Puts a file with that content in the place of whatever is there, by way of one of another name.
Status write_durably(const std::string& path, std::string_view content);
/// Nullopt when there is no such file.
Result<std::optional<uint64_t>> size_of(const std::string& path);
/// The file's bytes are on the disk.
Status sync_file(const std::string& path);
/// With all folders above it that are missing.
Status make_folders(const std::string& path);
/// Ok when it is gone already.
Status remove_file(const std::string& path);
/// On the disk when it returns; Ok when `from` is gone and `to` is there.
Status move_file(const std::string& from, const std::string& to);
/// Names of the files and folders in a folder, sorted; empty when it is not there.
Result<std::vector<std::string>> names_in(const std::string& folder);
/// Removes a folder and those above it, up to `top`, which stays, as long as they are empty.
void remove_empty_folders(std::string folder, const std::string& top);
/// Whether there is a file in the folder or below it; true when that cannot be seen.
bool has_files(const std::string& folder);
/// Removes all files and folders below a folder, and the folder.
Status remove_tree(const std::string& folder);
/// "a/b" of "a/b/c".
std::string folder_of(const std::string& path);

}  // namespace rapidbyte::dest_file
