#pragma once
// The native stack on which guests run.

#include <cstddef>

namespace rapidbyte::runtime {

/// Native stack of a guest's calls, bytes; deeper is STACK_OVERFLOW. DuckDB walks expressions by recursion, a thousand
/// levels deep by its own limit, which takes some 3 MiB.
inline constexpr size_t kMaxWasmStackBytes = size_t{4} << 20U;

/// Sees to it that every thread that is started from now on, and the main thread as far as the system lets it, has room
/// for that and for the host's functions below, whatever `ulimit -s` says. Any number of times.
void reserve_native_stacks();

}  // namespace rapidbyte::runtime
