#pragma once
// The lease of the SQLite backend. An operating-system lock on `<file>.<hash of the pipeline>.lock` decides who gets
// it; a row of `leases` says who that is, and with which token. The lock alone is not enough: the lock file may be
// deleted, the state file replaced, and a network file system may lose locks. So each write checks the row, in its own
// transaction, and that the path still names the open file.

#include <memory>
#include <string_view>

#include "rapidbyte/base/status.h"
#include "rapidbyte/state/lease.h"
#include "rapidbyte/state/sqlite/sqlite_state_file.h"

namespace rapidbyte::state {

/// StateBackend::acquire_lease().
[[nodiscard]] Result<std::unique_ptr<Lease>> acquire_sqlite_lease(std::shared_ptr<StateFile> database,
                                                                  std::string_view pipeline, std::string_view run_id);
/// Lease::get(), which needs no lease.
[[nodiscard]] Result<std::optional<std::string>> load_sqlite_pair(StateFile& database, std::string_view pipeline,
                                                                  const PairKey& key);

}  // namespace rapidbyte::state
