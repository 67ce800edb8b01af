#include "rapidbyte/cli/core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace rapidbyte::cli {

void forbid_core_dumps() {
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace rapidbyte::cli
