#pragma once
// SqliteConnection and SqliteStatement: RAII over SQLite's C interface, with its error codes turned into STATE_BACKEND
// errors that say what to do. Private to the SQLite state backend; not thread safe, the backend holds a mutex around
// it.

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::state {

/// One prepared statement. Texts that are bound must live until the statement has been stepped.
class SqliteStatement {
 public:
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement();

  SqliteStatement& bind(std::string_view text);
  SqliteStatement& bind(int64_t number);
  SqliteStatement& bind_null();
  /// True when there is a row.
  [[nodiscard]] Result<bool> step();
  /// Steps to the end, for statements without rows.
  [[nodiscard]] Status run();

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] int64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class SqliteConnection;
  SqliteStatement(class SqliteConnection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  class SqliteConnection& connection_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int bind_error_ = SQLITE_OK;
};

class SqliteConnection {
 public:
  SqliteConnection(sqlite3* handle, std::filesystem::path file) : handle_(handle), file_(std::move(file)) {}
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection();

  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);
  /// Runs statements that return nothing.
  [[nodiscard]] Status execute(const std::string& sql);
  /// The first column of the first row of a query; an empty text when there is no row.
  [[nodiscard]] Result<std::string> query_text(std::string_view sql);
  [[nodiscard]] Result<int64_t> query_number(std::string_view sql);
  /// Runs `body` in a transaction that holds the write lock from its beginning; rolls back when it fails.
  [[nodiscard]] Status in_transaction(const std::function<Status()>& body);
  [[nodiscard]] int64_t changed_rows() const { return sqlite3_changes64(handle_); }
  /// SQLite silently opens a file that it may not write as read-only.
  [[nodiscard]] bool is_read_only() const { return sqlite3_db_readonly(handle_, "main") != 0; }
  /// Whether the path that was opened no longer leads to the open file: it was moved, replaced or deleted.
  [[nodiscard]] bool has_moved() const;
  /// STATE_BACKEND for the SQLite result code `code`.
  [[nodiscard]] Status error(int code) const;
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  sqlite3* handle_;
  std::filesystem::path file_;
};

/// STATE_BACKEND for a result code, with advice; `detail` is SQLite's own message.
[[nodiscard]] Status sqlite_state_error(const std::filesystem::path& file, int code, std::string_view detail);

}  // namespace rapidbyte::state
