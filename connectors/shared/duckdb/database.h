#pragma once
// Database: a DuckDB database file that a guest opens, with one connection. The host holds DuckDB's lock on the file
// (manifest, "lock": "duckdb"); the guest has none. SQL passed to it is the connector's own: names and texts of others
// stand in it only quoted (sql_text.h). DuckDB's exceptions end here, as Status. Single-threaded, like all of a guest.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::duck {

struct DatabaseOptions {
  std::string path;
  /// Nothing is written, not even by replaying a write-ahead log, whose rows are there all the same.
  bool read_only = false;
  /// Of a file that is created: a version of DuckDB's that is to read it ("v1.0.0"); "latest". An existing file keeps
  /// its own.
  std::string storage_version = "latest";
};

/// The values of a row as DuckDB writes them as text; nullopt is null.
using TextRow = std::vector<std::optional<std::string>>;

/// A statement over the rows of a view. Lives no longer than the view.
class InputStatement {
 public:
  virtual ~InputStatement() = default;
  InputStatement(const InputStatement&) = delete;
  InputStatement& operator=(const InputStatement&) = delete;
  /// The rows of its result. Of an INSERT, a single one: how many rows there were.
  virtual sdk::Result<std::vector<TextRow>> run(Input& rows) = 0;

 protected:
  InputStatement() = default;
};

/// Rows of batches, as a temporary view that statements read. Lives no longer than its database.
class InputView {
 public:
  virtual ~InputView() = default;
  InputView(const InputView&) = delete;
  InputView& operator=(const InputView&) = delete;
  /// SQL.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// SQL_INVALID (config) for a statement that DuckDB does not accept.
  virtual sdk::Result<std::unique_ptr<InputStatement>> prepare(const std::string& sql) = 0;

 protected:
  InputView() = default;
};

/// A table or view of the database.
struct TableDescription {
  struct Column {
    std::string name;
    std::string type;  // DuckDB's name of it: "DECIMAL(12,2)"
    bool not_null = false;
    bool has_default = false;
    bool generated = false;
  };
  std::string name;  // as the database spells it
  bool is_view = false;
  std::vector<Column> columns;  // of a table
  std::vector<std::string> primary_key;
  /// The columns of each UNIQUE constraint, without the primary key.
  std::vector<std::vector<std::string>> unique_keys;
  bool has_checks = false;
  bool has_foreign_keys = false;
};

class Database {
 public:
  /// Opens or creates the file. An empty one counts as absent: it is what the host creates to lock it. NOT_A_DATABASE
  /// (config), DATABASE_CANNOT_OPEN, DATABASE_READ_ONLY (permission), DATABASE_CORRUPT (data), DATABASE_IO, DISK_FULL
  /// (transient-db).
  static sdk::Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  /// Whether there is a file at `path` that holds anything.
  static bool is_there(const std::string& path);

  virtual ~Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] virtual const std::string& path() const = 0;
  /// Bytes that DuckDB may use.
  virtual sdk::Status set_memory(uint64_t bytes) = 0;
  /// Runs one statement; `$1`, `$2` ... are `parameters`. Errors as of open(), and ROW_REFUSED (data) for a violated
  /// constraint, SQL_FAILED (data), SQL_OUT_OF_MEMORY, SQL_ENGINE_FAILED (internal). In a transaction, all but
  /// SQL_INVALID (config) leave nothing to do but to roll it back.
  virtual sdk::Result<std::vector<TextRow>> query(const std::string& sql,
                                                  const std::vector<std::optional<std::string>>& parameters) = 0;
  sdk::Result<std::vector<TextRow>> query(const std::string& sql) { return query(sql, {}); }
  sdk::Status execute(const std::string& sql) { return query(sql).status(); }
  /// SQL_INVALID (config) unless DuckDB accepts the statement, which is not run.
  virtual sdk::Status check(const std::string& sql) = 0;

  [[nodiscard]] virtual bool in_transaction() const = 0;
  /// Begins a transaction unless one is open.
  sdk::Status begin() { return in_transaction() ? sdk::Status() : execute("BEGIN TRANSACTION"); }
  /// Durable when it returns. DATABASE_REPLACED (data) when the file is no longer the one at the path: rows in it would
  /// be lost silently.
  virtual sdk::Status commit() = 0;
  virtual void rollback() = 0;
  /// DATABASE_REPLACED (data) unless the open file is the one at the path.
  [[nodiscard]] virtual sdk::Status check_in_place() const = 0;

  virtual sdk::Result<std::unique_ptr<InputView>> view(const sdk::Schema& rows) = 0;
  /// SQL_INVALID (config) unless `sql` is one expression.
  virtual sdk::Status check_expression(const std::string& sql) = 0;
  /// A SELECT whose result goes into batches. SQL_INVALID (config) says what is wrong; `shown`: the text belongs to the
  /// user, who knows its lines and columns.
  virtual sdk::Result<std::unique_ptr<Query>> select(const std::string& sql, bool shown) = 0;

  /// nullopt: there is no such table. Names match in any case of ASCII letters.
  virtual sdk::Result<std::optional<TableDescription>> describe(const std::string& name, const std::string& schema) = 0;
  sdk::Result<std::optional<TableDescription>> describe(const std::string& name) { return describe(name, "main"); }
  /// The statement that creates a table like `table`, with its constraints and defaults, under another name.
  virtual sdk::Result<std::string> create_like(const std::string& table, const std::string& name) = 0;
  /// DuckDB's name of the type that `sql` writes in some way.
  virtual sdk::Result<std::string> type_name(const std::string& sql) = 0;
  /// Whether versions of DuckDB before 2.0 can read the file.
  [[nodiscard]] virtual bool is_for_older_versions() const = 0;

  /// Moves the write-ahead log into the file, if it can, and closes it. What was committed is there either way.
  virtual void close() = 0;

 protected:
  Database() = default;
};

}  // namespace rapidbyte::duck
