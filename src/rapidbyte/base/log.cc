#include "rapidbyte/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace rapidbyte {
namespace {

// Shorter values occur in ordinary text ("yes", "1"), so redacting them would only damage messages.
constexpr size_t kShortestSecret = 4;

std::atomic<int> g_level{static_cast<int>(LogLevel::kWarn)};

struct Secrets {
  std::shared_mutex mutex;
  std::vector<std::string> values;
};
Secrets& secrets() {
  static Secrets instance;
  return instance;
}

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

void add_secret(std::string value) {
  if (value.size() < kShortestSecret) return;
  std::unique_lock lock(secrets().mutex);
  auto& values = secrets().values;
  if (std::find(values.begin(), values.end(), value) != values.end()) return;
  // Longest first: a secret that contains another is replaced whole.
  const auto place =
      std::find_if(values.begin(), values.end(), [&](const auto& known) { return known.size() < value.size(); });
  values.insert(place, std::move(value));
}

std::string redact(std::string_view text) {
  std::string out(text);
  std::shared_lock lock(secrets().mutex);
  for (const auto& secret : secrets().values) {
    for (size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + 3)) {
      out.replace(at, secret.size(), "***");
    }
  }
  return out;
}

}  // namespace rapidbyte
