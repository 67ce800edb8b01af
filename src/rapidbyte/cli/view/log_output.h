#pragma once
// How the program's log lines look on stderr, and where they go: plain sentences for people, without time stamps
// (--events has those). base/log.h redacts and escapes before a line arrives here. Any thread.

#include <string>
#include <string_view>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/view/terminal.h"

namespace rapidbyte::cli {

/// "warning: ...", without a line feed.
[[nodiscard]] std::string render_log_line(LogLevel level, std::string_view message, bool color);

/// Sends log lines to `terminal` from now on; it must live as long. Null: the log's own way to stderr.
void send_log_to(Terminal* terminal);

}  // namespace rapidbyte::cli
