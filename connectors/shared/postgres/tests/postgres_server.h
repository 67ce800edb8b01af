#pragma once
// PostgresServer: a private PostgreSQL for tests. Loopback only, a free port, a folder of its own under the temporary
// folder, SCRAM and TLS on, with a certificate authority of its own. Started once per test program by shared(); as
// root the server runs as another user, because PostgreSQL refuses root. Where no PostgreSQL 15 is installed,
// installed() is false: tests skip with RB_REQUIRE_POSTGRES().

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection_options.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::postgres::testing {

struct ServerSettings {
  /// Lines for pg_hba.conf, above the default "everybody from loopback by scram-sha-256".
  std::vector<std::string> hba;
  /// Lines for postgresql.conf.
  std::vector<std::string> config;
};

class PostgresServer {
 public:
  /// The one of this program: started at the first call, stopped at exit.
  static PostgresServer& shared();
  static bool installed();

  /// Makes a cluster and starts it; ends the program with the server's log when that fails.
  explicit PostgresServer(const ServerSettings& settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  /// The superuser's name and password; its database has the name kDatabase.
  static constexpr std::string_view kUser = "rb_admin";
  static constexpr std::string_view kPassword = "canary-Pa55word";
  static constexpr std::string_view kDatabase = "rb_test";

  /// Options for the superuser, without TLS.
  [[nodiscard]] ConnectionOptions options() const;
  /// The same as a connector's config: host, port, user, password, database, sslmode disable.
  [[nodiscard]] sdk::Json config() const;
  /// PEM of the authority that signed the server's certificate (which is for "localhost", not for 127.0.0.1), and of
  /// another one.
  [[nodiscard]] const std::string& ca_pem() const { return ca_pem_; }
  [[nodiscard]] const std::string& other_ca_pem() const { return other_ca_pem_; }

  /// Runs SQL by psql as the superuser, outside the code under test; the output unaligned, tuples only, tab-separated.
  /// A failure fails the test with psql's message.
  std::string sql(std::string_view text, std::string_view database = kDatabase) const;
  /// Makes an empty database and gives its name.
  std::string make_database() const;

  /// Stops ("fast" ends sessions, "immediate" is a crash) and starts again, on the same port.
  void stop(std::string_view mode = "fast");
  void start();
  void restart(std::string_view mode = "fast") {
    stop(mode);
    start();
  }
  /// Ends one backend: pg_terminate_backend.
  void terminate_backend(uint32_t pid) const;
  /// Kills the backend with SIGKILL, which makes the server restart all its processes.
  void kill_backend(uint32_t pid) const;
  [[nodiscard]] std::string log() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  uint16_t port_ = 0;
  std::string ca_pem_;
  std::string other_ca_pem_;
  bool running_ = false;
};

}  // namespace rapidbyte::postgres::testing

/// Skips the test where PostgreSQL is not installed.
#define RB_REQUIRE_POSTGRES()                                                  \
  do {                                                                         \
    if (!::rapidbyte::postgres::testing::PostgresServer::installed()) {        \
      GTEST_SKIP() << "PostgreSQL 15 is not installed (Debian: postgresql-15)"; \
    }                                                                          \
  } while (false)
