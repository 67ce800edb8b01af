#pragma once
// StateBackend in memory, for tests and for runs that keep nothing. Thread safe; same semantics as the SQLite backend
// (one test suite covers both), except that it ends with the process and its lease works only within the process.

#include <memory>
#include <string_view>

#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

[[nodiscard]] std::unique_ptr<StateBackend> make_memory_state();

/// For tests: takes the lock of a pipeline away without its holder noticing, as when a lock file is deleted. The next
/// acquire_lease() succeeds. `memory_state` must come from make_memory_state().
void drop_memory_lock(StateBackend& memory_state, std::string_view pipeline);

/// For tests: as when the machine loses power. Relaxed writes since the last durable one are gone (Durability).
void lose_relaxed_writes(StateBackend& memory_state);

/// For tests: writes without a lease and without fencing, like a user who changes the state behind a run's back.
[[nodiscard]] std::unique_ptr<Lease> memory_writer(StateBackend& memory_state, std::string_view pipeline);

}  // namespace rapidbyte::state
