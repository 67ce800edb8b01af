#include "table_name.h"

#include <vector>

#include "postgres/connection.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::source_postgres {

namespace {

// NAMEDATALEN - 1: what a server keeps of a name. It would silently truncate a longer one and read another table.
constexpr size_t kMaxNameBytes = 63;

std::string spelled(std::string_view name) {
  if (name.find_first_of(".\"") == std::string_view::npos) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string TableName::sql() const { return table::quote_name(schema) + "." + table::quote_name(table); }

std::string TableName::spelling(std::string_view default_schema) const {
  return schema == default_schema ? spelled(table) : spelled(schema) + "." + spelled(table);
}

sdk::Result<TableName> parse_table_name(std::string_view text, std::string_view default_schema) {
  const auto bad = [&](std::string_view why) {
    return sdk::config_error(codes::kInvalidTableName, "`" + std::string(text) +
                                                           "` is not a table's name: " + std::string(why) +
                                                           ". Write table or schema.table; a name with a dot must be "
                                                           "in double quotes");
  };
  std::vector<std::string> parts;
  size_t at = 0;
  while (true) {
    std::string part;
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at >= text.size()) return bad("a double quote is not closed");
        if (text[at] != '"') {
          part += text[at];
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          part += text[at++];
        } else {
          ++at;
          break;
        }
      }
      if (at < text.size() && text[at] != '.') return bad("text follows a closing quote");
    } else {
      while (at < text.size() && text[at] != '.') {
        if (text[at] == '"') return bad("there is a double quote within a name");
        part += text[at++];
      }
    }
    if (part.empty()) return bad("a part of it is empty");
    if (part.find('\0') != std::string::npos) return bad("it holds a zero byte");
    if (part.size() > kMaxNameBytes) return bad("a part of it is longer than the 63 bytes that PostgreSQL allows");
    parts.push_back(std::move(part));
    if (at >= text.size()) break;
    ++at;
  }
  if (parts.size() > 2) return bad("it has more than two parts");
  if (parts.size() == 1) return TableName{std::string(default_schema), std::move(parts[0])};
  return TableName{std::move(parts[0]), std::move(parts[1])};
}

}  // namespace rapidbyte::source_postgres
