#pragma once
// `rapidbyte version`: prints the versions of the program and of the protocols it speaks. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode version_command(const VersionArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
