#include <string>
#include <string_view>

#include "postgres/connection.h"

namespace rapidbyte::postgres {

std::string quote_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string quote_literal(std::string_view text) {
  // With a backslash in it, E'' says what a backslash means; without one both readings agree.
  const bool has_backslash = text.find('\\') != std::string_view::npos;
  std::string out = has_backslash ? " E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace rapidbyte::postgres
