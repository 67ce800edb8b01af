#include "ndjson_scanner.h"

#include <cstring>

#include "byte_scan.h"
#include "field_text.h"

namespace rapidbyte::source_file {

namespace {

// Nobody writes data with deeper nesting than this on purpose.
constexpr size_t kMaxDepth = 512;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

bool hex_escape(const char* p, const char* end, uint32_t& code) {
  if (end - p < 4) return false;
  code = 0;
  for (int i = 0; i < 4; ++i) {
    if (!is_hex(p[i])) return false;
    const char c = p[i];
    code = code * 16 + (c <= '9' ? static_cast<uint32_t>(c - '0') : static_cast<uint32_t>((c | 0x20) - 'a') + 10);
  }
  return true;
}

}  // namespace

struct NdjsonScanner::Line {
  const char* data = nullptr;
  uint32_t pos = 0;
  uint32_t end = 0;
  const char* error = nullptr;

  void skip_space() {
    while (pos < end && (data[pos] == ' ' || data[pos] == '\t' || data[pos] == '\r')) ++pos;
  }
  [[nodiscard]] bool at(char c) const { return pos < end && data[pos] == c; }
  bool fail(const char* what) {
    error = what;
    return false;
  }
};

NdjsonScanner::NdjsonScanner(std::vector<std::string> columns, bool collect)
    : columns_(std::move(columns)), collect_(collect) {
  for (uint32_t i = 0; i < columns_.size(); ++i) index_.emplace(columns_[i], i);
  seen_in_line_.assign(columns_.size(), 0);
}

uint32_t NdjsonScanner::find_column(std::string_view key, uint32_t expected) {
  // Writers keep the order of their keys, so the next column is nearly always the right guess.
  if (expected < columns_.size() && columns_[expected] == key) return expected;
  const auto found = index_.find(key);
  if (found != index_.end()) return found->second;
  if (!collect_) return RecordProblem::kNoColumn;
  const auto column = static_cast<uint32_t>(columns_.size());
  columns_.emplace_back(key);
  seen_in_line_.push_back(0);
  keep_columns(columns_.size());
  return column;
}

void NdjsonScanner::keep_columns(size_t count) {
  columns_.resize(count);
  seen_in_line_.resize(count);
  // Growing the list moves short strings, so the views into it must be rebuilt.
  index_.clear();
  for (uint32_t i = 0; i < columns_.size(); ++i) index_.emplace(columns_[i], i);
}

bool NdjsonScanner::scan_string(Line& line, uint32_t& begin, uint32_t& end, bool& escaped) const {
  const char* data = line.data;
  begin = ++line.pos;
  escaped = false;
  uint32_t pos = begin;
  while (true) {
    pos = find_json_string_stop(data, pos, line.end);
    if (pos == line.end) return line.fail("a string is not closed");
    if (data[pos] == '"') break;
    if (data[pos] != '\\') {
      line.pos = pos;
      return line.fail("a string has a control character");
    }
    escaped = true;
    line.pos = pos;
    if (pos + 1 == line.end) return line.fail("a string is not closed");
    const char kind = data[pos + 1];
    pos += 2;
    if (kind == 'u') {
      uint32_t code = 0;
      if (!hex_escape(data + pos, data + line.end, code)) return line.fail("\\u needs four hex digits");
      pos += 4;
      if (code >= 0xDC00 && code < 0xE000) return line.fail("a surrogate escape stands alone");
      if (code >= 0xD800 && code < 0xDC00) {
        uint32_t low = 0;
        if (line.end - pos < 6 || data[pos] != '\\' || data[pos + 1] != 'u' ||
            !hex_escape(data + pos + 2, data + line.end, low) || low < 0xDC00 || low > 0xDFFF) {
          return line.fail("a surrogate escape stands alone");
        }
        pos += 6;
      }
    } else if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
      return line.fail("a string has an unknown escape");
    }
  }
  end = pos;
  line.pos = pos + 1;
  return true;
}

bool NdjsonScanner::scan_number(Line& line) const {
  const char* data = line.data;
  uint32_t pos = line.pos;
  const uint32_t end = line.end;
  if (pos < end && data[pos] == '-') ++pos;
  if (pos == end || !is_digit(data[pos])) return line.fail("a value was expected");
  if (data[pos] == '0') {
    ++pos;
  } else {
    while (pos < end && is_digit(data[pos])) ++pos;
  }
  if (pos < end && data[pos] == '.') {
    ++pos;
    if (pos == end || !is_digit(data[pos])) return line.fail("a digit was expected after the point");
    while (pos < end && is_digit(data[pos])) ++pos;
  }
  if (pos < end && (data[pos] == 'e' || data[pos] == 'E')) {
    ++pos;
    if (pos < end && (data[pos] == '+' || data[pos] == '-')) ++pos;
    if (pos == end || !is_digit(data[pos])) return line.fail("a digit was expected in the exponent");
    while (pos < end && is_digit(data[pos])) ++pos;
  }
  line.pos = pos;
  return true;
}

bool NdjsonScanner::skip_nested(Line& line) const {
  // One character per open bracket, so that the nesting of the data does not use our stack.
  std::string open;
  bool want_value = true;   // otherwise a comma or a closing bracket
  bool may_close = false;   // right after an opening bracket
  while (true) {
    line.skip_space();
    if (line.pos == line.end) return line.fail("an object or array is not closed");
    const char c = line.data[line.pos];
    if ((c == '}' || c == ']') && (!want_value || may_close)) {
      if (open.empty() || open.back() != (c == '}' ? '{' : '[')) return line.fail("brackets do not match");
      open.pop_back();
      ++line.pos;
      if (open.empty()) return true;
      want_value = false;
      may_close = false;
      continue;
    }
    if (!want_value) {
      if (c != ',') return line.fail("a comma or closing bracket was expected");
      ++line.pos;
      want_value = true;
      may_close = false;
      continue;
    }
    if (!open.empty() && open.back() == '{') {
      uint32_t begin = 0, end = 0;
      bool escaped = false;
      if (c != '"') return line.fail("a key was expected");
      if (!scan_string(line, begin, end, escaped)) return false;
      line.skip_space();
      if (!line.at(':')) return line.fail("a colon was expected after the key");
      ++line.pos;
      line.skip_space();
    }
    if (line.at('{') || line.at('[')) {
      if (open.size() == kMaxDepth) return line.fail("nested deeper than 512 levels");
      open += line.data[line.pos++];
      want_value = true;
      may_close = true;
      continue;
    }
    FieldSpan ignored;
    if (!scan_value(line, ignored)) return false;
    want_value = false;
    may_close = false;
  }
}

bool NdjsonScanner::scan_value(Line& line, FieldSpan& field) const {
  if (line.pos == line.end) return line.fail("a value was expected");
  const uint32_t begin = line.pos;
  const char* data = line.data;
  const auto literal = [&](std::string_view word) {
    if (line.end - line.pos < word.size() || std::memcmp(data + line.pos, word.data(), word.size()) != 0) {
      return line.fail("a value was expected");
    }
    line.pos += static_cast<uint32_t>(word.size());
    return true;
  };
  uint32_t flags = 0;
  switch (data[begin]) {
    case '"': {
      uint32_t text_begin = 0, text_end = 0;
      bool escaped = false;
      if (!scan_string(line, text_begin, text_end, escaped)) return false;
      field = FieldSpan{text_begin, (text_end - text_begin) | FieldSpan::kQuoted | (escaped ? FieldSpan::kEscaped : 0)};
      return true;
    }
    case '{':
    case '[':
      if (!skip_nested(line)) return false;
      flags = FieldSpan::kNested;
      break;
    case 't':
      if (!literal("true")) return false;
      break;
    case 'f':
      if (!literal("false")) return false;
      break;
    case 'n':
      if (!literal("null")) return false;
      field = FieldSpan{};
      return true;
    default:
      if (!scan_number(line)) return false;
      break;
  }
  field = FieldSpan{begin, (line.pos - begin) | flags};
  return true;
}

bool NdjsonScanner::scan_object(Line& line, RecordBlock& block) {
  const uint32_t row = block.row_count;
  FieldSpan* fields = block.fields.data() + size_t{row} * block.column_count;
  ++line_serial_;
  line.skip_space();
  if (!line.at('{')) {
    return line.fail(line.at('[')
                         ? "an object was expected, not an array (one object per line; a JSON array is not NDJSON)"
                         : "an object was expected");
  }
  ++line.pos;
  line.skip_space();
  if (line.at('}')) {
    ++line.pos;
  } else {
    uint32_t expected = 0;
    while (true) {
      line.skip_space();
      if (!line.at('"')) return line.fail("a key was expected");
      uint32_t begin = 0, end = 0;
      bool escaped = false;
      if (!scan_string(line, begin, end, escaped)) return false;
      std::string_view key(line.data + begin, end - begin);
      if (escaped) {
        FieldRules rules;
        rules.json = true;
        key_scratch_.resize(key.size() + kScanPadding);
        key_scratch_.resize(unescape(key, true, rules, key_scratch_.data()));
        key = key_scratch_;
      }
      line.skip_space();
      if (!line.at(':')) return line.fail("a colon was expected after the key");
      ++line.pos;
      line.skip_space();
      FieldSpan field;
      if (!scan_value(line, field)) return false;
      const uint32_t column = find_column(key, expected);
      if (column == RecordProblem::kNoColumn) {
        if (block.problems.empty() || block.problems.back().row != row) {
          block.problems.push_back({row, ProblemKind::kUnknownKey, column, 0, std::string(key)});
        }
      } else if (seen_in_line_[column] == line_serial_) {
        if (block.problems.empty() || block.problems.back().row != row) {
          block.problems.push_back({row, ProblemKind::kDuplicateKey, RecordProblem::kNoColumn, 0, std::string(key)});
        }
      } else {
        seen_in_line_[column] = line_serial_;
        // In a sample the block may be narrower than the columns found by now: the next pass reads them.
        if (column < block.column_count) fields[column] = field;
        expected = column + 1;
      }
      line.skip_space();
      if (line.at(',')) {
        ++line.pos;
        continue;
      }
      if (!line.at('}')) return line.fail("a comma or } was expected");
      ++line.pos;
      break;
    }
  }
  line.skip_space();
  if (line.pos != line.end) return line.fail("there is text after the object");
  return true;
}

void NdjsonScanner::scan_line(const char* data, uint32_t begin, uint32_t end, RecordBlock& block) {
  Line line;
  line.data = data;
  line.pos = begin;
  line.end = end;
  line.skip_space();
  if (line.pos == end) return;
  const uint32_t row = block.row_count;
  FieldSpan* fields = block.fields.data() + size_t{row} * block.column_count;
  for (uint32_t c = 0; c < block.column_count; ++c) fields[c] = FieldSpan{};
  const size_t known = columns_.size();
  if (!scan_object(line, block)) {
    if (columns_.size() != known) keep_columns(known);  // keys of an invalid line make no columns
    if (!block.problems.empty() && block.problems.back().row == row) block.problems.pop_back();
    block.problems.push_back(
        {row, ProblemKind::kInvalidJson, RecordProblem::kNoColumn, line.pos - begin + 1, line.error});
  }
  block.row_begin[row] = begin;
  block.row_end[row] = end > begin && data[end - 1] == '\r' ? end - 1 : end;
  block.row_count = row + 1;
}

ScanStop NdjsonScanner::scan(const char* data, uint32_t begin, uint32_t size, bool at_end, const BlockLimits& limits,
                             RecordBlock& block) {
  block.reset(static_cast<uint32_t>(columns_.size()), limits.max_rows);
  block.end = begin;
  block.ascii = false;  // decided by the caller's UTF-8 check, which passes ASCII at memory speed
  uint32_t pos = begin;
  while (pos < size) {
    const auto* line_end = static_cast<const char*>(std::memchr(data + pos, '\n', size - pos));
    if (line_end == nullptr && !at_end) return ScanStop::kNeedMore;
    const uint32_t end = line_end != nullptr ? static_cast<uint32_t>(line_end - data) : size;
    scan_line(data, pos, end, block);
    pos = line_end != nullptr ? end + 1 : size;
    block.end = pos;
    if (block.row_count == limits.max_rows || pos - begin >= limits.max_bytes) {
      return pos < size ? ScanStop::kBlockFull : ScanStop::kNeedMore;
    }
  }
  return ScanStop::kNeedMore;
}

}  // namespace rapidbyte::source_file
