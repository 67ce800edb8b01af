#pragma once
// `rapidbyte discover`: lists the source's streams and their columns. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode discover_command(const DiscoverArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
