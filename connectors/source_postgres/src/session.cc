#include "session.h"

namespace rapidbyte::source_postgres {

namespace {

// A backend whose client was killed or is out of reach ends within half a minute, and within two seconds where it can
// look: a sort or a view would go on for nobody until its first row, and a session that holds a snapshot would keep it
// and the table's lock until the system's own keepalive, which is hours. Not every platform of the server has these.
constexpr std::string_view kOrphans =
    "; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
constexpr std::string_view kOrphansSince14 = "; SET client_connection_check_interval = '2s'";

}  // namespace

sdk::Result<Session> open_session(const postgres::ConnectionOptions& options) {
  RB_SDK_ASSIGN_OR_RETURN(postgres::Connection connection, postgres::Connection::connect(options));
  std::string time_zone(connection.parameter("TimeZone"));
  // Casts to text follow these. Before 12 floats are exact from 3 extra digits on; since then they are with any.
  std::string settings =
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; "
      "SET bytea_output = 'hex'; SET lc_monetary = 'C'";
  // Nobody's function, operator or type stands in for one of the system's, and texts name the schema of what they refer
  // to (regclass). Where code of the user needs the role's own path, it gets it: see StreamReader.
  settings += "; SET search_path = pg_catalog, pg_temp";
  // A server that does not know how its texts are encoded refuses a whole answer for one byte that is not UTF-8. Sent
  // as they are, it is a row that is refused.
  if (connection.parameter("server_encoding") == "SQL_ASCII") settings += "; SET client_encoding = 'SQL_ASCII'";
  // The time limits are for interactive sessions: a read of a large table takes as long as it takes, and the session
  // that holds a snapshot for others waits without doing anything.
  settings += "; SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";
  // Whatever a condition of the user brings along, nothing is written; and its backslashes are plain.
  settings += "; SET default_transaction_read_only = on; SET standard_conforming_strings = on";
  if (connection.server_version() >= 140'000) settings += "; SET idle_session_timeout = 0";
  if (connection.server_version() >= 170'000) settings += "; SET transaction_timeout = 0";
  std::string orphans(kOrphans);
  if (connection.server_version() >= 140'000) orphans += kOrphansSince14;
  // One round trip; a statement that fails takes the others back with it.
  sdk::Status set = connection.exec(settings + orphans).status();
  if (!set.ok() && !connection.is_broken() && postgres::sqlstate_of(set.error()).starts_with("22")) {
    set = connection.exec(settings).status();
  }
  RB_SDK_RETURN_NOT_OK(set);
  return Session{std::move(connection), std::move(time_zone), options.read_timeout_ms, options.read_timeout_given};
}

}  // namespace rapidbyte::source_postgres
