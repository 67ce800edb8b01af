#include "rapidbyte/pipeline/secret_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "rapidbyte/base/log.h"

namespace rapidbyte::pipeline {
namespace {

constexpr std::array<std::string_view, 19> kSecretWords = {
    "passwords", "passphrase", "pwd",         "pass",          "pw",     "secrets", "token",
    "tokens",    "credential", "credentials", "authorization", "bearer", "key",     "keys",
    "apikey",    "accesskey",  "privatekey",  "secretkey",     "pgpass"};
// Whole words, and the ends of words that are written together: PGPASSWORD, dbpassword.
constexpr std::array<std::string_view, 3> kSecretEndings = {"password", "passwd", "secret"};
// A word before that makes an ordinary thing of it: primary_key, null_token, max_tokens.
constexpr std::array<std::string_view, 16> kHarmlessBefore = {
    "primary", "foreign", "partition", "sort", "sorting", "unique",  "cursor", "order",
    "join",    "merge",   "null",      "max",  "min",     "natural", "public", "cluster"};
// A last word that says that the value is about the secret, and is not the secret.
constexpr std::array<std::string_view, 21> kHarmlessLast = {
    "file",  "path",   "folder",  "name",  "names",  "id",   "ids",  "url",    "uri",    "ttl", "seconds",
    "count", "column", "columns", "field", "fields", "type", "size", "length", "format", "env"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Splits at everything that is no letter or digit, and where a capital follows a small letter; lower case.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  char before = '_';
  for (char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    if (!letter) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      if (upper && before >= 'a' && before <= 'z' && !words.back().empty()) words.emplace_back();
      words.back() += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    before = c;
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool is_secret_word(std::string_view word) {
  return contains(kSecretWords, word) || std::any_of(kSecretEndings.begin(), kSecretEndings.end(),
                                                     [&](std::string_view ending) { return word.ends_with(ending); });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void register_everything_below(const nlohmann::json& value) {
  if (value.is_string()) {
    add_secret(value.get<std::string>());
  } else if (value.is_number()) {
    add_secret(value.dump());
  } else if (value.is_structured()) {
    for (const auto& item : value) register_everything_below(item);
  }
}

/// The value after `password=` and the like, in libpq's and ODBC's form; quotes are taken off.
std::optional<std::string_view> keyword_value(std::string_view text, size_t equals) {
  size_t start = equals + 1;
  while (start < text.size() && text[start] == ' ') ++start;
  std::string_view rest = text.substr(start);
  if (rest.empty()) return std::nullopt;
  if (rest.front() == '\'' || rest.front() == '"' || rest.front() == '{') {
    const char close = rest.front() == '{' ? '}' : rest.front();
    rest.remove_prefix(1);
    return rest.substr(0, rest.find(close));
  }
  return rest.substr(0, rest.find_first_of(" ;&"));
}

}  // namespace

bool looks_secret(std::string_view name) {
  const std::vector<std::string> words = words_of(name);
  if (words.empty()) return false;
  if (words.size() > 1 && contains(kHarmlessLast, words.back())) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (is_secret_word(words[i]) && (i == 0 || !contains(kHarmlessBefore, words[i - 1]))) return true;
  }
  return false;
}

void register_embedded_secrets(std::string_view text) {
  for (size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const std::string_view rest = text.substr(at + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?# "));
    const size_t colon = authority.find(':');
    const size_t host = authority.rfind('@');
    if (colon == std::string_view::npos || host == std::string_view::npos || colon > host) continue;
    const std::string_view password = authority.substr(colon + 1, host - colon - 1);
    add_secret(std::string(password));
    add_secret(percent_decoded(password));
  }
  for (size_t equals = text.find('='); equals != std::string_view::npos; equals = text.find('=', equals + 1)) {
    size_t end = equals;
    while (end > 0 && text[end - 1] == ' ') --end;
    size_t start = end;
    while (start > 0 && text.substr(start - 1, 1).find_first_of(" ;&?'\"") == std::string_view::npos) --start;
    if (!looks_secret(text.substr(start, end - start))) continue;
    if (const auto value = keyword_value(text, equals)) {
      add_secret(std::string(*value));
      add_secret(percent_decoded(*value));
    }
  }
}

void register_secrets(const nlohmann::json& config) {
  if (config.is_string()) {
    register_embedded_secrets(config.get_ref<const std::string&>());
  } else if (config.is_array()) {
    for (const auto& item : config) register_secrets(item);
  } else if (config.is_object()) {
    for (const auto& [key, value] : config.items()) {
      if (looks_secret(key)) register_everything_below(value);
      register_secrets(value);
    }
  }
}

}  // namespace rapidbyte::pipeline
