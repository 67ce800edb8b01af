#pragma once
// Reads the few values that the test guests need out of a JSON text, without a JSON library: `"key": "text"` and
// `"key": 12`. Good enough for configs that the tests write themselves.

#include <cstdlib>
#include <string>
#include <string_view>

inline std::string_view after_key(std::string_view json, std::string_view key) {
  const std::string quoted = "\"" + std::string(key) + "\"";
  const size_t at = json.find(quoted);
  if (at == std::string_view::npos) return {};
  std::string_view rest = json.substr(at + quoted.size());
  const size_t value = rest.find_first_not_of(": ");
  return value == std::string_view::npos ? std::string_view() : rest.substr(value);
}

inline std::string text_of(std::string_view json, std::string_view key) {
  std::string_view rest = after_key(json, key);
  if (rest.empty() || rest[0] != '"') return {};
  rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find('"')));
}

inline long number_of(std::string_view json, std::string_view key, long fallback) {
  const std::string_view rest = after_key(json, key);
  return rest.empty() ? fallback : std::strtol(std::string(rest).c_str(), nullptr, 10);
}
