#pragma once
// Sessions of both connectors: one way to connect, and one set of settings under which values mean the same whatever
// the server, the database or the role have set. What only one of them needs is in SessionNeeds.

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/connection.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

struct SessionNeeds {
  /// The connector's own SET statements, separated by "; ", after those that all sessions have.
  std::string_view settings;
  /// As Connection::server_version(); 0: any.
  uint32_t oldest_server = 0;
  /// Texts of a database whose server does not know their encoding (SQL_ASCII) are sent unchanged.
  bool takes_any_encoding = false;
};

struct OpenSession {
  Connection connection;
  /// The time zone that the server gives sessions of this role: that of applications which write local times.
  std::string server_time_zone;
  /// What the session's texts, time limits and end depend on, to be sent again after RESET ALL.
  std::string settings;
};

/// Connects, and posts the settings: if they are refused, the connection ends with the first statement. The errors of
/// Connection::connect(); UNSUPPORTED_SERVER (config).
sdk::Result<OpenSession> open_session(const ConnectionOptions& options, const SessionNeeds& needs);

/// How long a server may be silent while it works on something that gives no sign before it is done (a sort, a merge of
/// many rows, an exchange, a commit): a day, unless the user has set a limit. Milliseconds; 0: without limit.
uint32_t longest_silence_ms(const ConnectionOptions& options);

/// While one exists, the server may be silent for longest_silence_ms(). `Session` has options() and
/// limit_silence(milliseconds), and outlives it.
template <typename Session>
class Patience {
 public:
  explicit Patience(Session& session) : session_(&session) {
    session.limit_silence(longest_silence_ms(session.options()));
  }
  ~Patience() { end(); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  /// Ends it early; a second call does nothing.
  void end() {
    if (session_ != nullptr) session_->limit_silence(session_->options().read_timeout_ms);
    session_ = nullptr;
  }

 private:
  Session* session_;
};

}  // namespace rapidbyte::postgres
