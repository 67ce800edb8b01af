#include "field_text.h"

#include <cstdio>

#include "rapidbyte/sdk/batch_builder.h"

namespace rapidbyte::source_file {

namespace {

uint32_t hex4(const char* p) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    const uint32_t digit = c <= '9' ? static_cast<uint32_t>(c - '0') : static_cast<uint32_t>((c | 0x20) - 'a') + 10;
    value = value * 16 + digit;
  }
  return value;
}

void append_code_point(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    out += static_cast<char>(0x80U | ((code >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

// The NDJSON scanner has checked every escape: four hex digits, surrogates in pairs.
void append_json_unescaped(std::string_view raw, std::string& out) {
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    switch (raw[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        uint32_t code = hex4(raw.data() + i + 1);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00) {
          code = 0x10000 + ((code - 0xD800) << 10U) + (hex4(raw.data() + i + 3) - 0xDC00);
          i += 6;
        }
        append_code_point(code, out);
        break;
      }
      default: out += raw[i]; break;
    }
  }
}

}  // namespace

void append_unescaped(std::string_view raw, bool quoted, const FieldRules& rules, std::string& out) {
  if (rules.json) {
    append_json_unescaped(raw, out);
    return;
  }
  for (size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    const bool more = i + 1 < raw.size();
    if ((more && rules.escape != 0 && c == rules.escape) || (more && quoted && c == rules.quote && raw[i + 1] == c)) ++i;
    out += raw[i];
  }
}

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  size_t i = 0;
  while (i < text.size() && out.size() < limit) {
    const auto c = static_cast<unsigned char>(text[i]);
    size_t length = 1;
    if (c >= 0xC2) length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    const std::string_view piece = text.substr(i, length);
    if (c >= 0x20 && c != 0x7F && sdk::is_valid_utf8(piece)) {
      out += piece;
      i += piece.size();
    } else {
      char escaped[8];
      const int size = snprintf(escaped, sizeof(escaped), "\\x%02X", c);
      out.append(escaped, static_cast<size_t>(size));
      ++i;
    }
  }
  if (i < text.size()) out += "...";
  return out;
}

}  // namespace rapidbyte::source_file
