#pragma once
// `rapidbyte check`: checks every part of a pipeline (file, connectors, permissions, source, transforms, destination,
// state) and says how to fix what is wrong. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode check_command(const CheckArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
