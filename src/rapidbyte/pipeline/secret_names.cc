#include "rapidbyte/pipeline/secret_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte::pipeline {
namespace {

constexpr std::array<std::string_view, 19> kSecretWords = {
    "passwords", "passphrase", "pwd",         "pass",          "pw",     "secrets", "token",
    "tokens",    "credential", "credentials", "authorization", "bearer", "key",     "keys",
    "apikey",    "accesskey",  "privatekey",  "secretkey",     "pgpass"};
// Whole words, and ends of compound words: PGPASSWORD, dbpassword.
constexpr std::array<std::string_view, 3> kSecretEndings = {"password", "passwd", "secret"};
// A preceding word that makes it harmless: primary_key, null_token, max_tokens.
constexpr std::array<std::string_view, 16> kHarmlessBefore = {
    "primary", "foreign", "partition", "sort", "sorting", "unique",  "cursor", "order",
    "join",    "merge",   "null",      "max",  "min",     "natural", "public", "cluster"};
// A last word that says that the value describes the secret and is not the secret itself.
constexpr std::array<std::string_view, 21> kHarmlessLast = {
    "file",  "path",   "folder",  "name",  "names",  "id",   "ids",  "url",    "uri",    "ttl", "seconds",
    "count", "column", "columns", "field", "fields", "type", "size", "length", "format", "env"};

// Last words of variables that only describe the environment: LANG, AWS_REGION, HTTP_HOST.
constexpr std::array<std::string_view, 19> kHarmlessVariables = {
    "lang", "language", "locale", "tz",   "timezone", "region", "zone", "host",     "hostname", "port",
    "home", "dir",      "level",  "mode", "version",  "debug",  "user", "username", "profile"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Splits at everything that is not a letter or digit, and where a capital follows a lower-case letter; the parts are
/// in lower case.
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

/// The value after `password=` and the like, in libpq's and ODBC's form, without quotes.
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

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

void add_once_and_decoded(std::string_view text) {
  add_secret(std::string(text));
  add_secret(percent_decoded(text));
}

/// A literal value as written, perhaps with a mistake: with and without what may not belong to it.
class SourcePieces {
 public:
  void add(std::string_view text) {
    if (left_ == 0) return;
    --left_;
    text = trimmed(text);
    add_once_and_decoded(text);
    const size_t comment = text.find(" #");
    if (comment != std::string_view::npos) add(text.substr(0, comment));
    const size_t flow_end = text.find_first_of(",}]");
    if (flow_end != std::string_view::npos) add(text.substr(0, flow_end));
    // A tag, an anchor, an alias, a block, quotes, an opened ${: YAML removes them, or stops there.
    const size_t start = text.find_first_not_of("!&*|>'\"%@`${[-:= ");
    if (start == std::string_view::npos) return;
    size_t end = text.size();
    while (end > start && (text[end - 1] == '\'' || text[end - 1] == '"')) --end;
    if (start > 0 || end < text.size()) add(text.substr(start, end - start));
    const size_t opened = text.find("${");
    if (opened == std::string_view::npos || opened == 0) return;
    add(text.substr(0, opened));
    add(text.substr(opened));
  }

 private:
  // More than any mistake leaves, and a limit for a line that consists only of such marks.
  int left_ = 32;
};

void add_source_piece(std::string_view text) { SourcePieces().add(text); }

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The literal parts of a value: names of variables are shown, their defaults are not.
void add_source_value(std::string_view text) {
  size_t from = 0;
  for (size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    const size_t close = text.find('}', at);
    if (close == std::string_view::npos) break;
    const std::string_view inside = text.substr(at + 2, close - at - 2);
    const size_t split = inside.find(":-");
    if (!is_variable_name(inside.substr(0, split))) continue;
    add_source_piece(text.substr(from, at - from));
    if (split != std::string_view::npos) add_source_piece(inside.substr(split + 2));
    from = close + 1;
  }
  add_source_piece(text.substr(from));
}

/// The name that ends before `end`, without quotes.
std::string_view name_before(std::string_view line, size_t end) {
  constexpr std::string_view kQuotesAndSpaces = " \t'\"";
  while (end > 0 && kQuotesAndSpaces.find(line[end - 1]) != std::string_view::npos) --end;
  size_t start = end;
  while (start > 0 && std::string_view(" \t'\"{[,;&?:=").find(line[start - 1]) == std::string_view::npos) --start;
  return line.substr(start, end - start);
}

/// Whether the value of a secret key continues on the following lines.
bool register_line(std::string_view line) {
  for (size_t at = line.find_first_of(":="); at != std::string_view::npos; at = line.find_first_of(":=", at + 1)) {
    if (!looks_secret(name_before(line, at))) continue;
    const std::string_view value = trimmed(line.substr(at + 1));
    add_source_value(value);
    return value.empty() || value.front() == '|' || value.front() == '>' || value.front() == '#' ||
           value.front() == '"' || value.front() == '\'';
  }
  return false;
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
    const std::string_view token = rest.substr(0, rest.find_first_of(" \t\r\n\"'<>"));
    const std::string_view authority = token.substr(0, token.find_first_of("/?#"));
    const size_t colon = authority.find(':');
    if (colon == std::string_view::npos) continue;
    const size_t host = authority.rfind('@');
    const bool has_password = host != std::string_view::npos && colon < host;
    if (has_password) add_once_and_decoded(authority.substr(colon + 1, host - colon - 1));
    // A password that should have been percent-encoded continues after a '/', '?' or '#'. Digits alone are a port.
    const size_t last = token.rfind('@');
    const bool is_port = authority.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    const bool behind = last != std::string_view::npos && last > authority.size();
    if (behind && (has_password || !is_port)) add_once_and_decoded(token.substr(colon + 1, last - colon - 1));
    // What URL rules take for the hosts may then be parts of the password.
    for (size_t from = host + 1; has_password && behind && from <= authority.size();) {
      const size_t comma = std::min(authority.find_first_of(",:", from), authority.size());
      add_secret(std::string(authority.substr(from, comma - from)));
      from = comma + 1;
    }
  }
  for (size_t equals = text.find('='); equals != std::string_view::npos; equals = text.find('=', equals + 1)) {
    size_t end = equals;
    while (end > 0 && text[end - 1] == ' ') --end;
    size_t start = end;
    while (start > 0 && text.substr(start - 1, 1).find_first_of(" ;&?'\"") == std::string_view::npos) --start;
    if (!looks_secret(text.substr(start, end - start))) continue;
    if (const auto value = keyword_value(text, equals)) add_once_and_decoded(*value);
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
      // {password:hunter2} is a key without a value.
      register_line(key);
      register_secrets(value);
    }
  }
}

void register_granted_variable(std::string_view name, std::string_view value) {
  const std::vector<std::string> words = words_of(name);
  if (looks_secret(name) || words.empty() || !contains(kHarmlessVariables, words.back()))
    add_secret(std::string(value));
  register_embedded_secrets(value);
}

void register_secrets_in_source(std::string_view text) {
  register_embedded_secrets(text);
  std::optional<size_t> secret_indent;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t indent = line.find_first_not_of(" \t");
    if (indent == std::string_view::npos) continue;
    if (secret_indent && indent <= *secret_indent) secret_indent.reset();
    if (secret_indent) {
      add_source_value(line);
      const size_t colon = line.find(':');
      if (colon != std::string_view::npos) add_source_value(line.substr(colon + 1));
    }
    if (register_line(line) && !secret_indent) secret_indent = indent;
  }
}

}  // namespace rapidbyte::pipeline
