#pragma once
// `rapidbyte connectors`: lists the connectors installed on this machine and says whether each can be used.
// `rapidbyte connectors prepare`: compiles them into the AOT cache. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode connectors_command(const ConnectorsArguments& arguments, CommandContext& context);
/// kConnector when one of the connectors named cannot be used, or no connector has such a name.
[[nodiscard]] ExitCode prepare_connectors_command(const PrepareConnectorsArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
