// Preloaded into the program by test_kill.py: kills the process (SIGKILL) just before its n-th write, flush, truncation
// or removal of a file whose path contains RAPIDBYTE_KILL_FILE, where n is RAPIDBYTE_KILL_AT. The host's SQLite and the
// one in the sandbox both end up in these calls of libc, so every point at which one record can fall behind another is
// reached exactly, not by luck. Without RAPIDBYTE_KILL_AT nothing is killed; the number of such calls is written to the
// file RAPIDBYTE_KILL_COUNT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int holds_part(const char *path) {
  const char *part = getenv("RAPIDBYTE_KILL_FILE");
  return part != NULL && strstr(path, part) != NULL;
}

static int watched(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  return holds_part(path);
}

static void count_call(void) {
  const char *at = getenv("RAPIDBYTE_KILL_AT");
  const long call = atomic_fetch_add(&calls, 1) + 1;
  if (at != NULL && call == atol(at)) kill(getpid(), SIGKILL);
}

static void about_to_touch(int fd) {
  if (watched(fd)) count_call();
}

__attribute__((destructor)) static void write_count(void) {
  const char *file = getenv("RAPIDBYTE_KILL_COUNT");
  FILE *out = file == NULL ? NULL : fopen(file, "w");
  if (out == NULL) return;
  fprintf(out, "%ld\n", atomic_load(&calls));
  fclose(out);
}

// Each wrapper finds the real function once; a race only finds it twice.
#define REAL(type, name)                                        \
  static type real;                                             \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

typedef void (*exit_fn)(int) __attribute__((noreturn));
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off64_t);
typedef int (*sync_fn)(int);
typedef int (*truncate_fn)(int, off64_t);
typedef int (*unlink_fn)(const char *);
typedef int (*unlinkat_fn)(int, const char *, int);

// How the program exits after a run; no destructor runs after it.
__attribute__((noreturn)) void _exit(int code) {
  REAL(exit_fn, "_exit");
  write_count();
  real(code);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  REAL(pwrite_fn, "pwrite64");
  about_to_touch(fd);
  return real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  REAL(pwrite_fn, "pwrite64");
  about_to_touch(fd);
  return real(fd, data, size, offset);
}

int fsync(int fd) {
  REAL(sync_fn, "fsync");
  about_to_touch(fd);
  return real(fd);
}

int fdatasync(int fd) {
  REAL(sync_fn, "fdatasync");
  about_to_touch(fd);
  return real(fd);
}

int ftruncate64(int fd, off64_t size) {
  REAL(truncate_fn, "ftruncate64");
  about_to_touch(fd);
  return real(fd, size);
}

int ftruncate(int fd, off_t size) {
  REAL(truncate_fn, "ftruncate64");
  about_to_touch(fd);
  return real(fd, size);
}

int unlink(const char *path) {
  REAL(unlink_fn, "unlink");
  if (holds_part(path)) count_call();
  return real(path);
}

// The sandbox removes a file by its name in a folder that is open.
int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat_fn, "unlinkat");
  if (watched(folder) || holds_part(path)) count_call();
  return real(folder, path, flags);
}
