#include "rapidbyte/runtime/sandbox/native_stack.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>

namespace rapidbyte::runtime {

namespace {
// Only what is used takes memory.
constexpr size_t kNativeStackBytes = 4 * kMaxWasmStackBytes;
}  // namespace

void reserve_native_stacks() {
  pthread_attr_t attributes;
  if (pthread_getattr_default_np(&attributes) == 0) {
    size_t bytes = 0;
    if (pthread_attr_getstacksize(&attributes, &bytes) == 0 && bytes < kNativeStackBytes &&
        pthread_attr_setstacksize(&attributes, kNativeStackBytes) == 0) {
      pthread_setattr_default_np(&attributes);
    }
    pthread_attr_destroy(&attributes);
  }
  // The main thread's stack grows up to the limit, also to one that was raised later.
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kNativeStackBytes)
    return;
  limit.rlim_cur = std::min<rlim_t>(kNativeStackBytes, limit.rlim_max);
  setrlimit(RLIMIT_STACK, &limit);
}

}  // namespace rapidbyte::runtime
