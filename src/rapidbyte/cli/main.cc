// The program: sets up the process (signals, standard streams, log), picks the command, and turns whatever happens into
// an exit code. Nothing expensive is made before the arguments are parsed.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/commands/arguments.h"
#include "rapidbyte/cli/commands/check_command.h"
#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/commands/connectors_command.h"
#include "rapidbyte/cli/commands/discover_command.h"
#include "rapidbyte/cli/commands/run_command.h"
#include "rapidbyte/cli/commands/state_command.h"
#include "rapidbyte/cli/commands/version_command.h"
#include "rapidbyte/cli/core_dumps.h"
#include "rapidbyte/cli/signal_watcher.h"
#include "rapidbyte/cli/view/log_output.h"
#include "rapidbyte/cli/view/terminal.h"
#include "rapidbyte/pipeline/env_substitution.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::cli {
namespace {

constexpr std::string_view kShowCursor = "\x1b[?25h";

/// The last words of a process that ends without unwinding; async-signal-safe calls only.
[[noreturn]] void leave_at_once(std::string_view words, ExitCode code) {
  if (isatty(STDERR_FILENO) == 1) {
    [[maybe_unused]] const ssize_t shown = write(STDERR_FILENO, kShowCursor.data(), kShowCursor.size());
  }
  [[maybe_unused]] const ssize_t said = write(STDERR_FILENO, words.data(), words.size());
  _exit(to_int(code));
}

[[noreturn]] void on_terminate() {
  leave_at_once(
      "\nerror: bug in rapidbyte: an unexpected internal error ended the program. Nothing uncommitted was claimed;\n"
      "run the same command again to continue. Please report this with the command and the output of -vv.\n",
      ExitCode::kBug);
}

std::optional<bool> ask(Terminal& talk, std::string_view question) {
  if (isatty(STDIN_FILENO) != 1 || !talk.is_terminal()) return std::nullopt;
  talk.write(question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Verbosity verbosity_of(const Command& command) {
  return std::visit(
      [](const auto& arguments) {
        if constexpr (requires { arguments.verbosity; }) {
          return arguments.verbosity;
        } else {
          return Verbosity{};
        }
      },
      command);
}

struct Dispatch {
  CommandContext& context;
  ExitCode operator()(const RunArguments& arguments) const { return run_command(arguments, context); }
  ExitCode operator()(const CheckArguments& arguments) const { return check_command(arguments, context); }
  ExitCode operator()(const DiscoverArguments& arguments) const { return discover_command(arguments, context); }
  ExitCode operator()(const ConnectorsArguments& arguments) const { return connectors_command(arguments, context); }
  ExitCode operator()(const PrepareConnectorsArguments& arguments) const {
    return prepare_connectors_command(arguments, context);
  }
  ExitCode operator()(const StateShowArguments& arguments) const { return state_show_command(arguments, context); }
  ExitCode operator()(const StateResetArguments& arguments) const { return state_reset_command(arguments, context); }
  ExitCode operator()(const StateAcceptArguments& arguments) const { return state_accept_command(arguments, context); }
  ExitCode operator()(const VersionArguments& arguments) const { return version_command(arguments, context); }
};

ExitCode run_program(int argc, char** argv) {
  forbid_core_dumps();
  open_missing_standard_streams();
  ignore_sigpipe();
  FdTerminal data(STDOUT_FILENO);
  FdTerminal plain_talk(STDERR_FILENO);
  RedactedTerminal talk(plain_talk);
  auto parsed = parse_arguments(argc, argv);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    const bool written = early->code == ExitCode::kOk ? data.write(early->text) : talk.write(early->text);
    return written ? early->code : ExitCode::kInternal;
  }
  const Command& command = std::get<Command>(parsed);
  set_log_level(verbosity_of(command).log_level());
  send_log_to(&talk);

  CommandContext context{.data = data,
                         .talk = talk,
                         .cancel = CancelToken(),
                         .make_runtime = &runtime::make_component_runtime,
                         .open_state = &state::open_state,
                         .environment = pipeline::process_environment(),
                         .confirm = [&talk](std::string_view question) { return ask(talk, question); }};
  // A question waits in read(), which no token interrupts; there the signals keep their usual effect.
  std::unique_ptr<SignalWatcher> watcher;
  if (!std::holds_alternative<StateResetArguments>(command) && !std::holds_alternative<StateAcceptArguments>(command)) {
    SignalWatcher::Options options;
    options.cancel = context.cancel;
    options.leave_now = [] {
      leave_at_once("\nstopped at once; what was committed stays, run the same command again to continue\n",
                    ExitCode::kInterrupted);
    };
    auto started = SignalWatcher::start(std::move(options));
    if (started.ok()) {
      watcher = std::move(*started);
    } else {
      log_warn("Ctrl-C will end the program without waiting for a commit: {}", started.error().message);
    }
  }
  const ExitCode code = std::visit(Dispatch{context}, command);
  send_log_to(nullptr);
  // Everything that must end or be written has been: destroying the engine, the parsers' tables and OpenSSL's would
  // otherwise take a tenth of a small run's time.
  if (!context.kept_until_exit.empty()) _exit(to_int(code));
  return code;
}

}  // namespace
}  // namespace rapidbyte::cli

int main(int argc, char** argv) {
  std::set_terminate(&rapidbyte::cli::on_terminate);
  try {
    return rapidbyte::cli::to_int(rapidbyte::cli::run_program(argc, argv));
  } catch (...) {
    rapidbyte::cli::on_terminate();
  }
}
