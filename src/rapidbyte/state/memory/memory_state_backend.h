#pragma once
// StateBackend in memory, for tests and for runs that keep nothing. Thread safe; the same semantics as the SQLite one
// (one test suite runs over both), except that it ends with the process and its lease holds within the process only.

#include <memory>
#include <string_view>

#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

[[nodiscard]] std::unique_ptr<StateBackend> make_memory_state();

/// For tests: takes the lock of a pipeline from its holder, who learns nothing of it, as when a lock file is deleted.
/// The next acquire_lease() succeeds. `memory_state` must be of make_memory_state().
void drop_memory_lock(StateBackend& memory_state, std::string_view pipeline);

/// For tests: writes beside whoever holds the pipeline, fenced by nothing, as a user who changes the state behind a
/// run's back.
[[nodiscard]] std::unique_ptr<Lease> memory_writer(StateBackend& memory_state, std::string_view pipeline);

}  // namespace rapidbyte::state
