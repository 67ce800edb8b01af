#include "condition.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rapidbyte::source_postgres {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Words that read the clock or the session without brackets, or begin something that reads other relations.
constexpr std::array<std::string_view, 11> kUnsteadyWords = {
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user",
    "session_user", "user",         "current_role",      "select",    "table"};
// Inputs of dates and timestamps that mean the moment at which they are read.
constexpr std::array<std::string_view, 4> kClockInputs = {"now", "today", "tomorrow", "yesterday"};

class Scanner {
 public:
  explicit Scanner(std::string_view sql) : sql_(sql) {}

  ConditionNames names() {
    (void)problem();
    return std::move(names_);
  }

  std::optional<std::string> problem() {
    size_t depth = 0;
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      const size_t begin = at_;
      bool escapes = false;
      bool is_text = false;
      std::string called;
      if (c == '\'') {
        // After E'...' and a line break the string continues with the same rules.
        escapes = escapes_;
        if (!quoted('\'', escapes)) return "has a text that does not end";
        is_text = true;
      } else if (c == '"') {
        if (!quoted('"', false)) return "has a quoted name that does not end";
        called = sql_.substr(begin + 1, at_ - begin - 2);
        if (begin == name_end_) called.insert(0, name_ + '"');  // a doubled quote
        name_end_ = at_;
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
          called = lower(sql_.substr(begin, at_ - begin));
          note_word(called);
        } else {
          ++at_;
          escapes = true;
          is_text = true;
          if (!quoted('\'', true)) return "has a text that does not end";
        }
      } else if (c == '$') {
        if (!dollar_quoted()) return "has a $ that begins no text that ends";
        is_text = true;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
        ++at_;
        continue;
      } else {
        if (c == ';') return "has a semicolon: it must be one condition";
        if (c == '(') {
          ++depth;
          if (!name_.empty()) names_.calls.push_back(name_);
        }
        if (c == ')' && depth-- == 0) return "closes a bracket that it did not open";
        ++at_;
      }
      escapes_ = escapes;
      name_ = std::move(called);
      if (is_text) note_text(sql_.substr(begin, at_ - begin));
      after_text_ = is_text;
      text_end_ = at_;
    }
    if (depth != 0) return "opens a bracket that it does not close";
    return std::nullopt;
  }

 private:
  [[nodiscard]] char next() const { return at_ + 1 < sql_.size() ? sql_[at_ + 1] : '\0'; }

  void note_word(std::string_view word) {
    if (std::find(kUnsteadyWords.begin(), kUnsteadyWords.end(), word) != kUnsteadyWords.end()) {
      names_.may_follow_the_clock = true;
    }
    // U&"..." and U&'...' are written with escapes.
    if (word == "u" && next_is_escaped()) names_.may_follow_the_clock = true;
  }
  [[nodiscard]] bool next_is_escaped() const {
    return at_ + 1 < sql_.size() && sql_[at_] == '&' && (sql_[at_ + 1] == '"' || sql_[at_ + 1] == '\'');
  }

  void note_text(std::string_view text) {
    const std::string small = lower(text);
    const bool names_moment = std::any_of(kClockInputs.begin(), kClockInputs.end(), [&](std::string_view input) {
      return small.find(input) != std::string::npos;
    });
    // Texts in several pieces or with escapes are not joined.
    const bool continues = after_text_ && at_ - text.size() != text_end_;  // not a doubled quote
    if (names_moment || continues || small.find('\\') != std::string::npos) names_.may_follow_the_clock = true;
  }

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
  bool after_text_ = false;
  size_t text_end_ = 0;
  std::string name_;  // the last token, when it was a name
  size_t name_end_ = 0;  // of the last quoted one
  ConditionNames names_;
};

}  // namespace

std::optional<std::string> condition_problem(std::string_view sql) { return Scanner(sql).problem(); }

ConditionNames condition_names(std::string_view sql) { return Scanner(sql).names(); }

}  // namespace rapidbyte::source_postgres
