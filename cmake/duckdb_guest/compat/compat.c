/* What DuckDB calls and wasi-libc lacks. A guest has one thread, one process and no memory maps of files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int kill(int process, int signal) {
  (void)process;
  (void)signal;
  errno = ENOSYS;
  return -1;
}

int getrlimit(int resource, struct rlimit* limit) {
  (void)resource;
  limit->rlim_cur = limit->rlim_max = 1024;
  return 0;
}

int msync(void* address, size_t length, int flags) {
  (void)address;
  (void)length;
  (void)flags;
  errno = ENOSYS;
  return -1;
}

int mlock(const void* address, size_t length) {
  (void)address;
  (void)length;
  return 0;
}

int munlock(const void* address, size_t length) {
  (void)address;
  (void)length;
  return 0;
}

int madvise(void* address, size_t length, int advice) {
  (void)address;
  (void)length;
  (void)advice;
  return 0;
}

/* Objects that are local to the only thread live as long as the instance. */
int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* library) {
  (void)destroy;
  (void)object;
  (void)library;
  return 0;
}

/* The host has resolved every granted folder, and no guest can make a link: a path that exists is its own real path. */
char* realpath(const char* path, char* resolved) {
  if (access(path, F_OK) != 0) {
    return NULL;
  }
  if (resolved != NULL) {
    return strcpy(resolved, path);
  }
  return strdup(path);
}
