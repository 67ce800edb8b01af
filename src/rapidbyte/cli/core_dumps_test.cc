#include "rapidbyte/cli/core_dumps.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace rapidbyte::cli {
namespace {

constexpr uid_t kNobody = 65534;

/// Runs `body` in a process of its own; its exit code, or -1 and the signal's number when it was ended by one.
template <typename Body>
int in_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1000;
  if (WIFSIGNALED(status)) return WCOREDUMP(status) ? -2000 - WTERMSIG(status) : -WTERMSIG(status);
  return WEXITSTATUS(status);
}

TEST(CoreDumps, ACrashLeavesNone) {
  EXPECT_EQ(in_child([] {
              const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
              (void)setrlimit(RLIMIT_CORE, &all);
              forbid_core_dumps();
              rlimit limit{1, 1};
              if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0) return 1;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
              if (prctl(PR_GET_DUMPABLE) != 0) return 2;
#endif
              (void)signal(SIGSEGV, SIG_DFL);
              raise(SIGSEGV);
              return 3;
            }),
            -SIGSEGV);
}

TEST(CoreDumps, FoldersAreStillReachedThroughProcSelfFd) {
  // As another user, because root may do anything.
  EXPECT_EQ(in_child([] {
              if (getuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return 1;
              forbid_core_dumps();
              const int folder = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
              const std::string path = "/proc/self/fd/" + std::to_string(folder);
              const int reopened = open(path.c_str(), O_RDONLY | O_DIRECTORY);
              if (reopened < 0) return 2;
              struct stat one{};
              struct stat two{};
              if (fstat(reopened, &one) != 0 || stat("/usr", &two) != 0 || one.st_ino != two.st_ino) return 3;
              const int below = open((path + "/bin").c_str(), O_RDONLY | O_DIRECTORY);
              return below < 0 ? 4 : 0;
            }),
            0);
}

}  // namespace
}  // namespace rapidbyte::cli
