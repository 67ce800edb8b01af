#include "condition.h"

#include <algorithm>

namespace rapidbyte::source_postgres {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

class Scanner {
 public:
  explicit Scanner(std::string_view sql) : sql_(sql) {}

  std::optional<std::string> problem() {
    size_t depth = 0;
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      bool escapes = false;
      if (c == '\'') {
        // After E'...' and a line break the string goes on with the same rules.
        escapes = escapes_;
        if (!quoted('\'', escapes)) return "has a text that does not end";
      } else if (c == '"') {
        if (!quoted('"', false)) return "has a quoted name that does not end";
      } else if (c == '-' && next() == '-') {
        at_ = std::min(sql_.find_first_of("\r\n", at_), sql_.size());
        continue;
      } else if (c == '/' && next() == '*') {
        if (!block_comment()) return "has a comment that does not end";
        continue;
      } else if (is_name_start(c)) {
        const bool is_prefix = (c == 'e' || c == 'E') && next() == '\'';
        if (!is_prefix) {
          name();
        } else {
          ++at_;
          escapes = true;
          if (!quoted('\'', true)) return "has a text that does not end";
        }
      } else if (c == '$') {
        if (!dollar_quoted()) return "has a $ that begins no text that ends";
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
        ++at_;
        continue;
      } else {
        if (c == ';') return "has a semicolon: it must be one condition";
        if (c == '(') ++depth;
        if (c == ')' && depth-- == 0) return "closes a bracket that it did not open";
        ++at_;
      }
      escapes_ = escapes;
    }
    if (depth != 0) return "opens a bracket that it does not close";
    return std::nullopt;
  }

 private:
  [[nodiscard]] char next() const { return at_ + 1 < sql_.size() ? sql_[at_ + 1] : '\0'; }

  /// A doubled quote inside is the end of one piece and the beginning of the next.
  bool quoted(char quote, bool escapes) {
    for (++at_; at_ < sql_.size(); ++at_) {
      if (escapes && sql_[at_] == '\\') {
        ++at_;
      } else if (sql_[at_] == quote) {
        ++at_;
        return true;
      }
    }
    return false;
  }

  bool block_comment() {
    size_t depth = 0;
    while (at_ + 1 < sql_.size()) {
      if (sql_[at_] == '/' && next() == '*') {
        ++depth;
        at_ += 2;
      } else if (sql_[at_] == '*' && next() == '/') {
        at_ += 2;
        if (--depth == 0) return true;
      } else {
        ++at_;
      }
    }
    return false;
  }

  void name() {
    while (at_ < sql_.size() && (is_name_start(sql_[at_]) || is_digit(sql_[at_]) || sql_[at_] == '$')) ++at_;
  }

  bool dollar_quoted() {
    size_t end = at_ + 1;
    while (end < sql_.size() && (is_name_start(sql_[end]) || (end > at_ + 1 && is_digit(sql_[end])))) ++end;
    if (end == sql_.size() || sql_[end] != '$') return false;
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    const size_t close = sql_.find(tag, end + 1);
    if (close == std::string_view::npos) return false;
    at_ = close + tag.size();
    return true;
  }

  std::string_view sql_;
  size_t at_ = 0;
  bool escapes_ = false;  // the last token was a text in which backslashes count
};

}  // namespace

std::optional<std::string> condition_problem(std::string_view sql) { return Scanner(sql).problem(); }

}  // namespace rapidbyte::source_postgres
