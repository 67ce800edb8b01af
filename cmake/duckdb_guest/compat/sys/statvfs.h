/* How much room a disk has is the host's business: DuckDB takes an error for "unknown". */
#pragma once
#include <errno.h>
struct statvfs {
  unsigned long f_bsize, f_frsize;
  unsigned long long f_blocks, f_bfree, f_bavail;
};
static inline int statvfs(const char* path, struct statvfs* out) {
  (void)path;
  (void)out;
  errno = ENOSYS;
  return -1;
}
