#include "rapidbyte/runtime/sandbox/guest_log.h"

#include <fmt/format.h>

#include "rapidbyte/base/redaction.h"

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
    sink_(level, fmt::format("{} [cut: {} of {} bytes]", redact_beginning(text, kMaxLogLineBytes), kMaxLogLineBytes,
                             text.size()));
  }
}

void GuestLog::stream(LogLevel level, std::string_view bytes) {
  std::string& partial = partial_.at(static_cast<size_t>(level));
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    // Text beyond the limit of a line would be cut anyway, so it is not collected.
    const size_t room = kMaxLogLineBytes + 1 - std::min(partial.size(), kMaxLogLineBytes + 1);
    partial.append(piece.substr(0, room));
    if (end == std::string_view::npos) return;
    end_line(level);
    bytes.remove_prefix(end + 1);
  }
}

void GuestLog::end_line(LogLevel level) {
  std::string& partial = partial_.at(static_cast<size_t>(level));
  if (level == LogLevel::kWarn && partial.find_first_not_of(" \t\r") != std::string::npos) {
    if (last_words_.size() == kLastWordsLines) last_words_.pop_front();
    // Redacted together when they are shown: a secret may span two lines. The cut must leave no part of one.
    last_words_.push_back(partial.size() > kLastWordsLineBytes ? redact_beginning(partial, kLastWordsLineBytes) + "..."
                                                               : partial);
  }
  line(level, partial);
  partial.clear();
}

void GuestLog::flush() {
  for (size_t level = 0; level < partial_.size(); ++level) {
    if (!partial_[level].empty()) end_line(static_cast<LogLevel>(level));
  }
  report_suppressed();
}

std::string GuestLog::last_words() const {
  std::string text;
  for (const std::string& line : last_words_) text += "\n" + line;
  std::string out;
  for (const char c : redact(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

void GuestLog::report_suppressed() {
  if (suppressed_ == 0) return;
  sink_(LogLevel::kWarn,
        fmt::format("{} log lines suppressed (limit: {} per second)", suppressed_, kMaxLogLinesPerSecond));
  suppressed_ = 0;
}

}  // namespace rapidbyte::runtime
