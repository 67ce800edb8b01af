#pragma once
// PostgresServer: a private PostgreSQL for tests. Loopback only, a free port, its own folder under the temporary
// folder, SCRAM and TLS on, with its own certificate authority. Started once per test program by shared(); as root the
// server runs as another user, because PostgreSQL refuses root. It ends with the program, however that ends. Where no
// PostgreSQL is installed, installed() is false: tests skip with RB_REQUIRE_POSTGRES().
//
// CMake: rb_postgres_test(<name> SOURCES ... DEPS ...) makes a test program of which ctest runs all tests in one
// process, so that they share one server.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection_options.h"
#include "postgres/tests/child_process.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::postgres::testing {

struct ServerSettings {
  /// Lines for pg_hba.conf, above "everybody from loopback by scram-sha-256".
  std::vector<std::string> hba;
  /// Settings of postgresql.conf, "name=value".
  std::vector<std::string> config;
};

class PostgresServer {
 public:
  /// The superuser and its password, and the database that the tests use.
  static constexpr std::string_view kUser = "rb_admin";
  static constexpr std::string_view kPassword = "canary-Pa55word";
  static constexpr std::string_view kDatabase = "rb_test";

  /// The one of this program: started at the first call, stopped at exit.
  static PostgresServer& shared();
  static bool installed();

  /// Creates a cluster and starts it; ends the program with the server's log when that fails. fsync is off: these tests
  /// crash servers, not machines.
  explicit PostgresServer(ServerSettings settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  /// Options for the superuser, without TLS.
  [[nodiscard]] ConnectionOptions options() const;
  /// The same as a connector's config: host, port, user, password, database, sslmode disable.
  [[nodiscard]] sdk::Json config() const;
  /// PEM of the authority that signed the server's certificate (which is for "localhost", not for 127.0.0.1), and of
  /// another one that signed nothing.
  [[nodiscard]] std::string ca_pem() const;
  [[nodiscard]] std::string other_ca_pem() const;

  /// Runs statements by psql as the superuser, each its own transaction, outside the code under test: rows as lines,
  /// columns separated by tabs, NULL as "\N", without a line end at the end. A failure fails the test with psql's
  /// message.
  std::string sql(std::string_view text, std::string_view database = kDatabase) const;
  /// Creates an empty database with a new name and returns the name.
  std::string make_database() const;

  /// Stops: "smart", "fast" (ends sessions) or "immediate" (as a crash). start() takes the same port again.
  void stop(std::string_view mode = "fast");
  void start();
  void restart(std::string_view mode = "fast") {
    stop(mode);
    start();
  }
  /// Ends one backend: pg_terminate_backend.
  void terminate_backend(uint32_t pid) const;
  /// Kills the backend with SIGKILL; the server then restarts all its processes. Waits until it is up again.
  void kill_backend(uint32_t pid) const;
  /// Writes these lines above the default ones of pg_hba.conf, and waits until they take effect.
  void set_hba(const std::vector<std::string>& lines);
  [[nodiscard]] std::string log() const;
  /// Of the postmaster.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  void make_cluster();
  void make_certificates() const;
  void write_hba(const std::vector<std::string>& lines) const;
  bool wait_until_ready() const;
  void check(const ProcessResult& result, std::string_view what) const;
  [[noreturn]] void give_up(std::string_view what) const;

  ServerSettings settings_;
  std::filesystem::path folder_;
  std::optional<RunAs> owner_;
  uint16_t port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace rapidbyte::postgres::testing

/// Skips the test where PostgreSQL is not installed.
#define RB_REQUIRE_POSTGRES()                                                \
  do {                                                                       \
    if (!::rapidbyte::postgres::testing::PostgresServer::installed()) {      \
      GTEST_SKIP() << "PostgreSQL is not installed (Debian: postgresql-15)"; \
    }                                                                        \
  } while (false)
