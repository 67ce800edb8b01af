#include "rapidbyte/cli/view/error_text.h"

#include <fmt/format.h>

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/cli/view/text_width.h"

namespace rapidbyte::cli {

std::string printable_lines(std::string_view text, size_t indent) {
  const std::string redacted = redact(text);
  std::string_view rest = redacted;
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == '\r')) rest.remove_suffix(1);
  std::string out;
  while (true) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    out += make_printable(line);
    if (end == std::string_view::npos) return out;
    out += "\n" + std::string(indent, ' ');
    rest.remove_prefix(end + 1);
  }
}

std::string render_error(ExitCode code, const ConnectorError& error, std::string_view hint, bool color) {
  const std::string_view red = color ? "\x1b[31m" : "";
  const std::string_view plain = color ? "\x1b[0m" : "";
  std::string what(meaning_of(code));
  if (!error.code.empty()) what += fmt::format(" ({})", make_printable(error.code));
  std::string out = fmt::format("{}error:{} {}: {}\n", red, plain, what, printable_lines(error.message, 2));
  if (!hint.empty()) out += fmt::format("  {}\n", printable_lines(hint, 2));
  return out;
}

}  // namespace rapidbyte::cli
