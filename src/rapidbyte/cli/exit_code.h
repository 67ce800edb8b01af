#pragma once
// The program's exit codes (docs/command-line.md, "Exit codes") and which stage has which. Scripts rely on these
// numbers: they never change their meaning. Pure functions, any thread.

#include <string_view>

#include "rapidbyte/engine/errors.h"

namespace rapidbyte::cli {

enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kInvalidPipeline = 3,
  kConnector = 4,
  kSource = 5,
  kDestination = 6,
  kTransform = 7,
  kRejectedRows = 8,
  kState = 9,
  kBug = 70,
  kInterrupted = 130,
};

/// The code for a failure of `stage`, as RunFailure has it.
[[nodiscard]] ExitCode exit_code_for(engine::Stage stage);

/// One short phrase for documentation and summaries, for example "source failed".
[[nodiscard]] std::string_view meaning_of(ExitCode code);

[[nodiscard]] constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

}  // namespace rapidbyte::cli
