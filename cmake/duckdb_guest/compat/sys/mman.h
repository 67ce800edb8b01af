#pragma once
#include_next <sys/mman.h>
#ifdef __cplusplus
extern "C" {
#endif
int msync(void* address, size_t length, int flags);
int mlock(const void* address, size_t length);
int munlock(const void* address, size_t length);
int madvise(void* address, size_t length, int advice);
#ifdef __cplusplus
}
#endif
