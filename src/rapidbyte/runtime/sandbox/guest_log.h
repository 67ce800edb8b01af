#pragma once
// GuestLog: a guest's output on its way to the log. Lines are cut and counted, so that a guest that floods its log uses
// up neither memory nor the terminal. Takes `log` calls and the guest's stdout and stderr (split into lines). One
// thread.

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "rapidbyte/base/log.h"

namespace rapidbyte::runtime {

/// Maximum length of a line, in bytes. 8 KiB: an error with its context; a row dump belongs elsewhere.
inline constexpr size_t kMaxLogLineBytes = size_t{8} * 1024;
/// Lines per second and instance. 200: more cannot be read on a terminal.
inline constexpr uint32_t kMaxLogLinesPerSecond = 200;

/// Lines of stderr that are shown with a crash, and the maximum length of each. A panic's message and the innermost
/// frames of a traceback; the log has the rest.
inline constexpr size_t kLastWordsLines = 6;
inline constexpr size_t kLastWordsLineBytes = 400;

class GuestLog {
 public:
  using Clock = std::chrono::steady_clock;
  using Sink = std::function<void(LogLevel, std::string_view)>;
  explicit GuestLog(Sink sink) : sink_(std::move(sink)) {}

  void line(LogLevel level, std::string_view text) { line(level, text, Clock::now()); }
  void line(LogLevel level, std::string_view text, Clock::time_point now);
  /// Bytes of stdout or stderr; whole lines go out at once.
  void stream(LogLevel level, std::string_view bytes);
  /// The unfinished last line, and the count of suppressed lines.
  void flush();

  /// Clears the last lines: a call begins.
  void begin_call() { last_words_.clear(); }
  /// The last lines of stderr since begin_call(), oldest first, redacted, printable and cut: what a language's runtime
  /// prints before it aborts. Each with "\n" before it.
  [[nodiscard]] std::string last_words() const;

 private:
  void report_suppressed();

  void end_line(LogLevel level);

  Sink sink_;
  std::array<std::string, 5> partial_;  // by level, so that stdout and stderr do not mix
  std::deque<std::string> last_words_;
  Clock::time_point window_start_;
  uint32_t in_window_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace rapidbyte::runtime
