#pragma once
// SQLite's view of the files it uses: one VFS over plain POSIX calls, the same in the sandbox and natively. It takes no
// locks, because WASI has none: the host holds SQLite's exclusive lock on the database for as long as this component is
// open. Small adjacent writes are combined, since each one would be a call out of the sandbox.

#include <sqlite3.h>

namespace rapidbyte::dest_sqlite {

/// Registers the VFS as the default one; further calls change nothing. Returns an SQLite result code. SQLite, built
/// with SQLITE_OS_OTHER, calls it on its first use.
int register_file_system();

/// Whether the path of the connection's database still leads to the file that the connection has open: false after
/// another program has removed the file or replaced it, which no lock prevents.
bool is_in_place(sqlite3* connection);

}  // namespace rapidbyte::dest_sqlite
