#pragma once
// The command line as values: parse_arguments() turns argv into one of the structs below and does nothing else (it
// opens no file and makes no runtime), so that --help answers at once. Pure function, any thread.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

struct Verbosity {
  bool quiet = false;
  int verbose = 0;  // number of -v
  /// -q errors only; nothing: warnings; -v info; -vv debug; -vvv trace.
  [[nodiscard]] LogLevel log_level() const;
};

struct RunArguments {
  std::filesystem::path pipeline;
  bool dry_run = false;
  bool keep_positions = false;
  /// Rows per stream; never 0.
  std::optional<uint64_t> limit;
  /// Names and patterns; empty: all.
  std::vector<std::string> streams;
  bool allow_doubled_rows = false;
  bool allow_partial = false;
  bool json = false;
  std::filesystem::path events;
  bool allow_unmanifested = false;
  Verbosity verbosity;
};

struct CheckArguments {
  std::filesystem::path pipeline;
  bool json = false;
  bool allow_unmanifested = false;
  Verbosity verbosity;
};

struct DiscoverArguments {
  std::filesystem::path pipeline;
  bool json = false;
  bool allow_unmanifested = false;
  Verbosity verbosity;
};

struct ConnectorsArguments {
  bool json = false;
};

struct PrepareConnectorsArguments {
  /// As `use:` takes them, or without what is before the slash; empty: all.
  std::vector<std::string> names;
  bool json = false;
};

struct StateShowArguments {
  std::filesystem::path pipeline;
  /// Names and patterns; empty: all.
  std::vector<std::string> streams;
  bool json = false;
};

struct StateResetArguments {
  std::filesystem::path pipeline;
  /// Names and patterns; empty: all.
  std::vector<std::string> streams;
  bool yes = false;
};

struct StateAcceptArguments {
  std::filesystem::path pipeline;
  std::string stream;
  bool yes = false;
};

struct VersionArguments {
  bool json = false;
};

using Command =
    std::variant<RunArguments, CheckArguments, DiscoverArguments, ConnectorsArguments, PrepareConnectorsArguments,
                 StateShowArguments, StateResetArguments, StateAcceptArguments, VersionArguments>;

/// Nothing to run: help for stdout (kOk), or what is wrong with the arguments for stderr (kUsage).
struct EarlyExit {
  ExitCode code = ExitCode::kOk;
  std::string text;
};

[[nodiscard]] std::variant<Command, EarlyExit> parse_arguments(int argc, const char* const* argv);

}  // namespace rapidbyte::cli
