#include "rapidbyte/cli/view/text_width.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

#include "rapidbyte/cli/view/code_point_ranges.h"

namespace rapidbyte::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: not UTF-8 at this place
};

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
CodePoint decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  size_t length = 0;
  uint32_t value = 0;
  uint32_t least = 0;
  if ((lead & 0xE0U) == 0xC0) {
    length = 2, value = lead & 0x1FU, least = 0x80;
  } else if ((lead & 0xF0U) == 0xE0) {
    length = 3, value = lead & 0x0FU, least = 0x800;
  } else if ((lead & 0xF8U) == 0xF0) {
    length = 4, value = lead & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    value = value << 6U | (byte(i) & 0x3FU);
  }
  if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length};
}

bool in_ranges(std::span<const CodePointRange> ranges, uint32_t value) {
  const auto at = std::upper_bound(ranges.begin(), ranges.end(), value,
                                   [](uint32_t v, const CodePointRange& range) { return v < range.first; });
  return at != ranges.begin() && value <= std::prev(at)->last;
}

size_t width_of(uint32_t value) {
  if (value < 0x300) return 1;
  if (in_ranges(kZeroWidth, value)) return 0;
  return in_ranges(kDoubleWidth, value) ? 2 : 1;
}

// Direction overrides and isolates can make text look like other text; line separators break a table.
bool steers_display(uint32_t value) {
  return (value >= 0x80 && value < 0xA0) || value == 0x061C || value == 0x200E || value == 0x200F ||
         (value >= 0x2028 && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069) || value == 0xFEFF;
}

}  // namespace

std::string make_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode(text);
    if (point.bytes == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    if (point.value == '\n') {
      out += "\\n";
    } else if (point.value == '\t') {
      out += "\\t";
    } else if (point.value == '\r') {
      out += "\\r";
    } else if (point.value < 0x20 || point.value == 0x7F) {
      out += fmt::format("\\x{:02x}", point.value);
    } else if (steers_display(point.value)) {
      out += fmt::format("\\u{:04x}", point.value);
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(point.bytes);
  }
  return out;
}

size_t display_width(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const CodePoint point = decode(text);
    columns += point.bytes == 0 ? 1 : width_of(point.value);
    text.remove_prefix(std::max<size_t>(point.bytes, 1));
  }
  return columns;
}

std::string fit_width(std::string_view text, size_t columns, bool unicode) {
  if (display_width(text) <= columns) return std::string(text);
  const std::string_view ellipsis = unicode ? "\xE2\x80\xA6" : "...";
  const size_t ellipsis_columns = unicode ? 1 : 3;
  if (columns < ellipsis_columns) return std::string(columns, '.');
  size_t used = 0;
  size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint point = decode(text.substr(bytes));
    const size_t width = point.bytes == 0 ? 1 : width_of(point.value);
    if (used + width > columns - ellipsis_columns) break;
    used += width;
    bytes += std::max<size_t>(point.bytes, 1);
  }
  return std::string(text.substr(0, bytes)).append(ellipsis);
}

std::string pad_width(std::string_view text, size_t columns, Align align) {
  const size_t width = display_width(text);
  const std::string fill(columns > width ? columns - width : 0, ' ');
  return align == Align::kLeft ? std::string(text) + fill : fill + std::string(text);
}

}  // namespace rapidbyte::cli
