/* WASI has no file locks: every lock is granted. No connector opens a database file of DuckDB's yet; the host has to
   hold the lock for the first one that does, as it does SQLite's (docs/adr/0003). */
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
