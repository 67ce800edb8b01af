#include "rapidbyte/runtime/guest_log.h"

#include <fmt/format.h>

namespace rapidbyte::runtime {

void GuestLog::line(LogLevel level, std::string_view text, Clock::time_point now) {
  if (now - window_start_ >= std::chrono::seconds(1)) {
    report_suppressed();
    window_start_ = now;
    in_window_ = 0;
  }
  if (in_window_ >= kMaxLogLinesPerSecond) {
    ++suppressed_;
    return;
  }
  ++in_window_;
  if (text.size() <= kMaxLogLineBytes) {
    sink_(level, text);
  } else {
    sink_(level,
          fmt::format("{} [cut: {} of {} bytes]", text.substr(0, kMaxLogLineBytes), kMaxLogLineBytes, text.size()));
  }
}

void GuestLog::stream(LogLevel level, std::string_view bytes) {
  partial_level_ = level;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    // What is beyond the limit of a line would be cut anyway, so it is not collected.
    const size_t room = kMaxLogLineBytes + 1 - std::min(partial_.size(), kMaxLogLineBytes + 1);
    partial_.append(piece.substr(0, room));
    if (end == std::string_view::npos) return;
    line(level, partial_);
    partial_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void GuestLog::flush() {
  if (!partial_.empty()) line(partial_level_, partial_);
  partial_.clear();
  report_suppressed();
}

void GuestLog::report_suppressed() {
  if (suppressed_ == 0) return;
  sink_(LogLevel::kWarn,
        fmt::format("{} log lines suppressed (limit: {} per second)", suppressed_, kMaxLogLinesPerSecond));
  suppressed_ = 0;
}

}  // namespace rapidbyte::runtime
