#pragma once
// A session in which values mean the same whatever the server, the database or the role have set, and in which nothing
// can be written.

#include <cstdint>
#include <optional>
#include <string>

#include "postgres/connection.h"
#include "rapidbyte/sdk/error.h"
#include "table_name.h"

namespace rapidbyte::source_postgres {

struct Session {
  postgres::Connection connection;
  /// The time zone that the server gives sessions of this role: that of applications which write local times.
  std::string server_time_zone;
  /// Longest silence of the server, and whether the user has set it.
  uint32_t read_timeout_ms = 0;
  bool read_timeout_given = false;
  /// The server has prepared the look at one table (catalog.h) in this session.
  bool look_prepared = false;
};

/// While one lives, the server may be silent for a day unless the user has set a limit: a sort or a view gives no sign
/// before its first row.
class Patience {
 public:
  explicit Patience(Session& session) : session_(&session) {
    if (!session.read_timeout_given) session.connection.set_read_timeout_ms(kLongestSilenceMs);
  }
  ~Patience() { end(); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  /// Ends it early; a second time does nothing.
  void end() {
    if (session_ != nullptr) session_->connection.set_read_timeout_ms(session_->read_timeout_ms);
    session_ = nullptr;
  }

 private:
  static constexpr uint32_t kLongestSilenceMs = 86'400'000;
  Session* session_;
};

/// Connects; see Connection::connect() for the errors.
sdk::Result<Session> open_session(const postgres::ConnectionOptions& options);

}  // namespace rapidbyte::source_postgres
