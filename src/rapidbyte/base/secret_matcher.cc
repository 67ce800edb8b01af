#include "rapidbyte/base/secret_matcher.h"

#include <algorithm>
#include <optional>
#include <string>

namespace rapidbyte {
namespace {

// JSON in a URL in JSON: deeper nesting of escapes is not accidental.
constexpr int kMaxEscapeLevels = 3;

/// A text derived from another one. `origin` has the position of every byte, and of the end.
struct View {
  std::string text;
  std::vector<size_t> origin;

  void push(char c, size_t place) {
    text += c;
    origin.push_back(place);
  }
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The number in `digits` hexadecimal digits at `at`.
std::optional<uint32_t> hex_number(std::string_view text, size_t at, size_t digits) {
  if (at > text.size() || text.size() - at < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = at; i < at + digits; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

void push_utf8(View& view, uint32_t point, size_t place) {
  const auto push = [&](uint32_t byte) { view.push(static_cast<char>(static_cast<unsigned char>(byte)), place); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xC0 | (point >> 6U));
    push(0x80 | (point & 0x3FU));
  } else if (point < 0x10000) {
    push(0xE0 | (point >> 12U));
    push(0x80 | ((point >> 6U) & 0x3FU));
    push(0x80 | (point & 0x3FU));
  } else {
    push(0xF0 | (point >> 18U));
    push(0x80 | ((point >> 12U) & 0x3FU));
    push(0x80 | ((point >> 6U) & 0x3FU));
    push(0x80 | (point & 0x3FU));
  }
}

/// Undoes the escape that begins with the backslash at `at`; returns its length, or 0 when it is not one.
size_t undo_backslash(std::string_view text, size_t at, size_t place, View& out) {
  if (at + 1 >= text.size()) return 0;
  const char kind = text[at + 1];
  constexpr std::string_view kLetters = "ntrbf0";
  constexpr std::string_view kControls("\n\t\r\b\f\0", 6);
  if (const size_t letter = kLetters.find(kind); letter != std::string_view::npos) {
    out.push(kControls[letter], place);
    return 2;
  }
  if (kind == 'x') {
    const auto byte = hex_number(text, at + 2, 2);
    if (!byte) return 0;
    out.push(static_cast<char>(static_cast<unsigned char>(*byte)), place);
    return 4;
  }
  if (kind == 'u') {
    const auto unit = hex_number(text, at + 2, 4);
    if (!unit) return 0;
    const bool high = *unit >= 0xD800 && *unit < 0xDC00 && text.substr(std::min(at + 6, text.size()), 2) == "\\u";
    const auto low = high ? hex_number(text, at + 8, 4) : std::nullopt;
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      push_utf8(out, 0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00), place);
      return 12;
    }
    push_utf8(out, *unit, place);
    return 6;
  }
  if (kind == '"' || kind == '\'' || kind == '\\' || kind == '/') {
    out.push(kind, place);
    return 2;
  }
  return 0;
}

/// `from` with percent-encoding and backslash escapes undone once; nullopt when it has none.
std::optional<View> without_escapes(std::string_view text, const std::vector<size_t>& origin) {
  if (text.find_first_of("%\\") == std::string_view::npos) return std::nullopt;
  const auto place = [&](size_t at) { return origin.empty() ? at : origin[at]; };
  View out;
  bool changed = false;
  for (size_t at = 0; at < text.size();) {
    size_t length = 0;
    if (text[at] == '\\') {
      length = undo_backslash(text, at, place(at), out);
    } else if (text[at] == '%') {
      if (const auto byte = hex_number(text, at + 1, 2)) {
        out.push(static_cast<char>(static_cast<unsigned char>(*byte)), place(at));
        length = 3;
      }
    }
    changed = changed || length > 0;
    if (length == 0) {
      out.push(text[at], place(at));
      length = 1;
    }
    at += length;
  }
  if (!changed) return std::nullopt;
  out.origin.push_back(place(text.size()));
  return out;
}

/// Joins lines, without the indentation of all but the first; nullopt when there is only one line.
std::optional<View> without_line_breaks(std::string_view text, const std::vector<size_t>& origin) {
  if (text.find_first_of("\r\n") == std::string_view::npos) return std::nullopt;
  const auto place = [&](size_t at) { return origin.empty() ? at : origin[at]; };
  View out;
  bool indentation = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool line_break = c == '\n' || c == '\r';
    indentation = line_break || (indentation && (c == ' ' || c == '\t'));
    if (!indentation) out.push(c, place(at));
  }
  out.origin.push_back(place(text.size()));
  return out;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

}  // namespace

SecretMatcher::SecretMatcher(std::vector<SecretPattern> patterns) : patterns_(std::move(patterns)) {
  nodes_.emplace_back();
  next_pattern_.resize(patterns_.size(), 0);
  for (uint32_t i = 0; i < patterns_.size(); ++i) insert(i);
  link();
}

void SecretMatcher::insert(uint32_t pattern) {
  uint32_t node = 0;
  for (const char c : patterns_[pattern].folded) {
    uint32_t next = child_of(node, c);
    if (next == 0) {
      next = static_cast<uint32_t>(nodes_.size());
      Node& made = nodes_.emplace_back();
      made.byte = c;
      made.depth = nodes_[node].depth + 1;
      made.sibling = nodes_[node].child;
      nodes_[node].child = next;
      if (node == 0) first_[static_cast<unsigned char>(c)] = next;
    }
    node = next;
  }
  next_pattern_[pattern] = nodes_[node].pattern;
  nodes_[node].pattern = pattern + 1;
}

void SecretMatcher::link() {
  std::vector<uint32_t> order;
  order.reserve(nodes_.size());
  order.push_back(0);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t parent = order[i];
    for (uint32_t node = nodes_[parent].child; node != 0; node = nodes_[node].sibling) {
      if (parent != 0) nodes_[node].fail = step(nodes_[parent].fail, nodes_[node].byte);
      const uint32_t fail = nodes_[node].fail;
      nodes_[node].output = nodes_[fail].pattern != 0 ? fail : nodes_[fail].output;
      order.push_back(node);
    }
  }
}

uint32_t SecretMatcher::child_of(uint32_t node, char byte) const {
  if (node == 0) return first_[static_cast<unsigned char>(byte)];
  uint32_t child = nodes_[node].child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

uint32_t SecretMatcher::step(uint32_t node, char byte) const {
  while (node != 0) {
    if (const uint32_t child = child_of(node, byte)) return child;
    node = nodes_[node].fail;
  }
  return first_[static_cast<unsigned char>(byte)];
}

bool SecretMatcher::fits(const SecretPattern& pattern, std::string_view text, size_t begin) const {
  const size_t size = pattern.folded.size();
  if (!pattern.exact.empty() && text.substr(begin, size) != pattern.exact) return false;
  if (!pattern.whole_word) return true;
  return (begin == 0 || !is_word(text[begin - 1])) && (begin + size == text.size() || !is_word(text[begin + size]));
}

void SecretMatcher::scan(std::string_view text, const std::vector<size_t>& origin, bool was_cut,
                         std::vector<Span>& found) const {
  const auto place = [&](size_t at) { return origin.empty() ? at : origin[at]; };
  uint32_t node = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    node = step(node, fold_case(text[at]));
    // The longest match that ends here is enough: shorter ones lie inside it.
    bool done = false;
    for (uint32_t end = nodes_[node].pattern != 0 ? node : nodes_[node].output; end != 0 && !done;
         end = nodes_[end].output) {
      const size_t begin = at + 1 - nodes_[end].depth;
      for (uint32_t i = nodes_[end].pattern; i != 0 && !done; i = next_pattern_[i - 1]) {
        done = fits(patterns_[i - 1], text, begin);
        if (done) found.emplace_back(place(begin), place(at + 1));
      }
    }
  }
  const size_t begun = nodes_[node].depth;
  if (was_cut && begun >= kMinSecretLength) found.emplace_back(place(text.size() - begun), place(text.size()));
}

std::vector<SecretMatcher::Span> SecretMatcher::find(std::string_view text, bool was_cut) const {
  std::vector<Span> found;
  const auto scan_lines = [&](std::string_view view, const std::vector<size_t>& origin) {
    scan(view, origin, was_cut, found);
    if (const auto joined = without_line_breaks(view, origin)) scan(joined->text, joined->origin, was_cut, found);
  };
  scan_lines(text, {});
  std::optional<View> view = without_escapes(text, {});
  for (int level = 1; view; ++level) {
    scan_lines(view->text, view->origin);
    if (level == kMaxEscapeLevels) break;
    view = without_escapes(view->text, view->origin);
  }
  std::sort(found.begin(), found.end());
  std::vector<Span> merged;
  for (const Span& span : found) {
    if (!merged.empty() && span.first <= merged.back().second) {
      merged.back().second = std::max(merged.back().second, span.second);
    } else {
      merged.push_back(span);
    }
  }
  return merged;
}

}  // namespace rapidbyte
