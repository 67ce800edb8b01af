#include "rapidbyte/pipeline/env_substitution.h"

#include <algorithm>
#include <cstdlib>

#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Handles the text between `${` and `}`.
void replace_one(std::string_view inside, const EnvLookup& lookup, Substitution& out) {
  const size_t split = inside.find(":-");
  const std::string_view name = inside.substr(0, split);
  if (!is_env_name(name)) {
    // Not shown: it may be part of a password that contains ${.
    out.mistakes.emplace_back(
        "the text in ${ } is not the name of an environment variable; write ${NAME} or ${NAME:-default} with letters, "
        "digits and _, or $${ for a literal ${");
    return;
  }
  std::optional<std::string> value = lookup(name);
  const bool has_default = split != std::string_view::npos;
  if (has_default && (!value || value->empty())) {
    out.text += inside.substr(split + 2);
    return;
  }
  if (!value) {
    if (std::find(out.missing.begin(), out.missing.end(), name) == out.missing.end()) out.missing.emplace_back(name);
    return;
  }
  if (first_invalid_utf8(*value)) {
    out.mistakes.push_back("the value of environment variable " + std::string(name) + " is not valid UTF-8");
    return;
  }
  out.text += *value;
  out.used.push_back({std::string(name), std::move(*value)});
}

}  // namespace

bool is_env_name(std::string_view name) {
  if (name.empty() || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

EnvLookup process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Substitution substitute(std::string_view text, const EnvLookup& lookup) {
  Substitution out;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    out.text += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      out.text += "${";
      out.changed = true;
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const size_t close = text.find('}');
      if (close == std::string_view::npos) {
        out.mistakes.emplace_back("a ${ has no closing }; write ${NAME}, or $${ for a literal ${");
        break;
      }
      out.changed = true;
      replace_one(text.substr(2, close - 2), lookup, out);
      text.remove_prefix(close + 1);
    } else {
      out.text += '$';
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace rapidbyte::pipeline
