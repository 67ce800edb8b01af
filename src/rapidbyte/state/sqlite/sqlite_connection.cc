#include "rapidbyte/state/sqlite/sqlite_connection.h"

#include <fmt/format.h>

#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::state {

Status sqlite_state_error(const std::filesystem::path& file, int code, std::string_view detail) {
  std::string_view advice = "Run again; if it happens again, report it";
  bool busy = false;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      busy = true;
      advice = "Another program holds the file; wait for it or stop it, then run again";
      break;
    case SQLITE_CORRUPT:
      advice =
          "The file is damaged. Restore it from a backup, or move it away: the next run then starts without cursors "
          "and reads everything again";
      break;
    case SQLITE_NOTADB:
      advice = "This is not a state file of Rapidbyte. Check state.connection in the pipeline, or move the file away";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: advice = "Make the file and its folder writable, or set state.connection to another place"; break;
    case SQLITE_CANTOPEN:
      advice = "Check that the folder exists and that you can write to it, or set state.connection to another place";
      break;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOLFS:
      advice =
          "Check the disk: it is full, gone or failing, or the state has grown to its limit, 1 GiB. Free space (or "
          "take "
          "what is not needed out of the state with rapidbyte state reset), then run again; nothing that was recorded "
          "is lost";
      break;
    case SQLITE_NOMEM: advice = "The machine is out of memory"; break;
    default: break;
  }
  std::string message = fmt::format("state file {}: {} (SQLite code {}). {}", file.string(), detail, code, advice);
  if (busy) return make_retryable_error(ErrorCategory::kTransientDb, codes::kStateBackend, std::move(message));
  return internal_error(codes::kStateBackend, std::move(message));
}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_(other.next_),
      bind_error_(other.bind_error_) {}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::bind(std::string_view text) {
  // A null pointer would bind NULL; an empty view may have one.
  const char* data = text.data() == nullptr ? "" : text.data();
  const int rc = sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int64_t number) {
  const int rc = sqlite3_bind_int64(statement_, next_++, number);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

SqliteStatement& SqliteStatement::bind_null() {
  const int rc = sqlite3_bind_null(statement_, next_++);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (bind_error_ != SQLITE_OK) return connection_.error(bind_error_);
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return connection_.error(rc);
}

Status SqliteStatement::run() {
  while (true) {
    RB_ASSIGN_OR_RETURN(const bool row, step());
    if (!row) return {};
  }
}

std::string SqliteStatement::text(int column) const { return optional_text(column).value_or(std::string()); }

std::optional<std::string> SqliteStatement::optional_text(int column) const {
  const void* data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

int64_t SqliteStatement::number(int column) const { return sqlite3_column_int64(statement_, column); }

bool SqliteStatement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

SqliteConnection::~SqliteConnection() { sqlite3_close_v2(handle_); }

Status SqliteConnection::error(int code) const { return sqlite_state_error(file_, code, sqlite3_errmsg(handle_)); }

bool SqliteConnection::has_moved() const {
  int moved = 0;
  return sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

Result<SqliteStatement> SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int rc = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (rc != SQLITE_OK) return error(rc);
  return SqliteStatement(*this, statement);
}

Status SqliteConnection::execute(const std::string& sql) {
  const int rc = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? Status() : error(rc);
}

Result<std::string> SqliteConnection::query_text(std::string_view sql) {
  RB_ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql));
  RB_ASSIGN_OR_RETURN(const bool row, statement.step());
  return row ? statement.text(0) : std::string();
}

Result<int64_t> SqliteConnection::query_number(std::string_view sql) {
  RB_ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql));
  RB_ASSIGN_OR_RETURN(const bool row, statement.step());
  return row ? statement.number(0) : int64_t{0};
}

Status SqliteConnection::in_transaction(const std::function<Status()>& body) {
  RB_RETURN_NOT_OK(execute("BEGIN IMMEDIATE"));
  Status status = body();
  // SQLite rolls back a transaction by itself when the disk is full or fails; a COMMIT would then only say that there
  // is none.
  if (status.ok() && sqlite3_get_autocommit(handle_) != 0)
    status = sqlite_state_error(file_, SQLITE_FULL, "the transaction was rolled back");
  if (status.ok()) status = execute("COMMIT");
  // After some errors SQLite has already rolled back; then there is nothing to do.
  if (!status.ok() && sqlite3_get_autocommit(handle_) == 0)
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

}  // namespace rapidbyte::state
