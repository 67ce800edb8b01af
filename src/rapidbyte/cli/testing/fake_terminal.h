#pragma once
// FakeTerminal: keeps what was written, and plays a real terminal's screen for the few control sequences that our views
// use, so that a test sees the lines as a user would. For tests only.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/cli/view/terminal.h"

namespace rapidbyte::cli {

class FakeTerminal : public Terminal {
 public:
  FakeTerminal(bool is_terminal, size_t width, size_t height)
      : width_(width), height_(height), is_terminal_(is_terminal) {}

  [[nodiscard]] bool is_terminal() const override { return is_terminal_; }
  [[nodiscard]] size_t width() const override { return width_; }
  [[nodiscard]] size_t height() const override { return height_; }
  [[nodiscard]] bool color() const override { return false; }
  [[nodiscard]] bool unicode() const override { return true; }
  bool write(std::string_view text) override {
    raw_ += text;
    return true;
  }

  void clear() { raw_.clear(); }
  [[nodiscard]] const std::string& raw() const { return raw_; }
  [[nodiscard]] bool cursor_hidden() const { return raw_.rfind("\x1b[?25l") + 1 > raw_.rfind("\x1b[?25h") + 1; }

  /// The screen's lines after everything written so far; fails by a line "<unknown sequence>".
  [[nodiscard]] std::vector<std::string> screen() const {
    std::vector<std::string> lines(1);
    size_t row = 0;
    size_t column = 0;
    for (size_t i = 0; i < raw_.size(); ++i) {
      const char c = raw_[i];
      if (c == '\n') {
        ++row;
        column = 0;
        if (row == lines.size()) lines.emplace_back();
      } else if (c == '\r') {
        column = 0;
      } else if (c == '\x1b' && i + 1 < raw_.size() && raw_[i + 1] == '[') {
        const size_t end = raw_.find_first_not_of("0123456789?", i + 2);
        const std::string number = raw_.substr(i + 2, end - i - 2);
        const char kind = raw_[end];
        if (kind == 'A') {
          row -= std::min(row, static_cast<size_t>(std::stoul(number)));
        } else if (kind == 'K') {
          lines[row].resize(std::min(column, lines[row].size()));
        } else if (kind == 'J') {
          lines[row].resize(std::min(column, lines[row].size()));
          lines.resize(row + 1);
        } else if (kind != 'h' && kind != 'l' && kind != 'm') {
          lines.push_back("<unknown sequence>");
        }
        i = end;
      } else {
        std::string& line = lines[row];
        if (column >= line.size()) line.resize(column + 1, ' ');
        line[column++] = c;
      }
    }
    if (lines.back().empty()) lines.pop_back();
    return lines;
  }

 private:
  size_t width_;
  size_t height_;
  bool is_terminal_;
  std::string raw_;
};

}  // namespace rapidbyte::cli
