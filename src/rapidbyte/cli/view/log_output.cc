#include "rapidbyte/cli/view/log_output.h"

#include <fmt/format.h>

#include "rapidbyte/cli/view/text_width.h"

namespace rapidbyte::cli {
namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kError: return "error";
    case LogLevel::kWarn: return "warning";
    case LogLevel::kInfo: return "info";
    case LogLevel::kDebug: return "debug";
    case LogLevel::kTrace: return "trace";
  }
  return "trace";
}

void write_log_line(LogLevel level, std::string_view message, void* terminal) {
  auto* out = static_cast<Terminal*>(terminal);
  out->write(render_log_line(level, message, out->color()) + "\n");
}

}  // namespace

std::string render_log_line(LogLevel level, std::string_view message, bool color) {
  const std::string text = make_printable(message);
  if (!color) return fmt::format("{}: {}", level_name(level), text);
  std::string_view hue = "\x1b[2m";
  if (level == LogLevel::kError) hue = "\x1b[31m";
  if (level == LogLevel::kWarn) hue = "\x1b[33m";
  return fmt::format("{}{}:\x1b[0m {}", hue, level_name(level), text);
}

void send_log_to(Terminal* terminal) {
  if (terminal == nullptr) {
    set_log_writer(nullptr, nullptr);
  } else {
    set_log_writer(&write_log_line, terminal);
  }
}

}  // namespace rapidbyte::cli
