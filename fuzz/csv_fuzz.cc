// CSV: the scanner, which looks at 64 bytes at a time and sees the file in cuts, against a reader that looks at one
// character after the other.

#include <algorithm>
#include <string>
#include <vector>

#include "csv_scanner.h"
#include "field_text.h"
#include "fuzz_input.h"

using namespace rapidbyte;
using namespace rapidbyte::source_file;

namespace {

const char* name_of(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kTooFewFields: return "!few";
    case ProblemKind::kTooManyFields: return "!many";
    case ProblemKind::kTextAfterQuote: return "!quote";
    default: return "!other";
  }
}

void add_field(std::string& out, bool is_null, std::string_view text) {
  out += is_null ? "NULL" : "<" + std::string(text) + ">";
  out += ';';
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// One character after the other, for dialects without an escape character.
std::string slow_reader(std::string_view text, const CsvDialect& dialect, uint32_t columns) {
  std::string out;
  size_t at = 0;
  const auto at_field_end = [&] {
    return at == text.size() || text[at] == dialect.delimiter || text[at] == '\n' || text[at] == '\r';
  };
  while (at < text.size()) {
    const size_t begin = at;
    std::string row;
    uint32_t fields = 0;
    bool text_after_quote = false;
    while (true) {
      const size_t field_begin = at;
      size_t first = at;
      if (dialect.trim) {
        while (first < text.size() && is_blank(text[first]) && text[first] != dialect.delimiter) ++first;
      }
      std::string value;
      bool is_null = false;
      if (dialect.quote != 0 && first < text.size() && text[first] == dialect.quote) {
        at = first + 1;
        while (true) {
          if (at == text.size()) return out + "unterminated";
          if (text[at] != dialect.quote) {
            value += text[at++];
          } else if (at + 1 < text.size() && text[at + 1] == dialect.quote) {
            value += dialect.quote;
            at += 2;
          } else {
            ++at;
            break;
          }
        }
        bool blank = true;
        const size_t rest = at;
        while (!at_field_end()) blank = is_blank(text[at++]) && blank;
        if (at != rest && !(dialect.trim && blank)) text_after_quote = true;
      } else {
        while (!at_field_end()) ++at;
        std::string_view raw = text.substr(field_begin, at - field_begin);
        if (dialect.trim) {
          while (!raw.empty() && is_blank(raw.front())) raw.remove_prefix(1);
          while (!raw.empty() && is_blank(raw.back())) raw.remove_suffix(1);
        }
        value = raw;
        is_null = raw.empty() && dialect.empty_is_null;
      }
      ++fields;
      if (fields <= columns) add_field(row, is_null, value);
      if (at < text.size() && text[at] == dialect.delimiter) {
        ++at;
        continue;
      }
      break;
    }
    const bool is_empty_line = at == begin;
    if (at < text.size()) {
      at += text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
    }
    if (is_empty_line && columns > 1) continue;
    for (uint32_t i = fields; i < columns; ++i) add_field(row, true, "");
    if (text_after_quote) {
      row = "!quote";
    } else if (fields < columns && dialect.ragged == RaggedRule::kError) {
      row = "!few";
    } else if (fields > columns && dialect.ragged != RaggedRule::kPadAndDrop) {
      row = "!many";
    }
    out += row + "\n";
  }
  return out + "end";
}

/// The scanner over a file that becomes visible `step` bytes at a time.
std::string fast_reader(const std::string& padded, uint32_t size, const CsvDialect& dialect, uint32_t columns,
                        uint32_t step, const BlockLimits& limits) {
  std::string out;
  std::string scratch;
  FieldRules rules;
  rules.quote = dialect.quote;
  rules.escape = dialect.escape;
  const CsvScanner scanner(dialect);
  RecordBlock block;
  uint32_t begin = 0;
  uint32_t seen = std::min(step, size);
  while (true) {
    const ScanStop stop = scanner.scan(padded.data(), begin, seen, seen == size, columns, limits, block);
    size_t problem = 0;
    for (uint32_t row = 0; row < block.row_count; ++row) {
      if (problem < block.problems.size() && block.problems[problem].row == row) {
        out += name_of(block.problems[problem++].kind);
      } else {
        for (uint32_t column = 0; column < columns; ++column) {
          const FieldSpan& field = block.field(row, column);
          add_field(out, field.is_null(),
                    field.is_null() ? std::string_view() : field_text(padded.data(), field, rules, scratch));
        }
      }
      out += "\n";
    }
    fuzz::check(problem == block.problems.size(), "every problem belongs to a row, in order");
    fuzz::check(block.end >= begin && block.end <= seen, "the scanner stays in what it was given");
    begin = block.end;
    if (stop == ScanStop::kUnterminatedQuote) return out + "unterminated";
    if (stop == ScanStop::kBlockFull) continue;
    if (seen == size) {
      if (begin < size && block.row_count > 0) continue;
      return out + "end";
    }
    seen = std::min(seen + step, size);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t choice = input.byte();
  CsvDialect dialect;
  dialect.delimiter = ",;\t|"[choice & 3U];
  dialect.quote = (choice & 4U) != 0 ? '\'' : (choice & 8U) != 0 ? '\0' : '"';
  dialect.trim = (choice & 16U) != 0;
  dialect.empty_is_null = (choice & 32U) == 0;
  const uint8_t more = input.byte();
  dialect.ragged = static_cast<RaggedRule>(more % 3);
  dialect.escape = (more & 128U) != 0 ? '\\' : '\0';
  const uint32_t columns = input.byte() % 4 + 1;
  const BlockLimits limits{input.byte() % 5U + 1, input.byte() * 4U + 1};
  const uint32_t step = input.byte() % 100U + 1;
  std::string text(input.text());
  const auto length = static_cast<uint32_t>(text.size());
  // As many rows as there can be: a block makes room for all of them, which would take most of the time.
  const BlockLimits wide{length + 1, 1U << 30U};
  // The end is followed by what a scanner that looks there would take for more of the file.
  std::string padded = text + std::string(kScanPadding, '"');
  const std::string whole = fast_reader(padded, length, dialect, columns, length + 1, wide);
  padded = text + std::string(kScanPadding, '\n');
  fuzz::check_equal(fast_reader(padded, length, dialect, columns, step, limits), whole,
                    "a file in pieces gives what the whole gives");
  if (dialect.escape == 0)
    fuzz::check_equal(whole, slow_reader(text, dialect, columns), "the scanner reads what the slow reader reads");
  return 0;
}
