#include "postgres/tests/postgres_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace rapidbyte::postgres::testing {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kStartLimit{60};

/// The folder with initdb, postgres and psql; empty when there is none.
fs::path find_binaries() {
  std::vector<fs::path> folders = {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/17/bin",
                                   "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/14/bin"};
  const char* const path_text = std::getenv("PATH");
  std::istringstream path(path_text == nullptr ? "" : path_text);
  for (std::string folder; std::getline(path, folder, ':');) folders.emplace_back(folder);
  for (const fs::path& folder : folders) {
    const auto has = [&](const char* name) { return ::access((folder / name).c_str(), X_OK) == 0; };
    if (has("initdb") && has("postgres") && has("psql")) return folder;
  }
  return {};
}

const fs::path& binaries() {
  static const fs::path folder = find_binaries();
  return folder;
}

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

std::optional<RunAs> server_owner() {
  if (::geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = ::getpwnam(name)) return RunAs{entry->pw_uid, entry->pw_gid};
  }
  return std::nullopt;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

bool PostgresServer::installed() { return !binaries().empty(); }

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

PostgresServer::PostgresServer(ServerSettings settings)
    : settings_(std::move(settings)), owner_(server_owner()), port_(free_port()) {
  make_cluster();
  start();
  check(run_process({binaries() / "psql", "-X", "-q", "-h", folder_, "-p", std::to_string(port_), "-U",
                     std::string(kUser), "-d", "postgres", "-c", "CREATE DATABASE " + std::string(kDatabase)}),
        "CREATE DATABASE");
}

PostgresServer::~PostgresServer() {
  stop("immediate");
  std::error_code ignored;
  if (const char* const logs = std::getenv("RAPIDBYTE_TEST_SERVER_LOGS")) {
    fs::copy_file(folder_ / "server.log", fs::path(logs) / (folder_.filename().string() + ".log"), ignored);
  }
  fs::remove_all(folder_, ignored);
}

void PostgresServer::give_up(std::string_view what) const {
  std::fprintf(stderr, "The test server: %.*s\n%s\n", static_cast<int>(what.size()), what.data(), log().c_str());
  std::abort();
}

void PostgresServer::check(const ProcessResult& result, std::string_view what) const {
  if (result.exit_code != 0) give_up(std::string(what) + " failed: " + result.output);
}

void PostgresServer::make_cluster() {
  std::string name = (fs::temp_directory_path() / "rapidbyte-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) give_up("mkdtemp failed");
  folder_ = name;
  make_certificates();
  std::ofstream(folder_ / "password") << kPassword << '\n';
  if (owner_) {
    (void)::chown(folder_.c_str(), owner_->user, owner_->group);
    for (const auto& entry : fs::directory_iterator(folder_)) {
      (void)::chown(entry.path().c_str(), owner_->user, owner_->group);
    }
  }
  check(run_process(
            {binaries() / "initdb", "--no-sync", "--no-instructions", "-D", folder_ / "data", "-U", std::string(kUser),
             "-A", "scram-sha-256", "--pwfile=" + (folder_ / "password").string(), "--locale=C.UTF-8", "-E", "UTF8"},
            {.folder = folder_, .run_as = owner_, .environment = {}}),
        "initdb");
  write_hba(settings_.hba);
}

void PostgresServer::make_certificates() const {
  std::ofstream(folder_ / "names") << "subjectAltName = DNS:localhost\n";
  const auto openssl = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    check(run_process(arguments, {.folder = folder_, .run_as = std::nullopt, .environment = {}}), "openssl");
  };
  const auto authority = [&](const std::string& file) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             file + ".key", "-out", file + ".crt", "-days", "2", "-subj", "/CN=Test authority " + file});
  };
  authority("ca");
  authority("other");
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.key",
           "-out", "server.csr", "-subj", "/CN=localhost"});
  openssl({"x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
           "-extfile", "names", "-out", "server.crt"});
  fs::permissions(folder_ / "server.key", fs::perms::owner_read | fs::perms::owner_write);
}

void PostgresServer::write_hba(const std::vector<std::string>& lines) const {
  std::ofstream file(folder_ / "data" / "pg_hba.conf");
  file << "local all all trust\n";
  for (const std::string& line : lines) file << line << '\n';
  file << "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";
}

void PostgresServer::set_hba(const std::vector<std::string>& lines) {
  write_hba(lines);
  sql("SELECT pg_reload_conf()");
  // The postmaster reads it when it sees the signal: until then logins follow the old file.
  for (int i = 0; i < 500; ++i) {
    const std::string loaded = sql("SELECT pg_conf_load_time() > now() - interval '10 seconds'");
    if (loaded == "t") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

void PostgresServer::start() {
  std::vector<std::string> command = {binaries() / "postgres", "-D", folder_ / "data", "-p", std::to_string(port_)};
  std::vector<std::string> settings = {"unix_socket_directories=" + folder_.string(),
                                       "listen_addresses=127.0.0.1",
                                       "ssl=on",
                                       "ssl_cert_file=" + (folder_ / "server.crt").string(),
                                       "ssl_key_file=" + (folder_ / "server.key").string(),
                                       "password_encryption=scram-sha-256",
                                       "lc_messages=C",
                                       "fsync=off",
                                       "full_page_writes=off"};
  settings.insert(settings.end(), settings_.config.begin(), settings_.config.end());
  // For tests/e2e/sql_statements.py, which looks at every statement afterwards.
  if (std::getenv("RAPIDBYTE_TEST_SERVER_LOGS") != nullptr) {
    settings.insert(settings.end(), {"log_statement=all", "log_line_prefix=@@%a@%c@ ", "log_parameter_max_length=0"});
  }
  for (const std::string& setting : settings) command.insert(command.end(), {"-c", setting});
  pid_ = start_process(command, folder_ / "server.log", {.folder = folder_, .run_as = owner_, .environment = {}});
  if (!wait_until_ready()) give_up("it does not start");
}

/// The postmaster writes "ready" into the eighth line of its file when it takes connections.
bool PostgresServer::wait_until_ready() const {
  const auto until = std::chrono::steady_clock::now() + kStartLimit;
  while (std::chrono::steady_clock::now() < until) {
    std::istringstream lines(read_file(folder_ / "data" / "postmaster.pid"));
    std::string line;
    std::string pid;
    for (int i = 0; i < 8 && std::getline(lines, line); ++i) {
      if (i == 0) pid = line;
    }
    if (pid == std::to_string(pid_) && line.starts_with("ready")) return true;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void PostgresServer::stop(std::string_view mode) {
  if (pid_ <= 0) return;
  ::kill(pid_, mode == "fast" ? SIGINT : mode == "smart" ? SIGTERM : SIGQUIT);
  (void)::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void PostgresServer::terminate_backend(uint32_t pid) const {
  sql("SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
}

void PostgresServer::kill_backend(uint32_t pid) const {
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  const auto until = std::chrono::steady_clock::now() + kStartLimit;
  while (std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const ProcessResult result =
        run_process({binaries() / "psql", "-X", "-q", "-h", folder_, "-p", std::to_string(port_), "-U",
                     std::string(kUser), "-d", "postgres", "-c", "SELECT 1"});
    if (result.exit_code == 0) return;
  }
  give_up("it does not come back after a backend was killed");
}

ConnectionOptions PostgresServer::options() const {
  ConnectionOptions out;
  out.host = "127.0.0.1";
  out.port = port_;
  out.user = kUser;
  out.password = kPassword;
  out.database = kDatabase;
  out.ssl_mode = SslMode::kDisable;
  // Of the test, which is not the connector.
  out.application_name = "test";
  return out;
}

sdk::Json PostgresServer::config() const {
  return {{"host", "127.0.0.1"},
          {"port", port_},
          {"user", std::string(kUser)},
          {"password", std::string(kPassword)},
          {"database", std::string(kDatabase)},
          {"sslmode", "disable"}};
}

std::string PostgresServer::ca_pem() const { return read_file(folder_ / "ca.crt"); }
std::string PostgresServer::other_ca_pem() const { return read_file(folder_ / "other.crt"); }
std::string PostgresServer::log() const { return read_file(folder_ / "server.log"); }

std::string PostgresServer::sql(std::string_view text, std::string_view database) const {
  // By a file, because an argument has at most 128 KiB.
  const fs::path script = folder_ / ("script-" + std::to_string(::getpid()) + ".sql");
  std::ofstream(script) << text;
  const ProcessResult result =
      run_process({binaries() / "psql",
                   "-X",
                   "-q",
                   "-A",
                   "-t",
                   "-F",
                   "\t",
                   "-P",
                   "null=\\N",
                   "-v",
                   "ON_ERROR_STOP=1",
                   "-h",
                   folder_,
                   "-p",
                   std::to_string(port_),
                   "-U",
                   std::string(kUser),
                   "-d",
                   std::string(database),
                   "-f",
                   script},
                  {.folder = {}, .run_as = std::nullopt, .environment = {"PGCLIENTENCODING=UTF8"}});
  EXPECT_EQ(result.exit_code, 0) << text.substr(0, 1000) << '\n' << result.output;
  std::string out = result.output;
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string PostgresServer::make_database() const {
  static std::atomic<int> next = 0;
  std::string name = "rb_test_" + std::to_string(++next);
  sql("CREATE DATABASE " + name);
  return name;
}

}  // namespace rapidbyte::postgres::testing
