#include "session.h"

namespace rapidbyte::source_postgres {

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
  settings += postgres::end_of_orphans_sql(connection.server_version());
  // Nobody waits for it: if it is refused, the connection ends with the first statement.
  RB_SDK_RETURN_NOT_OK(connection.post(settings));
  return Session{std::move(connection), std::move(time_zone), options.read_timeout_ms, options.read_timeout_given};
}

}  // namespace rapidbyte::source_postgres
