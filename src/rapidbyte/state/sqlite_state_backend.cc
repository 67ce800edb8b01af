#include "rapidbyte/state/sqlite_state_backend.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/log.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/lease_lock.h"
#include "rapidbyte/state/sqlite_connection.h"
#include "rapidbyte/state/sqlite_state_file.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;

// Between a run's taking of the lock and its row lies one small write; whoever comes in between looks again for so
// long.
constexpr std::chrono::milliseconds kHolderWait{500};
constexpr std::chrono::milliseconds kHolderPause{10};
std::string now_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown host");
}

// SQLite's integers are signed; rows never reach 2^63, and a number beyond it must not come back as a small one.
int64_t as_stored(uint64_t rows) {
  return rows > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(rows);
}
uint64_t from_stored(int64_t rows) { return rows < 0 ? 0 : static_cast<uint64_t>(rows); }

/// While it lives, commits do not wait for the disk. A power cut may then lose the newest of them, but never changes
/// their order: what is lost looks as if the machine had gone down a moment earlier. Saves some 10 ms per call on a
/// slow disk, for calls that nothing outside of the file depends on. The next full commit, or closing the file, makes
/// them durable.
class RelaxedCommits {
 public:
  explicit RelaxedCommits(SqliteConnection& db) : db_(db) { set("PRAGMA synchronous = NORMAL"); }
  ~RelaxedCommits() { set("PRAGMA synchronous = FULL"); }
  RelaxedCommits(const RelaxedCommits&) = delete;
  RelaxedCommits& operator=(const RelaxedCommits&) = delete;

 private:
  void set(const char* sql) {
    const Status status = db_.execute(sql);
    if (!status.ok()) log_warn("{}: {}", sql, status.to_string());
  }
  SqliteConnection& db_;
};

class SqliteLease final : public Lease {
 public:
  SqliteLease(std::shared_ptr<StateFile> database, LeaseLock lock, std::string pipeline, std::string run_id)
      : database_(std::move(database)),
        lock_(std::move(lock)),
        pipeline_(std::move(pipeline)),
        run_id_(std::move(run_id)) {}
  SqliteLease(const SqliteLease&) = delete;
  SqliteLease& operator=(const SqliteLease&) = delete;
  ~SqliteLease() override {
    std::lock_guard guard(database_->mutex);
    const RelaxedCommits relaxed(database_->connection);
    auto statement = database_->connection.prepare("DELETE FROM leases WHERE pipeline = ? AND run_id = ?");
    Status status = statement.ok() ? statement->bind(pipeline_).bind(run_id_).run() : statement.status();
    // The lock is what counts, and it goes with this object; a row that stays behind is only wrong text.
    if (!status.ok()) log_debug("the lease row of pipeline '{}' stays behind: {}", pipeline_, status.to_string());
  }

 private:
  std::shared_ptr<StateFile> database_;
  LeaseLock lock_;
  std::string pipeline_;
  std::string run_id_;
};

/// A kind that is not known is taken for one that nobody goes on with.
LoadKind load_kind(int64_t stored) {
  switch (stored) {
    case static_cast<int64_t>(LoadKind::kInPlace): return LoadKind::kInPlace;
    case static_cast<int64_t>(LoadKind::kStaged): return LoadKind::kStaged;
    default: return LoadKind::kPartitioned;
  }
}

StreamState read_stream(const SqliteStatement& row, int first) {
  StreamState state;
  state.checkpoint_json = row.optional_text(first);
  state.load_id = row.text(first + 1);
  state.load_in_progress = row.number(first + 2) != 0;
  state.committed = row.number(first + 3) != 0;
  state.rows_committed = from_stored(row.number(first + 4));
  if (!row.is_null(first + 5)) state.rows_given = from_stored(row.number(first + 5));
  state.rows_reported = from_stored(row.number(first + 6));
  state.owner_json = row.optional_text(first + 7);
  state.load_owner_json = row.optional_text(first + 8);
  state.load_kind = load_kind(row.number(first + 9));
  return state;
}

class SqliteStateBackend final : public StateBackend {
 public:
  explicit SqliteStateBackend(std::shared_ptr<StateFile> database) : database_(std::move(database)) {}

  Result<std::optional<std::string>> get(std::string_view pipeline, const PairKey& key) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("SELECT value FROM pairs WHERE pipeline = ? AND scope = ? AND owner = ? AND key = ?"));
    RB_ASSIGN_OR_RETURN(const bool row, bind_pair(statement, pipeline, key).step());
    return row ? std::optional<std::string>(statement.text(0)) : std::optional<std::string>();
  }

  Status put(std::string_view pipeline, const PairKey& key, std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(key, value));
    std::lock_guard lock(database_->mutex);
    return put_pair(pipeline, key, value);
  }

  Result<bool> compare_and_set(std::string_view pipeline, const PairKey& key,
                               const std::optional<std::string>& expected, std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(key, value));
    std::lock_guard lock(database_->mutex);
    RB_RETURN_NOT_OK(check_room(pipeline, key, value));
    // One statement each, so that no other process comes in between.
    if (expected) {
      RB_ASSIGN_OR_RETURN(
          auto statement,
          db().prepare("UPDATE pairs SET value = ?5 WHERE pipeline = ?1 AND scope = ?2 AND owner = ?3 AND key = ?4 "
                       "AND value = ?6"));
      RB_RETURN_NOT_OK(bind_pair(statement, pipeline, key).bind(value).bind(*expected).run());
    } else {
      RB_ASSIGN_OR_RETURN(
          auto statement,
          db().prepare("INSERT INTO pairs (pipeline, scope, owner, key, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO "
                       "NOTHING"));
      RB_RETURN_NOT_OK(bind_pair(statement, pipeline, key).bind(value).run());
    }
    return db().changed_rows() > 0;
  }

  Result<StreamState> load_stream(const StreamKey& key) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare(
            "SELECT checkpoint_json, load_id, load_in_progress, committed, rows_committed, "
            "rows_given, rows_reported, owner_json, load_owner_json, load_kind FROM streams WHERE pipeline = ? AND "
            "stream = ? AND partition = ?"));
    RB_ASSIGN_OR_RETURN(const bool row, bind_key(statement, key).step());
    return row ? read_stream(statement, 0) : StreamState();
  }

  Status begin_loads(std::span<const NewLoad> loads) override {
    if (loads.empty()) return {};
    std::lock_guard lock(database_->mutex);
    return db().in_transaction([&]() -> Status {
      for (const NewLoad& load : loads) {
        if (load.load_id.empty()) return no_load_id(load.key);
        RB_RETURN_NOT_OK(begin_locked(load));
      }
      return {};
    });
  }

  Status save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                         uint64_t rows_committed) override {
    RB_RETURN_NOT_OK(check_value_size("checkpoint", checkpoint_json));
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare(
            "UPDATE streams SET checkpoint_json = ?5, committed = 1, rows_committed = ?6, owner_json = load_owner_json "
            "WHERE pipeline = ?1 AND "
            "stream = ?2 AND partition = ?3 AND load_id = ?4 AND load_in_progress"));
    RB_RETURN_NOT_OK(
        bind_key(statement, key).bind(load_id).bind(checkpoint_json).bind(as_stored(rows_committed)).run());
    return db().changed_rows() > 0 ? Status() : no_such_load(key, load_id, "save its checkpoint");
  }

  Status note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                   uint64_t rows_reported) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("UPDATE streams SET rows_given = ?5, rows_reported = ?6 WHERE pipeline = ?1 AND stream = ?2 AND "
                     "partition = ?3 AND load_id = ?4 AND load_in_progress"));
    bind_key(statement, key).bind(load_id);
    if (rows_given) {
      statement.bind(as_stored(*rows_given));
    } else {
      statement.bind_null();
    }
    RB_RETURN_NOT_OK(statement.bind(as_stored(rows_reported)).run());
    return db().changed_rows() > 0 ? Status() : no_such_load(key, load_id, "note its rows");
  }

  Status set_owner(const StreamKey& key, std::string_view owner_json) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(auto statement, db().prepare("UPDATE streams SET owner_json = ?4, load_owner_json = ?4 WHERE "
                                                     "pipeline = ?1 AND stream = ?2 AND partition = ?3"));
    return bind_key(statement, key).bind(owner_json).run();
  }

  Status complete_loads(std::span<const FinishedLoad> loads) override {
    if (loads.empty()) return {};
    std::lock_guard lock(database_->mutex);
    // Lost, they are loads whose last checkpoints say "end": the next run finishes them again, which is allowed.
    const RelaxedCommits relaxed(db());
    return db().in_transaction([&]() -> Status {
      for (const auto& [key, load_id] : loads) {
        RB_ASSIGN_OR_RETURN(auto statement,
                            db().prepare("UPDATE streams SET load_in_progress = 0 WHERE pipeline = ? AND stream = ? "
                                         "AND partition = ? AND load_id = ?"));
        RB_RETURN_NOT_OK(bind_key(statement, key).bind(load_id).run());
        if (db().changed_rows() == 0) return no_such_load(key, load_id, "complete it");
      }
      return {};
    });
  }

  Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                 std::string_view name) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(auto statement,
                        db().prepare("SELECT value FROM notes WHERE pipeline = ? AND stream = ? AND name = ?"));
    RB_ASSIGN_OR_RETURN(const bool row, statement.bind(pipeline).bind(stream).bind(name).step());
    return row ? std::optional<std::string>(statement.text(0)) : std::optional<std::string>();
  }

  Status set_stream_note(std::string_view pipeline, std::string_view stream, std::string_view name,
                         std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(name, value));
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(auto statement,
                        db().prepare("INSERT INTO notes (pipeline, stream, name, value) VALUES (?1, ?2, ?3, ?4) ON "
                                     "CONFLICT (pipeline, stream, name) DO UPDATE SET value = ?4"));
    return statement.bind(pipeline).bind(stream).bind(name).bind(value).run();
  }

  Status reset(std::string_view pipeline, const std::optional<std::string>& stream) override {
    std::lock_guard lock(database_->mutex);
    return db().in_transaction([&]() -> Status {
      if (stream) {
        for (const char* sql : {"DELETE FROM streams WHERE pipeline = ? AND stream = ?",
                                "DELETE FROM notes WHERE pipeline = ? AND stream = ?",
                                "DELETE FROM pairs WHERE pipeline = ? AND scope = 1 AND owner = ?"}) {
          RB_ASSIGN_OR_RETURN(auto statement, db().prepare(sql));
          RB_RETURN_NOT_OK(statement.bind(pipeline).bind(*stream).run());
        }
        return {};
      }
      for (const char* sql : {"DELETE FROM streams WHERE pipeline = ?", "DELETE FROM notes WHERE pipeline = ?",
                              "DELETE FROM pairs WHERE pipeline = ?"}) {
        RB_ASSIGN_OR_RETURN(auto statement, db().prepare(sql));
        RB_RETURN_NOT_OK(statement.bind(pipeline).run());
      }
      return {};
    });
  }

  Result<std::vector<std::pair<StreamKey, StreamState>>> list_streams(std::string_view pipeline) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("SELECT stream, partition, checkpoint_json, load_id, load_in_progress, committed, rows_committed, "
                     "rows_given, rows_reported, owner_json, load_owner_json, load_kind FROM streams WHERE pipeline = "
                     "? ORDER BY "
                     "stream, partition"));
    statement.bind(pipeline);
    std::vector<std::pair<StreamKey, StreamState>> out;
    while (true) {
      RB_ASSIGN_OR_RETURN(const bool row, statement.step());
      if (!row) return out;
      out.push_back({{std::string(pipeline), statement.text(0), statement.text(1)}, read_stream(statement, 2)});
    }
  }

  Result<std::unique_ptr<Lease>> acquire_lease(std::string_view pipeline, std::string_view run_id) override {
    auto lock = LeaseLock::acquire(lease_lock_path(db().file(), pipeline));
    if (!lock.ok() && lock.error().code == codes::kPipelineLocked)
      return locked_by_other(pipeline, std::move(lock).status());
    if (!lock.ok()) return std::move(lock).status();
    std::lock_guard guard(database_->mutex);
    const RelaxedCommits relaxed(db());
    // Replaces the row of a run that crashed: its lock is gone, so it is.
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("INSERT OR REPLACE INTO leases (pipeline, run_id, pid, host, started_at) VALUES (?, ?, ?, ?, ?)"));
    const std::string host = host_name();
    const std::string now = now_utc();
    RB_RETURN_NOT_OK(statement.bind(pipeline).bind(run_id).bind(int64_t{::getpid()}).bind(host).bind(now).run());
    return std::unique_ptr<Lease>(
        std::make_unique<SqliteLease>(database_, std::move(*lock), std::string(pipeline), std::string(run_id)));
  }

  Status record_run(const RunRecord& run) override {
    std::lock_guard lock(database_->mutex);
    const RelaxedCommits relaxed(db());
    return db().in_transaction([&]() -> Status {
      RB_ASSIGN_OR_RETURN(
          auto insert,
          db().prepare("INSERT OR REPLACE INTO runs (pipeline, run_id, started_at, finished_at, outcome, rows_written, "
                       "error) VALUES (?, ?, ?, ?, ?, ?, ?)"));
      RB_RETURN_NOT_OK(insert.bind(run.pipeline)
                           .bind(run.run_id)
                           .bind(run.started_at)
                           .bind(run.finished_at)
                           .bind(run.outcome)
                           .bind(as_stored(run.rows_written))
                           .bind(run.error)
                           .run());
      RB_ASSIGN_OR_RETURN(auto prune,
                          db().prepare("DELETE FROM runs WHERE pipeline = ?1 AND seq <= (SELECT seq FROM runs WHERE "
                                       "pipeline = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)"));
      return prune.bind(run.pipeline).bind(int64_t{kMaxRunsKept}).run();
    });
  }

  Result<std::vector<RunRecord>> recent_runs(std::string_view pipeline, uint32_t most) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(auto statement,
                        db().prepare("SELECT run_id, started_at, finished_at, outcome, rows_written, error FROM runs "
                                     "WHERE pipeline = ? ORDER BY seq DESC LIMIT ?"));
    statement.bind(pipeline).bind(int64_t{most});
    std::vector<RunRecord> out;
    while (true) {
      RB_ASSIGN_OR_RETURN(const bool row, statement.step());
      if (!row) return out;
      out.push_back({statement.text(0), std::string(pipeline), statement.text(1), statement.text(2), statement.text(3),
                     from_stored(statement.number(4)), statement.text(5)});
    }
  }

 private:
  Status begin_locked(const NewLoad& load) {
    // The load that is under way already is left alone, unless it is to start anew.
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("INSERT INTO streams (pipeline, stream, partition, load_id, load_in_progress, committed, "
                     "rows_committed, rows_given, load_kind, load_owner_json) VALUES (?1, ?2, ?3, ?4, 1, 0, 0, 0, ?6, "
                     "?7) ON CONFLICT "
                     "(pipeline, stream, partition) DO UPDATE "
                     "SET checkpoint_json = CASE WHEN ?5 THEN NULL ELSE checkpoint_json END, load_id = ?4, "
                     "load_in_progress = 1, committed = 0, rows_committed = 0, rows_given = 0, rows_reported = 0, "
                     "load_kind = ?6, load_owner_json = ?7 "
                     "WHERE ?5 OR NOT load_in_progress OR load_id <> ?4"));
    bind_key(statement, load.key).bind(load.load_id).bind(int64_t{load.drop_checkpoint ? 1 : 0});
    statement.bind(static_cast<int64_t>(load.kind));
    return (load.owner_json.empty() ? statement.bind_null() : statement.bind(load.owner_json)).run();
  }

  SqliteConnection& db() { return database_->connection; }

  static SqliteStatement& bind_pair(SqliteStatement& statement, std::string_view pipeline, const PairKey& key) {
    return statement.bind(pipeline).bind(static_cast<int64_t>(key.scope)).bind(key.owner).bind(key.text);
  }

  static SqliteStatement& bind_key(SqliteStatement& statement, const StreamKey& key) {
    return statement.bind(key.pipeline).bind(key.stream).bind(key.partition);
  }

  /// The pairs' lengths are looked at anew each time: there are few, and a count kept beside them could be wrong.
  Status check_room(std::string_view pipeline, const PairKey& key, std::string_view value) {
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("SELECT count(*), coalesce(sum(length(CAST(owner AS BLOB)) + length(CAST(key AS BLOB)) + "
                     "length(CAST(value AS BLOB))), 0) FROM pairs WHERE pipeline = ?1 AND NOT (scope = ?2 AND owner = "
                     "?3 AND key = ?4)"));
    RB_RETURN_NOT_OK(bind_pair(statement, pipeline, key).step().status());
    return check_quota(pipeline, key, value, from_stored(statement.number(0)), from_stored(statement.number(1)));
  }

  Status put_pair(std::string_view pipeline, const PairKey& key, std::string_view value) {
    RB_RETURN_NOT_OK(check_room(pipeline, key, value));
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("INSERT INTO pairs (pipeline, scope, owner, key, value) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                     "(pipeline, scope, owner, key) DO UPDATE SET value = ?5"));
    return bind_pair(statement, pipeline, key).bind(value).run();
  }

  /// Who says that it has the lease. Empty: nobody, or a process of this machine that is gone, so that the one that
  /// holds the lock has not written its row yet.
  std::string holder_of(std::string_view pipeline) {
    std::lock_guard lock(database_->mutex);
    auto statement = db().prepare("SELECT pid, host, started_at, run_id FROM leases WHERE pipeline = ?");
    if (!statement.ok()) return {};
    const auto row = statement->bind(pipeline).step();
    if (!row.ok() || !*row) return {};
    const int64_t pid = statement->number(0);
    if (statement->text(1) == host_name() && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return {};
    return fmt::format("process {} on {} since {} (run {})", pid, statement->text(1), statement->text(2),
                       statement->text(3));
  }

  Status locked_by_other(std::string_view pipeline, Status error) {
    std::string who = holder_of(pipeline);
    for (const Deadline deadline = Deadline::after(kHolderWait); who.empty() && !deadline.expired();) {
      std::this_thread::sleep_for(kHolderPause);
      who = holder_of(pipeline);
    }
    if (who.empty()) who = "another run";
    error.error().message = fmt::format(
        "pipeline '{}' is being run already, by {}. Wait until that run has ended, or stop it", pipeline, who);
    return error;
  }

  std::shared_ptr<StateFile> database_;
};

}  // namespace

Result<std::unique_ptr<StateBackend>> open_sqlite_state(const fs::path& path) {
  return open_bounded_sqlite_state(path, kMaxStateBytes);
}

Result<std::unique_ptr<StateBackend>> open_bounded_sqlite_state(const fs::path& path, uint64_t max_bytes) {
  RB_ASSIGN_OR_RETURN(auto database, open_state_file(path, max_bytes));
  return std::unique_ptr<StateBackend>(std::make_unique<SqliteStateBackend>(std::move(database)));
}

}  // namespace rapidbyte::state
