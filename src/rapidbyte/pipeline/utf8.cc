#include "rapidbyte/pipeline/utf8.h"

#include <fmt/format.h>

#include "rapidbyte/base/redaction.h"

#include <cstdint>

namespace rapidbyte::pipeline {

std::optional<size_t> first_invalid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<uint8_t>(text[at]);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    size_t length = 0;
    uint32_t lowest = 0;
    uint32_t point = 0;
    if ((lead & 0xE0U) == 0xC0) {
      length = 2, lowest = 0x80, point = lead & 0x1FU;
    } else if ((lead & 0xF0U) == 0xE0) {
      length = 3, lowest = 0x800, point = lead & 0x0FU;
    } else if ((lead & 0xF8U) == 0xF0) {
      length = 4, lowest = 0x10000, point = lead & 0x07U;
    } else {
      return at;
    }
    if (text.size() - at < length) return at;
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<uint8_t>(text[at + i]);
      if ((byte & 0xC0U) != 0x80) return at;
      point = (point << 6U) | (byte & 0x3FU);
    }
    if (point < lowest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return at;
    at += length;
  }
  return std::nullopt;
}

std::string printable(std::string_view text, size_t most) {
  std::string out;
  std::string whole;
  // Part of a secret would no longer be found.
  if (text.size() > most) text = whole = redact(text);
  size_t at = 0;
  for (; at < text.size() && at < most; ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out.push_back(text[at]);
    }
  }
  if (at < text.size()) {
    // A character is shown whole or not at all.
    while (at < text.size() && at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) {
      out.pop_back();
      --at;
    }
    out += "...";
  }
  return out;
}

}  // namespace rapidbyte::pipeline
