#pragma once
// Runs other programs for tests: once with their output, or in the background until they are told to stop. As root, a
// program can run as another user. Nothing goes through a shell.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rapidbyte::postgres::testing {

/// A user to run programs as.
struct RunAs {
  uid_t user = 0;
  gid_t group = 0;
};

struct ProcessOptions {
  std::filesystem::path folder;  // working directory; empty: the caller's
  std::optional<RunAs> run_as;
  /// Added to the caller's environment, "NAME=value".
  std::vector<std::string> environment;
};

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when one ended it
  std::string output;  // of stdout and stderr
};

/// Runs `command` to its end.
ProcessResult run_process(const std::vector<std::string>& command, const ProcessOptions& options = {});

/// Starts `command` in the background with its output appended to `log`; gives its pid. It gets SIGQUIT when the
/// calling thread ends, so that a test program that crashes leaves nothing running.
pid_t start_process(const std::vector<std::string>& command, const std::filesystem::path& log,
                    const ProcessOptions& options = {});

}  // namespace rapidbyte::postgres::testing
