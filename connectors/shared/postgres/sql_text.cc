#include <string>
#include <string_view>

#include "postgres/connection.h"

namespace rapidbyte::postgres {

std::string end_of_orphans_sql(uint32_t server_version) {
  // A server that cannot keep a connection alive in this way says so in its log and continues.
  std::string sql = "; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
  // This one is refused where the system cannot tell that a connection is gone.
  if (server_version >= 140'000) {
    sql +=
        "; SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false) WHERE pg_catalog.version() "
        "OPERATOR(pg_catalog.~) 'linux'";
  }
  return sql;
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
