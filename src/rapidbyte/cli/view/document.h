#pragma once
// What goes to stdout: whole documents and tables. A stdout that cannot be written (a full disk) is reported on stderr;
// a reader that went away is not an error. Main thread.

#include <nlohmann/json.hpp>
#include <string_view>

#include "rapidbyte/cli/view/terminal.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::cli {

/// Writes `text`; false, with a message on `talk`, when stdout cannot be written.
bool write_text(Terminal& data, std::string_view text, Terminal& talk);
/// Writes one JSON document, indented, with a line feed. Bytes that are not UTF-8 become U+FFFD. For data (catalogs,
/// rows), which is shown as it is.
bool write_document(Terminal& data, const nlohmann::json& document, Terminal& talk);

/// The same for a report: every text in it is redacted.
bool write_report(Terminal& data, nlohmann::json report, Terminal& talk);

/// Reports a long compilation of a runtime: one line on `talk`, which must outlive the runtime. Nothing when `quiet`.
[[nodiscard]] runtime::SlowCompilation compilation_notice(Terminal& talk, bool quiet);

}  // namespace rapidbyte::cli
