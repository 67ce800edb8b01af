/* WASI has no file locks. The host holds DuckDB's lock on the file for the guest, as it does SQLite's (docs/adr/0003), so that here every lock is granted. */
#pragma once
#include_next <fcntl.h>
#include <sys/types.h>
#ifndef F_SETLK
#define F_GETLK 5
#define F_SETLK 6
#endif
#ifndef F_RDLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#endif
#ifndef RB_NO_FILE_LOCKS
#define RB_NO_FILE_LOCKS
static inline int rb_lock_file(int fd, int command, struct flock* lock) {
  (void)fd;
  (void)command;
  (void)lock;
  return 0;
}
#define fcntl rb_lock_file
#endif
