#pragma once
#include_next <sys/resource.h>
#ifndef RLIMIT_NOFILE
#define RLIMIT_NOFILE 7
#define RLIM_INFINITY (~0ULL)
typedef unsigned long long rlim_t;
struct rlimit {
  rlim_t rlim_cur;
  rlim_t rlim_max;
};
#ifdef __cplusplus
extern "C" {
#endif
int getrlimit(int resource, struct rlimit* limit);
#ifdef __cplusplus
}
#endif
#endif
