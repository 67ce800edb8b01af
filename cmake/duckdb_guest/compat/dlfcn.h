/* A guest has no dynamic libraries. This header also hides that of the machine, which clang would find in /usr/include.
 */
#pragma once
#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_LOCAL 0
static inline void* dlopen(const char* path, int flags) {
  (void)path;
  (void)flags;
  return 0;
}
static inline void* dlsym(void* library, const char* name) {
  (void)library;
  (void)name;
  return 0;
}
static inline char* dlerror(void) { return (char*)"no dynamic libraries in WebAssembly"; }
static inline int dlclose(void* library) {
  (void)library;
  return 0;
}
