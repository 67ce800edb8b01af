#pragma once
// The parts of a connection URL as libpq writes them: postgres://user:password@host:port/database?parameter=value. Pure
// text code; what the parts mean is left to connection_options.h.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rapidbyte::postgres {

/// Percent-decoded; nullopt: not in the URL.
struct ConnectionUrl {
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> host;
  std::optional<std::string> port;
  std::optional<std::string> database;
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// Parses `text`. On failure `problem` says what is wrong, without quoting any of the text: it contains a password.
std::optional<ConnectionUrl> parse_connection_url(std::string_view text, std::string& problem);

}  // namespace rapidbyte::postgres
