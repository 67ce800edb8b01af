#include "postgres/connection_url.h"

namespace rapidbyte::postgres {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// nullopt for a '%' that is not followed by two hexadecimal digits, and for a zero byte.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

/// Cuts `text` at the first `separator`; returns what follows it, or nullopt when there is none.
std::optional<std::string_view> cut_at(std::string_view& text, size_t separator) {
  if (separator == std::string_view::npos) return std::nullopt;
  const std::string_view behind = text.substr(separator + 1);
  text = text.substr(0, separator);
  return behind;
}

class UrlParser {
 public:
  explicit UrlParser(std::string& problem) : problem_(problem) {}

  std::optional<ConnectionUrl> parse(std::string_view rest) {
    if (rest.starts_with("postgresql://")) {
      rest.remove_prefix(13);
    } else if (rest.starts_with("postgres://")) {
      rest.remove_prefix(11);
    } else {
      problem_ = "must begin with postgres:// or postgresql://";
      return std::nullopt;
    }
    // Before anything is named in a message: what follows such a character may be the rest of a password, and other URL
    // parsers (the host's list of allowed hosts) end the host's part there.
    const size_t at = rest.rfind('@');
    const size_t early = rest.find_first_of("/?");
    if (rest.find_first_of("#\\") != std::string_view::npos || (at != std::string_view::npos && early < at)) {
      problem_ =
          "holds a character that must be written by its code: / as %2F, ? as %3F, # as %23, @ as %40, \\ as %5C";
      return std::nullopt;
    }
    const auto query = cut_at(rest, rest.find('?'));
    const auto path = cut_at(rest, rest.find('/'));
    // The last '@', because a password may contain an unencoded one.
    std::string_view userinfo = rest;
    const auto host = cut_at(userinfo, rest.rfind('@'));
    if (host) take_userinfo(userinfo);
    take_host(host.value_or(rest));
    if (path && !path->empty()) take(url_.database, *path, "database");
    if (query) take_parameters(*query);
    if (!problem_.empty()) return std::nullopt;
    return std::move(url_);
  }

 private:
  void take(std::optional<std::string>& into, std::string_view text, std::string_view name) {
    into = percent_decoded(text);
    if (!into) problem_ = "has a % in its " + std::string(name) + " that is not followed by two hexadecimal digits";
  }

  void take_userinfo(std::string_view text) {
    const auto password = cut_at(text, text.find(':'));
    if (!text.empty()) take(url_.user, text, "user");
    if (password) take(url_.password, *password, "password (write a % as %25)");
  }

  void take_host(std::string_view text) {
    if (text.find(',') != std::string_view::npos) {
      problem_ = "names several hosts; give one";
      return;
    }
    std::optional<std::string_view> port;
    if (text.starts_with('[')) {
      const size_t end = text.find(']');
      if (end == std::string_view::npos || (end + 1 < text.size() && text[end + 1] != ':')) {
        problem_ = "has an IPv6 address without its closing ]";
        return;
      }
      if (end + 1 < text.size()) port = text.substr(end + 2);
      url_.host = std::string(text.substr(1, end - 1));
    } else {
      port = cut_at(text, text.rfind(':'));
      if (!text.empty()) take(url_.host, text, "host");
    }
    if (port && !port->empty()) url_.port = std::string(*port);
  }

  void take_parameters(std::string_view text) {
    while (!text.empty() && problem_.empty()) {
      std::string_view pair = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(pair.size() + 1, text.size()));
      const auto encoded_value = cut_at(pair, pair.find('='));
      const auto name = percent_decoded(pair);
      const auto value = encoded_value ? percent_decoded(*encoded_value) : std::nullopt;
      if (!name || name->empty() || !value) {
        problem_ = "has a parameter that is not name=value";
        return;
      }
      url_.parameters.emplace_back(*name, *value);
    }
  }

  std::string& problem_;
  ConnectionUrl url_;
};

}  // namespace

std::optional<ConnectionUrl> parse_connection_url(std::string_view text, std::string& problem) {
  problem.clear();
  return UrlParser(problem).parse(text);
}

}  // namespace rapidbyte::postgres
