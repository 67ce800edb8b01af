#include "src/table_name.h"

#include <optional>

namespace rapidbyte::dest_postgres {

namespace {

/// The name in the double quotes with which `text` begins, and how many bytes it took; nullopt when they do not close.
struct QuotedName {
  std::string name;
  size_t length = 0;
};

std::optional<QuotedName> quoted_name(std::string_view text) {
  if (!text.starts_with('"')) return std::nullopt;
  std::string name;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '"') {
      name += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
      name += text[at++];
    } else if (name.empty()) {
      return std::nullopt;
    } else {
      return QuotedName{.name = std::move(name), .length = at + 1};
    }
  }
  return std::nullopt;
}

/// Without quotes when they enclose all of it.
std::string unquoted(std::string_view text) {
  auto quoted = quoted_name(text);
  return quoted && quoted->length == text.size() ? std::move(quoted->name) : std::string(text);
}

}  // namespace

TableName target_table(std::string_view stream, const std::string& default_schema, bool schema_from_stream) {
  if (!schema_from_stream) return {default_schema, std::string(stream)};
  auto first = quoted_name(stream);
  const size_t dot = first ? first->length : stream.find('.');
  if (dot == 0 || dot >= stream.size() || stream[dot] != '.' || dot + 1 == stream.size()) {
    return {default_schema, unquoted(stream)};
  }
  return {first ? std::move(first->name) : std::string(stream.substr(0, dot)), unquoted(stream.substr(dot + 1))};
}

}  // namespace rapidbyte::dest_postgres
