#include "src/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "rapidbyte/protocol/error_codes.h"
#include "src/file_system.h"

namespace rapidbyte::dest_sqlite {
namespace {

// 16 MiB of pages: appends need few, and upserts find the upper levels of their index there. It also bounds memory.
constexpr const char* kCacheSize = "PRAGMA cache_size=-16384;";
// For a database that we create: loads are a tenth faster than with SQLite's 4 KiB; with 16 KiB, upserts into large
// indexes are a third slower (measured), as fewer of their pages fit into the cache.
constexpr const char* kPageSize = "PRAGMA page_size=8192;";

// A journal larger than a mebibyte is truncated after a commit, so that it does not occupy the space for the rest of
// the run.
constexpr const char* kJournal = "PRAGMA journal_mode=PERSIST;PRAGMA journal_size_limit=1048576;";

struct FileFacts {
  bool exists = false;
  bool empty = true;
  bool wal = false;
};

// Bytes 18 and 19 of the file header are 2 in WAL mode (SQLite's file format, 1.3.3).
bool header_says_wal(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  unsigned char header[20] = {};
  const bool whole = pread(fd, header, sizeof(header), 0) == static_cast<ssize_t>(sizeof(header));
  close(fd);
  return whole && header[18] == 2 && header[19] == 2;
}

// Whether there is a journal without a transaction in it: empty, or with its header overwritten by zeros in a commit.
// One with content is needed by whoever opens the database next.
bool holds_nothing(const std::string& journal) {
  const int fd = open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  struct stat info;
  const bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  unsigned char header[8] = {};
  const ssize_t length = regular ? pread(fd, header, sizeof(header), 0) : -1;
  close(fd);
  return length >= 0 && std::all_of(header, header + sizeof(header), [](unsigned char byte) { return byte == 0; });
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Result<FileFacts> look_at(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) {
      if (stat(folder_of(path).c_str(), &info) != 0) {
        return sdk::config_error(codes::kDatabasePath,
                                 "the folder of the database does not exist: " + folder_of(path) +
                                     ". Create it, or change `path` in the destination's config.");
      }
      return FileFacts{};
    }
    return sdk::config_error(codes::kDatabasePath,
                             "cannot look at " + path + " (error " + std::to_string(errno) +
                                 "). Check `path` in the destination's config and the folder's rights.");
  }
  if (S_ISLNK(info.st_mode)) {
    return sdk::config_error(codes::kDatabasePath,
                             path +
                                 " is a symbolic link. Give the database's own path: SQLite's journal "
                                 "must lie beside the file itself, or other programs miss it.");
  }
  if (!S_ISREG(info.st_mode)) {
    return sdk::config_error(codes::kDatabasePath,
                             path +
                                 " is a folder or a device, not a file. Give the path of a database "
                                 "file, for example " +
                                 path + "/data.db.");
  }
  return FileFacts{.exists = true, .empty = info.st_size == 0, .wal = header_says_wal(path)};
}

}  // namespace

std::string quote_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out += '\'';
}

void Statement::bind(int index, std::string_view text) {
  // A null pointer would mean NULL, not an empty text.
  sqlite3_bind_text64(handle_.get(), index, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

Result<bool> Statement::step() {
  const int rc = sqlite3_step(handle_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return sdk::internal_error("SQLITE", sqlite3_errmsg(sqlite3_db_handle(handle_.get())));
}

std::string Statement::text(int column) const { return maybe_text(column).value_or(std::string()); }

std::optional<std::string> Statement::maybe_text(int column) const {
  if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return std::string(data == nullptr ? "" : data, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

Database::Database(std::string path) : path_(std::move(path)) {}

Database::~Database() {
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

Status Database::open_file() {
  RB_SDK_ASSIGN_OR_RETURN(const FileFacts facts, look_at(path_));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
  const int rc = sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr);
  if (rc != SQLITE_OK) {
    Status status = error_of(rc, handle_ != nullptr ? sqlite3_errmsg(handle_) : "", "opening it");
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
    return status;
  }
  if (sqlite3_db_readonly(handle_, "main") == 1)
    return error_of(SQLITE_READONLY, "the file is not writable", "opening it");
  is_wal_ = facts.wal;
  std::string setup;
  if (facts.empty) setup += kPageSize;
  // Without shared memory this is the only way for SQLite to read a database in WAL mode. Its journal mode stays as it
  // is. Otherwise a commit overwrites the journal's header instead of deleting the file: WASI cannot sync a folder, and
  // a deleted journal that reappears after a power failure would undo the commit. Truncating it would do, too, but a
  // file whose length changes with each commit takes a quarter longer to sync (measured, ext4).
  setup += facts.wal ? "PRAGMA locking_mode=EXCLUSIVE;" : kJournal;
  setup += kCacheSize;
  // A commit that was reported must survive a power failure: the source moves on after it.
  setup += "PRAGMA synchronous=FULL;";
  // The first read rolls back what a killed run left, and finds out whether this is a database at all.
  setup += "SELECT count(*) FROM sqlite_schema";
  if (sqlite3_exec(handle_, setup.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("opening it");
}

Status Database::check_in_place() const {
  if (is_in_place(handle_)) return {};
  return sdk::data_error(codes::kDatabaseReplaced,
                         "database " + path_ +
                             " was removed, or replaced by another file, while it was loaded. What was written went "
                             "into the former file. Find out which program did it, bring the former file back or "
                             "load everything again, and let no program replace the file during a run.");
}

Status Database::open() {
  if (is_open()) return check_in_place();
  Status status = open_file();
  if (!status.ok()) {
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
  }
  return status;
}

Result<bool> Database::open_existing() {
  if (is_open()) {
    RB_SDK_RETURN_NOT_OK(check_in_place());
    return true;
  }
  RB_SDK_ASSIGN_OR_RETURN(const FileFacts facts, look_at(path_));
  if (facts.empty) return false;
  RB_SDK_RETURN_NOT_OK(open());
  return true;
}

Status Database::close() {
  if (!is_open()) return {};
  rollback();
  const int rc = sqlite3_close(handle_);
  if (rc != SQLITE_OK) {
    Status status = error("closing it");
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
    return status;
  }
  handle_ = nullptr;
  const std::string journal = path_ + "-journal";
  if (holds_nothing(journal)) unlink(journal.c_str());
  return {};
}

Status Database::exec(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("running " + sql.substr(0, 200));
}

Result<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), 0, &statement, nullptr) != SQLITE_OK) {
    return error("preparing " + sql.substr(0, 200));
  }
  return Statement(statement);
}

Result<Statement> Database::prepare_persistent(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int rc = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                    &statement, nullptr);
  if (rc != SQLITE_OK) return error("preparing " + sql.substr(0, 200));
  return Statement(statement);
}

Status Database::begin() {
  if (in_transaction()) return {};
  RB_SDK_RETURN_NOT_OK(exec("BEGIN IMMEDIATE"));
  change_counter_at_begin_ = change_counter();
  return {};
}

Status Database::commit() {
  if (in_transaction()) {
    RB_SDK_RETURN_NOT_OK(check_in_place());
    return exec("COMMIT");
  }
  return sdk::data_error(codes::kLoadRolledBack,
                         "database " + path_ +
                             ": the transaction was undone before it could be committed. Nothing "
                             "uncommitted was kept; run again.");
}

int64_t Database::change_counter() const {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  unsigned char bytes[4] = {};
  const bool whole = pread(fd, bytes, sizeof(bytes), 24) == static_cast<ssize_t>(sizeof(bytes));
  ::close(fd);
  if (!whole) return 0;
  return int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 | int64_t{bytes[2]} << 8 | int64_t{bytes[3]};
}

void Database::rollback() {
  // Some errors (a full disk) have already rolled back; then there is nothing to do.
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Status Database::error(std::string_view doing) const {
  return error_of(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_), doing);
}

Status Database::error_of(int code, std::string_view message, std::string_view doing) const {
  const std::string what = "database " + path_ + ": " + std::string(message) + " (SQLite code " + std::to_string(code) +
                           ", while " + std::string(doing) + "). ";
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return sdk::config_error(codes::kNotADatabase, what +
                                                         "The file is not an SQLite database, or it is encrypted. Give "
                                                         "another `path`, or move the file away.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return sdk::permission_error(
          codes::kDatabaseReadOnly,
          what + "Make the file and its folder (for SQLite's journal) writable for this user.");
    case SQLITE_CANTOPEN:
      return sdk::permission_error(codes::kDatabaseCannotOpen,
                                   what + "Check that the file and its folder can be read and written by this user.");
    case SQLITE_FULL: {
      Status status = sdk::transient_db_error(
          codes::kDiskFull,
          what + "The disk (or quota) is full. Nothing uncommitted was kept; free space and run again.");
      status.error().retryable = false;
      return status;
    }
    case SQLITE_IOERR:
      return sdk::transient_db_error(codes::kDatabaseIo,
                                     what + "The operating system refused a read or write; check the disk.");
    case SQLITE_CORRUPT:
      return sdk::data_error(codes::kDatabaseCorrupt,
                             what + "Run `PRAGMA integrity_check` on it and restore it from a backup.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return sdk::transient_db_error(codes::kDatabaseLocked,
                                     what + "Another program uses the database; end it and run again.");
    case SQLITE_NOMEM:
      return sdk::internal_error(codes::kOutOfMemory, what + "Raise resources.max_memory of the pipeline.");
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return sdk::data_error(codes::kRowRefused, what);
    default: return sdk::internal_error(codes::kSqliteError, what);
  }
}

}  // namespace rapidbyte::dest_sqlite
