#pragma once
// A session in which values mean the same whatever the server, the database or the role have set (postgres/session),
// and in which nothing can be written.

#include <string>

#include "postgres/session/session.h"
#include "rapidbyte/sdk/error.h"
#include "table_name.h"

namespace rapidbyte::source_postgres {

class Session {
 public:
  Session(postgres::OpenSession opened, const postgres::ConnectionOptions& options);

  [[nodiscard]] const postgres::ConnectionOptions& options() const { return options_; }
  void limit_silence(uint32_t ms) { connection.set_read_timeout_ms(ms); }

  postgres::Connection connection;
  /// See postgres::OpenSession.
  std::string server_time_zone;
  /// The server has prepared the look at one table (catalog.h) in this session.
  bool look_prepared = false;
  /// The same of the look that a full refresh needs.
  bool short_look_prepared = false;

 private:
  postgres::ConnectionOptions options_;  // without the password
};

/// While one exists, a sort or a view may give no sign before its first row.
using Patience = postgres::Patience<Session>;

/// Connects; see postgres::open_session() for the errors.
sdk::Result<Session> open_session(const postgres::ConnectionOptions& options);

}  // namespace rapidbyte::source_postgres
