#pragma once
// `rapidbyte state`: shows the cursors, loads and last runs of a pipeline, resets streams, and accepts miscounted
// loads. Never creates a state file. Main thread.

#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

[[nodiscard]] ExitCode state_show_command(const StateShowArguments& arguments, CommandContext& context);
[[nodiscard]] ExitCode state_reset_command(const StateResetArguments& arguments, CommandContext& context);
/// Accepts a stream's load whose rows did not add up as fully written. Asks first, unless told not to.
[[nodiscard]] ExitCode state_accept_command(const StateAcceptArguments& arguments, CommandContext& context);

}  // namespace rapidbyte::cli
