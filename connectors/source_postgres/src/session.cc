#include "session.h"

namespace rapidbyte::source_postgres {

sdk::Result<Session> open_session(const postgres::ConnectionOptions& options) {
  RB_SDK_ASSIGN_OR_RETURN(postgres::Connection connection, postgres::Connection::connect(options));
  std::string time_zone(connection.parameter("TimeZone"));
  // Casts to text follow these. Before 12 floats are exact from 3 extra digits on; since then they are with any.
  std::string settings =
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; "
      "SET bytea_output = 'hex'; SET lc_monetary = 'C'";
  // The time limits are for interactive sessions: a read of a large table takes as long as it takes, and the session
  // that holds a snapshot for others waits without doing anything.
  settings += "; SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";
  // Whatever a condition of the user brings along, nothing is written; and its backslashes are plain.
  settings += "; SET default_transaction_read_only = on; SET standard_conforming_strings = on";
  if (connection.server_version() >= 140'000) settings += "; SET idle_session_timeout = 0";
  if (connection.server_version() >= 170'000) settings += "; SET transaction_timeout = 0";
  RB_SDK_RETURN_NOT_OK(connection.exec(settings).status());
  return Session{std::move(connection), std::move(time_zone)};
}

}  // namespace rapidbyte::source_postgres
