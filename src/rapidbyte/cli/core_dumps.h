#pragma once
// Keeps the process's memory, which holds passwords, out of files: no core dump, and no other process of the user may
// read it. Called once, before the first secret is read.

namespace rapidbyte::cli {

/// Sets RLIMIT_CORE to 0 and makes the process "not dumpable": a core_pattern that pipes to a program ignores the
/// limit. With sanitizers only the limit, because their leak check traces the process. Failures are ignored: the kernel
/// then has no dumps either.
void forbid_core_dumps();

}  // namespace rapidbyte::cli
