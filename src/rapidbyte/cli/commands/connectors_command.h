#pragma once
// `rapidbyte connectors`: lists the connectors installed on this machine and says whether each can be used. Main
// thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode connectors_command(const ConnectorsArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
