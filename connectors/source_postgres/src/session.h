#pragma once
// A session in which values mean the same whatever the server, the database or the role have set, and in which nothing
// can be written.

#include <string>

#include "postgres/connection.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_postgres {

struct Session {
  postgres::Connection connection;
  /// The time zone that the server gives sessions of this role: that of applications which write local times.
  std::string server_time_zone;
};

/// Connects; see Connection::connect() for the errors.
sdk::Result<Session> open_session(const postgres::ConnectionOptions& options);

}  // namespace rapidbyte::source_postgres
