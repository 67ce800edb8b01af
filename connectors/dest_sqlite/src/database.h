#pragma once
// Database and Statement: SQLite's C API with owners and with errors that say what to do. A Database is one file,
// opened on first use; a Statement belongs to the Database that prepared it and must not outlive it. One thread.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_sqlite {

using sdk::Result;
using sdk::Status;

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

/// One prepared statement. Parameters are numbered from 1, columns from 0; texts are bound without a copy.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

  [[nodiscard]] sqlite3_stmt* handle() const { return handle_.get(); }
  void bind(int index, std::string_view text);
  void bind(int index, int64_t value) { sqlite3_bind_int64(handle_.get(), index, value); }
  void bind_null(int index) { sqlite3_bind_null(handle_.get(), index); }

  /// True: there is a row; false: done. On an error see Database::error().
  Result<bool> step();
  void reset() { sqlite3_reset(handle_.get()); }

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::string> maybe_text(int column) const;
  [[nodiscard]] int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

 private:
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> handle_;
};

class Database {
 public:
  /// Nothing is opened or created before open() or open_existing().
  explicit Database(std::string path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Opens the file, creating it when it is absent; rolls back what a killed run left. Errors: DATABASE_PATH,
  /// DATABASE_READ_ONLY, NOT_A_DATABASE, DATABASE_CANNOT_OPEN, DISK_FULL ... When it is already open,
  /// DATABASE_REPLACED.
  Status open();
  /// As open(), but leaves an absent or empty file alone: false.
  Result<bool> open_existing();
  /// Closes the file; an open transaction is rolled back.
  Status close();
  [[nodiscard]] bool is_open() const { return handle_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] sqlite3* handle() const { return handle_; }

  /// Runs statements without parameters and results.
  Status exec(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  /// Prepares a statement that is used many times.
  Result<Statement> prepare_persistent(const std::string& sql);

  [[nodiscard]] bool in_transaction() const { return handle_ != nullptr && sqlite3_get_autocommit(handle_) == 0; }
  /// Begins a transaction unless one is open.
  Status begin();
  /// LOAD_ROLLED_BACK (data) when something has already undone the transaction. DATABASE_REPLACED (data) when the file
  /// is no longer the one at the path: rows in it would be lost silently.
  Status commit();
  void rollback();

  /// How many transactions have changed the file, by its header (SQLite's file format, 1.3.4); 0 for a new one.
  [[nodiscard]] int64_t change_counter() const;
  /// The same as of the beginning of the open transaction.
  [[nodiscard]] int64_t change_counter_at_begin() const { return change_counter_at_begin_; }
  [[nodiscard]] bool is_wal() const { return is_wal_; }

  /// The last error as a Status. `doing` completes "while ...".
  [[nodiscard]] Status error(std::string_view doing) const;
  /// The same for a result code that no connection knows about.
  [[nodiscard]] Status error_of(int code, std::string_view message, std::string_view doing) const;

 private:
  Status open_file();
  /// DATABASE_REPLACED unless the open file is the one at the path.
  [[nodiscard]] Status check_in_place() const;

  std::string path_;
  sqlite3* handle_ = nullptr;
  bool is_wal_ = false;
  int64_t change_counter_at_begin_ = 0;
};

using table::quote_name;
/// 'text' with quotes, as an SQL literal.
std::string quote_text(std::string_view text);

}  // namespace rapidbyte::dest_sqlite
