#include "rapidbyte/base/secret_forms.h"

#include <algorithm>

namespace rapidbyte {
namespace {

// At least so many characters of a base64 text must depend on the secret alone; fewer would occur by chance.
constexpr size_t kMinBase64Length = 6;
// So many characters of base64 do not occur by chance, in whatever case.
constexpr size_t kMinBase64LengthInAnyCase = 10;

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = fold_case(c);
  return out;
}

void add(std::vector<SecretPattern>& patterns, std::string_view text, bool any_case) {
  SecretPattern pattern{folded(text), any_case ? std::string() : std::string(text), false};
  const bool known = std::any_of(patterns.begin(), patterns.end(), [&](const SecretPattern& other) {
    return other.folded == pattern.folded && other.exact == pattern.exact;
  });
  if (!known) patterns.push_back(std::move(pattern));
}

void add_plain(std::vector<SecretPattern>& patterns, std::string_view text) {
  if (text.size() < kMinSecretLength) return;
  const bool any_case = text.size() >= kMinSecretLengthInAnyCase;
  add(patterns, text, any_case);
  if (!any_case) patterns.push_back({folded(text), "", true});
}

std::string replaced(std::string_view text, char from, std::string_view to) {
  std::string out;
  for (const char c : text) {
    if (c == from) {
      out += to;
    } else {
      out += c;
    }
  }
  return out;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0x0FU];
  }
  return out;
}

/// The characters that depend on `bytes` alone when `before` other bytes (0 to 2) come first.
std::string base64_part(std::string_view bytes, size_t before, std::string_view last_two) {
  constexpr std::string_view kCommon = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const size_t first_bit = before * 8;
  const size_t end_bit = first_bit + bytes.size() * 8;
  std::string out;
  for (size_t at = (first_bit + 5) / 6; (at + 1) * 6 <= end_bit; ++at) {
    unsigned value = 0;
    for (size_t bit = at * 6; bit < at * 6 + 6; ++bit) {
      const size_t inside = bit - first_bit;
      const auto byte = static_cast<unsigned char>(bytes[inside / 8]);
      value = (value << 1U) | ((byte >> (7U - inside % 8)) & 1U);
    }
    out += value < kCommon.size() ? kCommon[value] : last_two[value - kCommon.size()];
  }
  return out;
}

}  // namespace

std::vector<SecretPattern> plain_forms(std::string_view value) {
  std::vector<SecretPattern> patterns;
  add_plain(patterns, value);
  if (value.find_first_of("\r\n") == std::string_view::npos) return patterns;
  std::string joined;
  for (std::string_view rest = value; !rest.empty();) {
    const size_t end = rest.find_first_of("\r\n");
    const std::string_view line = rest.substr(0, end);
    joined += line;
    // "-----BEGIN PRIVATE KEY-----" is not a secret. A short line alone would be found in ordinary text.
    if (line.size() >= kMinSecretLengthInAnyCase && !line.starts_with("-----")) add_plain(patterns, line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  add_plain(patterns, joined);
  return patterns;
}

std::vector<SecretPattern> encoded_forms(std::string_view value) {
  std::vector<SecretPattern> patterns;
  if (value.size() < kMinSecretLength) return patterns;
  const auto add_if_other = [&](const std::string& text) {
    if (text != value) add(patterns, text, true);
  };
  add_if_other(replaced(value, '\'', "''"));
  add_if_other(replaced(value, '"', "\"\""));
  add_if_other(replaced(value, ' ', "+"));
  add(patterns, hex(value), true);
  for (size_t before = 0; before < 3; ++before) {
    for (const std::string_view last_two : {std::string_view("+/"), std::string_view("-_")}) {
      const std::string part = base64_part(value, before, last_two);
      if (part.size() >= kMinBase64Length) add(patterns, part, part.size() >= kMinBase64LengthInAnyCase);
    }
  }
  return patterns;
}

}  // namespace rapidbyte
