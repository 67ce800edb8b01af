#pragma once
// CommandContext: what a command gets from outside: the two output streams, the signal's cancel token, and how to get a
// runtime and a state. main() supplies the real ones, tests supply fakes. Commands run on the main thread.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/cli/view/table_printer.h"
#include "rapidbyte/cli/view/terminal.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::cli {

struct CommandContext {
  Terminal& data;  // stdout
  Terminal& talk;  // stderr
  CancelToken cancel;
  std::function<Result<std::unique_ptr<runtime::ComponentRuntime>>(runtime::RuntimeOptions)> make_runtime;
  /// May be called on another thread while the command continues; the command waits for it before it ends.
  std::function<Result<std::unique_ptr<state::StateBackend>>(const pipeline::StateConfig&)> open_state;
  std::function<std::optional<std::string>(std::string_view name)> environment;
  /// Objects that have nothing left to do. If there are any, main() calls _exit after the command, which frees them in
  /// a fraction of their destructors' time; everything must have been written and closed by then.
  std::vector<std::shared_ptr<void>> kept_until_exit = {};
  /// Asks on the terminal; nullopt when there is nobody to ask.
  std::function<std::optional<bool>(std::string_view question)> confirm;
};

/// How tables look on `terminal`.
[[nodiscard]] inline TableStyle table_style(const Terminal& terminal) {
  return {.width = terminal.width(), .unicode = terminal.unicode(), .color = terminal.color()};
}

}  // namespace rapidbyte::cli
