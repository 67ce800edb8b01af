#include "rapidbyte/state/sqlite/sqlite_state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/state/sqlite/sqlite_state_backend.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;

// "RBST": distinguishes our files from those of other programs.
constexpr int64_t kApplicationId = 0x52425354;
// Other processes hold the write lock only for one small transaction; after ten seconds something is wrong.
constexpr int kBusyTimeoutMs = 10'000;
// A file up to this size is checked for damage when it is opened; that takes under 10 ms.
constexpr uintmax_t kCheckedBytes = uintmax_t{4} << 20U;

// Each entry migrates the file by one version. Entries are never changed once released; a new version is a new entry.
constexpr std::array<const char*, kStateSchemaVersion> kMigrations = {
    // 1: connectors' pairs, and the streams' progress.
    R"(CREATE TABLE pairs (pipeline TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
         PRIMARY KEY (pipeline, key)) WITHOUT ROWID;
       CREATE TABLE streams (pipeline TEXT NOT NULL, stream TEXT NOT NULL, partition TEXT NOT NULL,
         checkpoint_json TEXT, load_id TEXT NOT NULL, load_in_progress INTEGER NOT NULL, committed INTEGER NOT NULL,
         rows_committed INTEGER NOT NULL,
         PRIMARY KEY (pipeline, stream, partition)) WITHOUT ROWID;)",
    // 2: who runs a pipeline, and its history.
    R"(CREATE TABLE leases (pipeline TEXT NOT NULL PRIMARY KEY, run_id TEXT NOT NULL, pid INTEGER NOT NULL,
         host TEXT NOT NULL, started_at TEXT NOT NULL) WITHOUT ROWID;
       CREATE TABLE runs (seq INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, run_id TEXT NOT NULL,
         started_at TEXT NOT NULL, finished_at TEXT NOT NULL, outcome TEXT NOT NULL,
         rows_written INTEGER NOT NULL, error TEXT NOT NULL,
         UNIQUE (pipeline, run_id));
       CREATE INDEX runs_by_pipeline ON runs (pipeline, seq);)",
    // 3: each scope of pairs has its own keys. Before, a stream's or a connector's key was "<owner>:<key>" among the
    // pipeline's, so a text with a colon does not tell its owner: it is given to everyone who may have owned it
    // (streams that the state knows, connectors), and each continues from there.
    R"(ALTER TABLE pairs RENAME TO flat_pairs;
       CREATE TABLE pairs (pipeline TEXT NOT NULL, scope INTEGER NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL,
         value TEXT NOT NULL, PRIMARY KEY (pipeline, scope, owner, key)) WITHOUT ROWID;
       INSERT INTO pairs SELECT pipeline, 0, '', key, value FROM flat_pairs;
       INSERT INTO pairs
         SELECT f.pipeline, 1, s.stream, substr(f.key, length(s.stream) + 2), f.value FROM flat_pairs f
           JOIN (SELECT DISTINCT pipeline, stream FROM streams) s
             ON s.pipeline = f.pipeline AND substr(f.key, 1, length(s.stream) + 1) = s.stream || ':'
         UNION ALL
         SELECT pipeline, 2, substr(key, 1, instr(key, ':') - 1), substr(key, instr(key, ':') + 1), value
           FROM flat_pairs WHERE key GLOB 'source:*' OR key GLOB 'destination:*' OR key GLOB 'transform-[0-9]*:*';
       DROP TABLE flat_pairs;)",
    // 4: which rows of a load may be in a destination that keeps no receipts, and what its positions were made for.
    // Unknown for existing loads.
    R"(ALTER TABLE streams ADD COLUMN rows_given INTEGER;
       ALTER TABLE streams ADD COLUMN rows_reported INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE streams ADD COLUMN owner_json TEXT;)",
    // 5: what the load is made for; the checkpoint keeps its own owner until the load has committed.
    R"(ALTER TABLE streams ADD COLUMN load_owner_json TEXT;
       UPDATE streams SET load_owner_json = owner_json;)",
    // 6: kinds of loads and the engine's notes. Before, the kind was a suffix of the load's id, and notes were pairs of
    // a pipeline with an impossible name.
    R"(ALTER TABLE streams ADD COLUMN load_kind INTEGER NOT NULL DEFAULT 0;
       UPDATE streams SET load_kind = CASE WHEN load_id GLOB '*-replace' THEN 1
                                           WHEN load_id GLOB '*-partitioned' THEN 2 ELSE 0 END;
       CREATE TABLE notes (pipeline TEXT NOT NULL, stream TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
         PRIMARY KEY (pipeline, stream, name)) WITHOUT ROWID;
       INSERT INTO notes
         SELECT substr(pipeline, 1, length(pipeline) - length(':engine')), substr(key, length('miscounted:') + 1),
           'miscounted', value FROM pairs
           WHERE pipeline GLOB '*:engine' AND scope = 0 AND key GLOB 'miscounted:*';
       DELETE FROM pairs WHERE pipeline GLOB '*:engine';)",
    // 7: the newest token of each pipeline's lease, and the holder of the current one.
    R"(ALTER TABLE leases ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
       CREATE TABLE lease_tokens (pipeline TEXT NOT NULL PRIMARY KEY, token INTEGER NOT NULL) WITHOUT ROWID;)",
};

Status cannot_open(const fs::path& path, std::string_view why) {
  return internal_error(
      codes::kStateBackend,
      fmt::format("state file {}: {}. Check that you can write to its folder, or set state.connection to another place",
                  path.string(), why));
}

// Creates missing folders one by one, so that each has mode 0700 from the start.
Status make_folders(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::exists(folder, error)) return {};
  RB_RETURN_NOT_OK(make_folders(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return cannot_open(folder, fmt::format("cannot create the folder: {}", std::generic_category().message(errno)));
  }
  return {};
}

// The file's canonical name: two runs that reach it by different names (a link, ..) must take the same lock.
Result<fs::path> prepare_file(const fs::path& path) {
  if (path.empty()) return cannot_open(path, "no path was given");
  std::error_code error;
  // Not normalised: only the file system can resolve `link/..`.
  const fs::path absolute = fs::absolute(path, error);
  if (error) return cannot_open(path, error.message());
  RB_RETURN_NOT_OK(make_folders(absolute.parent_path()));
  // O_EXCL: an existing file is not opened here, since closing it would drop SQLite's locks of this process.
  const int fd = ::open(absolute.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
  } else if (errno != EEXIST) {
    return cannot_open(absolute, fmt::format("cannot create it: {}", std::generic_category().message(errno)));
  }
  const fs::path canonical = fs::canonical(absolute, error);
  if (error) return cannot_open(absolute, error.message());
  if (!fs::is_regular_file(canonical, error)) return cannot_open(canonical, "it is not a regular file");
  return canonical;
}

Status check_owner(SqliteConnection& db) {
  // Both from one snapshot: another process may be creating the tables right now.
  RB_RETURN_NOT_OK(db.execute("BEGIN"));
  const auto application_id = db.query_number("PRAGMA application_id");
  const auto table_count = db.query_number("SELECT count(*) FROM sqlite_master");
  const Status ended = db.execute("COMMIT");
  // The queries' errors first: a full disk ends the transaction, and a COMMIT would only say that there is none.
  RB_ASSIGN_OR_RETURN(const int64_t application, application_id);
  RB_ASSIGN_OR_RETURN(const int64_t tables, table_count);
  RB_RETURN_NOT_OK(ended);
  if (application == kApplicationId) return {};
  if (application == 0 && tables == 0) return {};
  return sqlite_state_error(db.file(), SQLITE_NOTADB, "it is a SQLite database of another program");
}

Status newer_version(const SqliteConnection& db, int64_t version) {
  return internal_error(
      codes::kStateBackend,
      fmt::format("state file {} has version {}, but this program knows versions only up to {}: a newer Rapidbyte "
                  "wrote it. Use that version, or set state.connection to another file",
                  db.file().string(), version, kStateSchemaVersion));
}

Status migrate(SqliteConnection& db) {
  RB_ASSIGN_OR_RETURN(const int64_t seen, db.query_number("PRAGMA user_version"));
  if (seen > kStateSchemaVersion) return newer_version(db, seen);
  if (seen == kStateSchemaVersion) return {};
  return db.in_transaction([&]() -> Status {
    // Read again: another process may have migrated the file while this one waited for the lock.
    RB_ASSIGN_OR_RETURN(const int64_t version, db.query_number("PRAGMA user_version"));
    if (version > kStateSchemaVersion) return newer_version(db, version);
    if (version < 0) return sqlite_state_error(db.file(), SQLITE_CORRUPT, "its version is negative");
    for (auto next = static_cast<size_t>(version); next < kMigrations.size(); ++next) {
      RB_RETURN_NOT_OK(db.execute(kMigrations.at(next)));
    }
    return db.execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kStateSchemaVersion));
  });
}

Status check_damage(SqliteConnection& db) {
  std::error_code error;
  if (fs::file_size(db.file(), error) > kCheckedBytes || error) return {};
  RB_ASSIGN_OR_RETURN(const std::string verdict, db.query_text("PRAGMA quick_check(1)"));
  if (verdict == "ok") return {};
  return sqlite_state_error(db.file(), SQLITE_CORRUPT, verdict);
}

/// Returns the database's journal mode afterwards. While another process makes the same change, SQLite answers "busy"
/// at once, without its busy timeout: waiting for a lock while holding one could last for ever.
Result<std::string> change_to_wal(SqliteConnection& db) {
  constexpr std::chrono::milliseconds kPause{5};
  const Deadline deadline = Deadline::after(std::chrono::milliseconds(kBusyTimeoutMs));
  while (true) {
    Result<std::string> mode = db.query_text("PRAGMA journal_mode = WAL");
    if (mode.ok() || !mode.error().retryable || deadline.expired()) return mode;
    std::this_thread::sleep_for(kPause);
  }
}

Status set_up(SqliteConnection& db, uint64_t max_bytes) {
  if (db.is_read_only()) return sqlite_state_error(db.file(), SQLITE_READONLY, "it is read-only");
  RB_RETURN_NOT_OK(check_owner(db));
  RB_ASSIGN_OR_RETURN(const std::string mode, change_to_wal(db));
  if (mode != "wal")
    return cannot_open(db.file(),
                       fmt::format("its file system does not support SQLite's WAL (journal mode is {})", mode));
  RB_ASSIGN_OR_RETURN(const int64_t page_bytes, db.query_number("PRAGMA page_size"));
  RB_RETURN_NOT_OK(db.execute(
      fmt::format("PRAGMA synchronous = FULL; PRAGMA max_page_count = {}; PRAGMA cell_size_check = ON; PRAGMA "
                  "trusted_schema = OFF",
                  max_bytes / static_cast<uint64_t>(page_bytes))));
  RB_RETURN_NOT_OK(migrate(db));
  return check_damage(db);
}

}  // namespace

Result<std::shared_ptr<StateFile>> open_state_file(const fs::path& path, uint64_t max_bytes) {
  RB_ASSIGN_OR_RETURN(const fs::path file, prepare_file(path));
  sqlite3* handle = nullptr;
  const int rc = sqlite3_open_v2(file.c_str(), &handle,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (handle == nullptr) return sqlite_state_error(file, SQLITE_NOMEM, "out of memory");
  auto database = std::make_shared<StateFile>(handle, file);
  if (rc != SQLITE_OK) return database->connection.error(rc);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  RB_RETURN_NOT_OK(set_up(database->connection, max_bytes));
  return database;
}

}  // namespace rapidbyte::state
