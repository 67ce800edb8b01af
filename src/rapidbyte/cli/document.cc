#include "rapidbyte/cli/document.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "rapidbyte/base/redacted_json.h"
#include "rapidbyte/cli/quantities.h"
#include "rapidbyte/cli/text_width.h"

namespace rapidbyte::cli {

bool write_text(Terminal& data, std::string_view text, Terminal& talk) {
  if (data.write(text)) return true;
  talk.write("error: stdout cannot be written: is the disk full?\n");
  return false;
}

bool write_document(Terminal& data, const nlohmann::json& document, Terminal& talk) {
  return write_text(data, document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", talk);
}

runtime::SlowCompilation compilation_notice(Terminal& talk, bool quiet) {
  if (quiet) return {};
  return [&talk](std::string_view name, uint64_t bytes) {
    talk.write(fmt::format("compiling {} (once, {}) ...\n", make_printable(name), format_bytes(bytes)));
  };
}

bool write_report(Terminal& data, nlohmann::json report, Terminal& talk) {
  return write_document(data, redacted(std::move(report)), talk);
}

}  // namespace rapidbyte::cli
