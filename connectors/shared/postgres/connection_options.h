#pragma once
// ConnectionOptions: how to reach a server and log in, read from a connector's config. A config names the connection by
// fields, by `url`, or by both as long as nothing is named twice. Both PostgreSQL connectors use the same keys;
// kConnectionSchema is the part of their manifests that describes them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/config.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

/// With libpq's meaning. kRequire with a root certificate checks it, as kVerifyCa does.
enum class SslMode : uint8_t { kDisable, kPrefer, kRequire, kVerifyCa, kVerifyFull };
/// What may be sent besides SCRAM: nothing; an MD5 hash (which is as good as the password to anybody who reads it); the
/// password itself. kCleartext allows MD5, too.
enum class WeakAuth : uint8_t { kNone, kMd5, kCleartext };

/// The protocol's spelling: "verify-full".
std::string_view to_string(SslMode mode);

struct ConnectionOptions {
  std::string host;
  uint16_t port = 5432;
  std::string user;
  std::string password;  // never in a message or a log line
  std::string database;  // by default the user's name, as in libpq
  std::string schema = "public";
  SslMode ssl_mode = SslMode::kPrefer;
  /// Certificates in PEM to trust instead of the system's.
  std::optional<std::string> ssl_root_cert;
  WeakAuth weak_auth = WeakAuth::kNone;
  /// From the first byte until the session is ready.
  uint32_t connect_timeout_ms = 10'000;
  /// The longest silence of a server that owes an answer; 0: no limit. A commit that waits for a lock is silent, too.
  uint32_t read_timeout_ms = 600'000;
  /// The user has set read_timeout_ms, so it applies whatever the server is doing.
  bool read_timeout_given = false;
  std::string application_name = "rapidbyte";

  /// "db.example.com:5432/shop": for messages.
  [[nodiscard]] std::string where() const;
};

/// Reads the connection's keys from `reader`; reader.finish() reports everything that is wrong at once. Keys: host,
/// port, user, password, database, schema, sslmode, ssl_root_cert, allow_weak_auth, connect_timeout_seconds,
/// read_timeout_seconds, application_name; url = postgres://user:password@host:port/database?sslmode=...&
/// connect_timeout=...&application_name=... (also postgresql://), percent-encoded. Unknown URL parameters are problems,
/// as is anything that the URL and a field both name.
ConnectionOptions read_connection_options(sdk::ConfigReader& reader);

/// Members of `properties` in a manifest's config_schema, for the keys above. A test of each connector compares them.
extern const std::string_view kConnectionSchema;

}  // namespace rapidbyte::postgres
