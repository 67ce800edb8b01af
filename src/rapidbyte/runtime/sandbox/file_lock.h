#pragma once
// What the locks on database files (sqlite_file_lock.h, duckdb_file_lock.h) have in common: the file is opened through
// its folder's handle, no link in its place is followed, and the lock is waited for. Open-file-description locks are
// used: they conflict with other programs' POSIX locks, and closing another descriptor of the same file in this process
// does not drop them.

#include <fcntl.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/sandbox/pinned_folder.h"

namespace rapidbyte::runtime {

/// For every open() of a file that a guest may write. Without O_NONBLOCK a pipe in the file's place would block.
inline constexpr int kGuardedOpen = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

/// Opens the file `name` of `folder` with `access` (O_RDONLY, or O_RDWR | O_CREAT). DATABASE_OPEN (permission, config)
/// when that fails, and for what is no regular file or has several names.
Result<int> open_database_file(const PinnedFolder& folder, const std::string& name, int access);

/// DATABASE_OPEN: the file cannot be opened, because of `error` (errno). `purpose`: "writing", "reading".
Status database_open_error(const std::filesystem::path& file, int error, std::string_view purpose = "writing");

/// Waits until the range of the file is locked. DATABASE_LOCKED (transient-db, retryable) names the process that holds
/// it; `remedy`, an imperative, is part of the message. DATABASE_OPEN (config) for a file system without locks.
Status wait_for_lock(int fd, const std::filesystem::path& file, const struct flock& range, std::string_view remedy,
                     std::chrono::milliseconds timeout, const CancelToken& cancel);

/// Some file systems cannot sync a folder; SQLite itself ignores that, too.
void sync_folder(const PinnedFolder& folder);

}  // namespace rapidbyte::runtime
