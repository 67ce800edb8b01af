#pragma once
// Terminal: one of the process's output streams as the commands see it: its properties (is it a terminal, its size,
// colours, Unicode) and writes of whole pieces of text. An interface, so that tests render to a fake one. Writes are
// thread safe.

#include <cstddef>
#include <mutex>
#include <string_view>

namespace rapidbyte::cli {

class Terminal {
 public:
  virtual ~Terminal() = default;
  [[nodiscard]] virtual bool is_terminal() const = 0;
  /// Columns and lines as they are now (a window may be resized); 0 when unknown or not a terminal.
  [[nodiscard]] virtual size_t width() const = 0;
  [[nodiscard]] virtual size_t height() const = 0;
  [[nodiscard]] virtual bool color() const = 0;
  [[nodiscard]] virtual bool unicode() const = 0;
  /// Writes all of `text`. False when it could not be written; a reader that went away (EPIPE) has seen what it wanted,
  /// so this counts as written.
  virtual bool write(std::string_view text) = 0;
};

/// A file descriptor: 1 (data) or 2 (talk). Does not own it.
class FdTerminal : public Terminal {
 public:
  explicit FdTerminal(int fd);
  [[nodiscard]] bool is_terminal() const override { return is_terminal_; }
  [[nodiscard]] size_t width() const override;
  [[nodiscard]] size_t height() const override;
  [[nodiscard]] bool color() const override { return color_; }
  [[nodiscard]] bool unicode() const override { return unicode_; }
  bool write(std::string_view text) override;

 private:
  int fd_;
  bool is_terminal_;
  bool color_;
  bool unicode_;
  std::mutex mutex_;
};

/// Another terminal, with secrets redacted in everything that is written: the last stage for messages, so that even one
/// that was not redacted earlier is harmless.
class RedactedTerminal : public Terminal {
 public:
  /// `terminal` must outlive it.
  explicit RedactedTerminal(Terminal& terminal) : terminal_(terminal) {}
  [[nodiscard]] bool is_terminal() const override { return terminal_.is_terminal(); }
  [[nodiscard]] size_t width() const override { return terminal_.width(); }
  [[nodiscard]] size_t height() const override { return terminal_.height(); }
  [[nodiscard]] bool color() const override { return terminal_.color(); }
  [[nodiscard]] bool unicode() const override { return terminal_.unicode(); }
  bool write(std::string_view text) override;

 private:
  Terminal& terminal_;
};

/// Opens /dev/null for each of the descriptors 0 to 2 that is closed: otherwise the next file opened (a database!)
/// would become stdout.
void open_missing_standard_streams();

}  // namespace rapidbyte::cli
