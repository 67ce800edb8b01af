#include "rapidbyte/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>

namespace rapidbyte {
namespace {

std::atomic<int> g_level{static_cast<int>(LogLevel::kWarn)};

struct Writer {
  std::mutex mutex;
  void (*write)(LogLevel, std::string_view, void*) = nullptr;
  void* context = nullptr;
};
Writer& writer() {
  static Writer instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kTrace: return spdlog::level::trace;
  }
  return spdlog::level::trace;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto created = std::make_shared<spdlog::logger>("rapidbyte", sink);
    created->set_level(spdlog::level::trace);
    created->set_pattern("%H:%M:%S.%e %l %v");
    return created;
  }();
  return *instance;
}

std::string escape_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      // U+0080 to U+009F: terminals take U+009B like ESC [.
      out += fmt::format("\\u{:04x}", next);
      ++i;
    } else if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

void set_log_level(LogLevel level) { g_level.store(static_cast<int>(level), std::memory_order_relaxed); }

bool log_enabled(LogLevel level) { return static_cast<int>(level) <= g_level.load(std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  const std::string line = escape_controls(redact(message));
  {
    std::lock_guard lock(writer().mutex);
    if (writer().write != nullptr) {
      writer().write(level, line, writer().context);
      return;
    }
  }
  logger().log(to_spdlog(level), line);
}

void set_log_writer(void (*write)(LogLevel, std::string_view, void*), void* context) {
  std::lock_guard lock(writer().mutex);
  writer().write = write;
  writer().context = context;
}

}  // namespace rapidbyte
