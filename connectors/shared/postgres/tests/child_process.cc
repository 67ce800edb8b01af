#include "child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

extern char** environ;

namespace rapidbyte::postgres::testing {

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Forks and runs `command` with `output` as stdout and stderr. Everything that allocates is done before the fork.
pid_t spawn(std::vector<std::string> command, const ProcessOptions& options, int output, bool end_with_us) {
  std::vector<std::string> environment = options.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::vector<char*> argv = pointers_to(command);
  const std::vector<char*> envp = pointers_to(environment);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || output < 0) ::_exit(126);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // The child must not hold sockets that a test believes to be closed.
  for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) ::close(fd);
  if (options.run_as &&
      (::setgroups(0, nullptr) != 0 || ::setgid(options.run_as->group) != 0 || ::setuid(options.run_as->user) != 0)) {
    ::_exit(126);
  }
  if (end_with_us) {
    ::setsid();
    // After setuid(), which takes it back.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  ::execvpe(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& command, const ProcessOptions& options) {
  ProcessResult out;
  int ends[2];
  if (::pipe(ends) != 0) return out;
  const pid_t pid = spawn(command, options, ends[1], /*end_with_us=*/false);
  ::close(ends[1]);
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.output.append(buffer, static_cast<size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (pid > 0) out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return out;
}

pid_t start_process(const std::vector<std::string>& command, const std::filesystem::path& log,
                    const ProcessOptions& options) {
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const pid_t pid = spawn(command, options, output, /*end_with_us=*/true);
  ::close(output);
  return pid;
}

}  // namespace rapidbyte::postgres::testing
