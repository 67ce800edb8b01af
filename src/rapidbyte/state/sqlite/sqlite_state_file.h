#pragma once
// The file behind SqliteStateBackend: created with its folders, distinguished from files of other programs, migrated to
// this program's version, and checked for damage.

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>

#include "rapidbyte/base/status.h"
#include "rapidbyte/state/sqlite/sqlite_connection.h"

namespace rapidbyte::state {

/// An open state file: the connection and its mutex, shared by the backend and its leases, since a lease may outlive
/// the backend.
struct StateFile {
  StateFile(sqlite3* handle, std::filesystem::path file) : connection(handle, std::move(file)) {}
  std::mutex mutex;
  SqliteConnection connection;
};

/// Opens the file, or creates it (mode 0600, missing folders 0700), and migrates it to kStateSchemaVersion.
/// STATE_BACKEND when it belongs to another program, has a newer version, is damaged, or cannot be written. It grows to
/// at most `max_bytes`.
Result<std::shared_ptr<StateFile>> open_state_file(const std::filesystem::path& path, uint64_t max_bytes);

}  // namespace rapidbyte::state
