#include "field_text.h"

#include <cstdio>
#include <cstring>

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

size_t put_code_point(uint32_t code, char* out) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<char>(0xC0U | (code >> 6U));
    out[1] = static_cast<char>(0x80U | (code & 0x3FU));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<char>(0xE0U | (code >> 12U));
    out[1] = static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out[2] = static_cast<char>(0x80U | (code & 0x3FU));
    return 3;
  }
  out[0] = static_cast<char>(0xF0U | (code >> 18U));
  out[1] = static_cast<char>(0x80U | ((code >> 12U) & 0x3FU));
  out[2] = static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
  out[3] = static_cast<char>(0x80U | (code & 0x3FU));
  return 4;
}

// The NDJSON scanner has checked every escape: four hex digits, surrogates in pairs.
size_t unescape_json(std::string_view raw, char* out) {
  size_t size = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out[size++] = raw[i];
      continue;
    }
    switch (raw[++i]) {
      case 'b': out[size++] = '\b'; break;
      case 'f': out[size++] = '\f'; break;
      case 'n': out[size++] = '\n'; break;
      case 'r': out[size++] = '\r'; break;
      case 't': out[size++] = '\t'; break;
      case 'u': {
        uint32_t code = hex4(raw.data() + i + 1);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00) {
          code = 0x10000 + ((code - 0xD800) << 10U) + (hex4(raw.data() + i + 3) - 0xDC00);
          i += 6;
        }
        size += put_code_point(code, out + size);
        break;
      }
      default: out[size++] = raw[i]; break;
    }
  }
  return size;
}

}  // namespace

size_t unescape(std::string_view raw, bool quoted, const FieldRules& rules, char* out) {
  if (rules.json) return unescape_json(raw, out);
  // Outside of quotes a quote is an ordinary character.
  const char quote = quoted && rules.quote != 0 ? rules.quote : rules.escape;
  const char escape = rules.escape != 0 ? rules.escape : quote;
  const SpecialBytes specials(quote, escape, quote, escape, quote);
  size_t size = 0;
  size_t i = 0;
  while (i < raw.size()) {
    // A whole step is copied, of which only the part before the next special byte counts.
    const uint64_t mask = specials.scan(raw.data() + i).special;
    std::memcpy(out + size, raw.data() + i, kScanPadding);
    const size_t plain = mask == 0 ? kScanPadding : static_cast<size_t>(__builtin_ctzll(mask));
    if (plain >= raw.size() - i) return size + raw.size() - i;
    i += plain;
    size += plain;
    if (mask == 0) continue;
    const bool more = i + 1 < raw.size();
    if (more &&
        ((rules.escape != 0 && raw[i] == rules.escape) || (quoted && raw[i] == rules.quote && raw[i + 1] == raw[i])))
      ++i;
    out[size++] = raw[i++];
  }
  return size;
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
