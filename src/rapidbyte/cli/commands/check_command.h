#pragma once
// `rapidbyte check`: says for every part of a pipeline (file, connectors, permissions, source, transforms, destination,
// state) whether it is fine, and what to do if not. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode check_command(const CheckArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
