#pragma once
// The program's log: one process-wide spdlog logger on stderr, with secrets redacted in every line. Log once, where the
// error is handled. Callers format with fmt: log_info("read {} rows", n).

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte {

/// Numbers as in the protocol's `log` function (docs/protocol.md).
enum class LogLevel : int { kError = 0, kWarn = 1, kInfo = 2, kDebug = 3, kTrace = 4 };

/// Sets the least severe level that is shown. Default: kWarn.
void set_log_level(LogLevel level);
[[nodiscard]] bool log_enabled(LogLevel level);
/// Writes one line. Control characters of the message except tab are escaped (a guest's text must not control the
/// terminal).
void log_line(LogLevel level, std::string_view message);
/// Called for each line instead of writing to stderr (the progress view, tests). Empty: stderr again.
void set_log_writer(void (*writer)(LogLevel, std::string_view, void*), void* context);

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kError)) log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kWarn)) log_line(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kInfo)) log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kDebug)) log_line(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rapidbyte
