#pragma once
// StateBackend in memory, for tests and for runs that keep nothing. Thread safe; the same semantics as the SQLite one
// (one test suite runs over both), except that it ends with the process and its lease holds within the process only.

#include <memory>

#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

[[nodiscard]] std::unique_ptr<StateBackend> make_memory_state();

}  // namespace rapidbyte::state
