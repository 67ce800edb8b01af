#include "postgres/session/session.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {
namespace {

// The search_path: nobody's function, operator, cast or type can replace the server's own of the same name in our
// statements, and texts include the schema of what they refer to (regclass). SQL written by the user runs under the
// role's own path, which its connector sets.
//
// The role's own limits are meant for interactive sessions, and would cut off a long read or load, as they would a dump
// or a restore: pg_dump and pg_restore switch them off, too. Settings that make data durable are left alone.
constexpr std::string_view kSettings =
    "SET search_path = pg_catalog, pg_temp; "
    "SET TimeZone = 'UTC'; SET IntervalStyle = postgres; SET bytea_output = hex; SET lc_monetary = 'C'; "
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";

constexpr uint32_t kLongestSilenceMs = 86'400'000;

}  // namespace

sdk::Result<OpenSession> open_session(const ConnectionOptions& options, const SessionNeeds& needs) {
  RB_SDK_ASSIGN_OR_RETURN(Connection connection, Connection::connect(options));
  const uint32_t version = connection.server_version();
  if (version < needs.oldest_server) {
    return sdk::config_error(codes::kUnsupportedServer, options.where() + ": this server is older than PostgreSQL " +
                                                            std::to_string(needs.oldest_server / 10'000) +
                                                            " (its number is " + std::to_string(version) +
                                                            "). Use a newer one.");
  }
  std::string time_zone(connection.parameter("TimeZone"));
  std::string settings(kSettings);
  if (!needs.settings.empty()) settings += "; " + std::string(needs.settings);
  // The server refuses a whole answer because of one byte that is not UTF-8. Sent unchanged, it is a single refused
  // row.
  if (needs.takes_any_encoding && connection.parameter("server_encoding") == "SQL_ASCII") {
    settings += "; SET client_encoding = 'SQL_ASCII'";
  }
  if (version >= 140'000) settings += "; SET idle_session_timeout = 0";
  if (version >= 170'000) settings += "; SET transaction_timeout = 0";
  settings += end_of_orphans_sql(version);
  RB_SDK_RETURN_NOT_OK(connection.post(settings));
  return OpenSession{std::move(connection), std::move(time_zone), std::move(settings)};
}

uint32_t longest_silence_ms(const ConnectionOptions& options) {
  return options.read_timeout_given ? options.read_timeout_ms : kLongestSilenceMs;
}

}  // namespace rapidbyte::postgres
