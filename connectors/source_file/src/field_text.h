#pragma once
// FieldRules: how the bytes of a field become text, null or a value, for both formats. Shared by inference and by the
// column writers, so that a sample and the load read a file in the same way. Pure data and pure functions.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "byte_scan.h"
#include "record_block.h"

namespace rapidbyte::source_file {

struct FieldRules {
  bool json = false;  // escapes are JSON's; else CSV's
  char quote = '"';
  char escape = 0;
  char decimal_point = '.';
  std::vector<std::string> null_tokens;  // compared with the bytes as written in the file
  bool quoted_nulls = false;             // quoted fields may be null, too

  [[nodiscard]] bool is_null_token(std::string_view raw, bool quoted) const {
    if (null_tokens.empty() || (quoted && !quoted_nulls)) return false;
    for (const std::string& token : null_tokens) {
      if (token == raw) return true;
    }
    return false;
  }
};

/// The raw bytes of a field.
inline std::string_view raw_text(const char* data, const FieldSpan& field) {
  return {data + field.begin, field.length()};
}

/// Writes the text of an escaped field (FieldSpan::kEscaped), with its escapes undone, to `out`; returns its size,
/// never more than raw's. Both `raw` and `out` must be padded (byte_scan.h).
size_t unescape(std::string_view raw, bool quoted, const FieldRules& rules, char* out);

/// Whether the field means null under the rules.
inline bool is_null_field(const char* data, const FieldSpan& field, const FieldRules& rules) {
  return field.is_null() || rules.is_null_token(raw_text(data, field), field.is_quoted());
}

/// The text of a field that is not null; uses `scratch` only for escaped fields.
inline std::string_view field_text(const char* data, const FieldSpan& field, const FieldRules& rules,
                                   std::string& scratch) {
  if (!field.is_escaped()) return raw_text(data, field);
  scratch.resize(field.length() + kScanPadding);
  scratch.resize(unescape(raw_text(data, field), field.is_quoted(), rules, scratch.data()));
  return scratch;
}

/// `text` in at most `limit` characters for a message: control characters and invalid UTF-8 are shown as \xNN.
std::string printable(std::string_view text, size_t limit = 80);

}  // namespace rapidbyte::source_file
