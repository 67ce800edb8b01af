#pragma once
// How an error is shown on stderr: what failed and with which code, the message (which says where, why and how to fix),
// and what to do next. Secrets are redacted and control characters made visible: parts of a message come from
// connectors and servers. Pure functions, any thread.

#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"
#include "rapidbyte/cli/exit_code.h"

namespace rapidbyte::cli {

/// Lines, each with its line feed: "error: source failed (FILE_NOT_FOUND): ...". Line feeds of the message become
/// indented lines. `hint` may be empty.
[[nodiscard]] std::string render_error(ExitCode code, const ConnectorError& error, std::string_view hint, bool color);

/// `text` redacted and printable, its own line feeds kept and indented by `indent` spaces.
[[nodiscard]] std::string printable_lines(std::string_view text, size_t indent);

}  // namespace rapidbyte::cli
