#pragma once
// Shared by the tests of the SQLite backend: its file, opened and inspected from outside, and other processes.

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "rapidbyte/state/sqlite/sqlite_state_backend.h"

namespace rapidbyte::state {

inline std::unique_ptr<StateBackend> open_ok(const std::filesystem::path& path) {
  auto opened = open_sqlite_state(path);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return opened.ok() ? std::move(*opened) : nullptr;
}

/// A lease of pipeline p.
inline std::unique_ptr<Lease> writer(StateBackend& state) {
  auto lease = state.acquire_lease("p", "the run of the test");
  EXPECT_TRUE(lease.ok()) << lease.status().to_string();
  return lease.ok() ? std::move(*lease) : nullptr;
}

inline void run_sql(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message == nullptr ? "" : message);
  sqlite3_free(message);
  sqlite3_close(db);
}

inline int64_t query(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* db = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const int64_t out = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return out;
}

/// A process that runs `body` and then waits to be killed.
class Child {
 public:
  explicit Child(const std::function<bool()>& body) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const char answer = body() ? 'y' : 'n';
      [[maybe_unused]] const ssize_t n = ::write(ready[1], &answer, 1);
      while (true) ::pause();
    }
    char answer = 'n';
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// The objects of a process that holds pipeline p in the state `file`: both must outlive the process.
struct Holder {
  std::unique_ptr<StateBackend> state;
  std::unique_ptr<Lease> lease;

  /// For Child: whether it now holds the pipeline.
  bool take(const std::filesystem::path& file) {
    auto opened = open_sqlite_state(file);
    if (!opened.ok()) return false;
    state = std::move(*opened);
    auto taken = state->acquire_lease("p", "run-of-child");
    if (!taken.ok()) return false;
    lease = std::move(*taken);
    return true;
  }
};

}  // namespace rapidbyte::state
