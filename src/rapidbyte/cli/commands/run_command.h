#pragma once
// `rapidbyte run`: prepares the pipeline, hands it to the engine, shows progress, and reports. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode run_command(const RunArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
