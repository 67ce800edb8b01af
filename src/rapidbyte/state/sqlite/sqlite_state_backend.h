#pragma once
// StateBackend in one SQLite file (WAL, synchronous FULL). One connection per backend behind a mutex, so that every
// thread may call it; other processes may have the same file open. The lease is a row plus an operating-system lock on
// `<file>.<hash of the pipeline>.lock`: the lock decides, the row says who. SQLite's header is included only by the
// .cc.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/state/open_state.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

/// Version of the tables, kept in the file's user_version. Older files are migrated when opened, newer ones refused.
inline constexpr int kStateSchemaVersion = 7;

/// Largest state file: far above any real state, but a guest that puts values in a loop can't fill the disk.
inline constexpr uint64_t kMaxStateBytes = uint64_t{1} << 30U;

/// Opens or creates the state file (mode 0600; missing folders with mode 0700). STATE_BACKEND when it can't be used;
/// the message says what to do.
[[nodiscard]] Result<std::unique_ptr<StateBackend>> open_sqlite_state(const std::filesystem::path& path);
/// The same with another limit on the file; writes beyond it fail with STATE_BACKEND and change nothing.
[[nodiscard]] Result<std::unique_ptr<StateBackend>> open_bounded_sqlite_state(const std::filesystem::path& path,
                                                                              uint64_t max_bytes);

/// The backend's part of open_state.h. A state can be created if its folder, or the nearest existing one above it, is
/// writable.
[[nodiscard]] StateSurvey survey_sqlite_state(const std::filesystem::path& path);
/// The database first, then the files that SQLite keeps beside it; empty for an empty path.
[[nodiscard]] std::vector<std::filesystem::path> sqlite_state_files(const std::filesystem::path& path);

}  // namespace rapidbyte::state
