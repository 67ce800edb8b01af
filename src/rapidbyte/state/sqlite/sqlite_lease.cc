#include "rapidbyte/state/sqlite/sqlite_lease.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/log.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/sqlite/lease_lock.h"
#include "rapidbyte/state/sqlite/sqlite_rows.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {
namespace {

// A run writes its row shortly after it has taken the lock; another process that looks in between retries for this
// long.
constexpr std::chrono::milliseconds kHolderWait{500};
constexpr std::chrono::milliseconds kHolderPause{10};
// A run that writes nothing notices a lost lease after at most this long; a check takes some microseconds.
constexpr std::chrono::milliseconds kLookEvery{5000};

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

/// The row of `leases`, for people; empty when there is none. `gone`: it belongs to a process of this machine that has
/// ended.
std::string describe_holder(SqliteConnection& db, std::string_view pipeline, bool& gone) {
  gone = false;
  auto statement = db.prepare("SELECT pid, host, started_at, run_id FROM leases WHERE pipeline = ?");
  if (!statement.ok()) return {};
  const auto row = statement->bind(pipeline).step();
  if (!row.ok() || !*row) return {};
  const int64_t pid = statement->number(0);
  gone = statement->text(1) == host_name() && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
  return fmt::format("process {} on {} since {} (run {})", pid, statement->text(1), statement->text(2),
                     statement->text(3));
}

/// Who has the lease. Empty: nobody, or a process of this machine that has ended, so that the holder of the lock has
/// not written its row yet.
std::string live_holder(StateFile& database, std::string_view pipeline) {
  const std::lock_guard lock(database.mutex);
  bool gone = false;
  std::string who = describe_holder(database.connection, pipeline, gone);
  return gone ? std::string() : who;
}

Status locked_by_other(StateFile& database, std::string_view pipeline, Status error) {
  std::string who = live_holder(database, pipeline);
  for (const Deadline deadline = Deadline::after(kHolderWait); who.empty() && !deadline.expired();) {
    std::this_thread::sleep_for(kHolderPause);
    who = live_holder(database, pipeline);
  }
  if (who.empty()) who = "another run";
  error.error().message =
      fmt::format("pipeline '{}' is already being run by {}. Wait until that run has ended, or stop it", pipeline, who);
  return error;
}

/// Takes the next token of the pipeline and writes a row that says who has it.
Result<uint64_t> write_holder(SqliteConnection& db, std::string_view pipeline, std::string_view run_id) {
  uint64_t token = 0;
  RB_RETURN_NOT_OK(db.in_transaction([&]() -> Status {
    RB_ASSIGN_OR_RETURN(auto raise, db.prepare("INSERT INTO lease_tokens (pipeline, token) VALUES (?1, 1) ON CONFLICT "
                                               "(pipeline) DO UPDATE SET token = token + 1"));
    RB_RETURN_NOT_OK(raise.bind(pipeline).run());
    RB_ASSIGN_OR_RETURN(auto read, db.prepare("SELECT token FROM lease_tokens WHERE pipeline = ?"));
    RB_RETURN_NOT_OK(read.bind(pipeline).step().status());
    token = from_stored(read.number(0));
    // Replaces the row of a crashed run: its lock is gone.
    RB_ASSIGN_OR_RETURN(auto holder,
                        db.prepare("INSERT OR REPLACE INTO leases (pipeline, run_id, pid, host, started_at, token) "
                                   "VALUES (?, ?, ?, ?, ?, ?)"));
    const std::string host = host_name();
    const std::string now = now_utc();
    return holder.bind(pipeline)
        .bind(run_id)
        .bind(int64_t{::getpid()})
        .bind(host)
        .bind(now)
        .bind(as_stored(token))
        .run();
  }));
  return token;
}

class SqliteLease final : public Lease {
 public:
  SqliteLease(std::shared_ptr<StateFile> database, LeaseLock lock, std::string pipeline, std::string run_id,
              uint64_t token)
      : Lease(std::move(pipeline), token),
        database_(std::move(database)),
        lock_(std::move(lock)),
        run_id_(std::move(run_id)) {}
  SqliteLease(const SqliteLease&) = delete;
  SqliteLease& operator=(const SqliteLease&) = delete;
  ~SqliteLease() override {
    const std::lock_guard guard(database_->mutex);
    const RelaxedCommits relaxed(db());
    auto statement = db().prepare("DELETE FROM leases WHERE pipeline = ? AND run_id = ? AND token = ?");
    const Status status =
        statement.ok() ? statement->bind(pipeline()).bind(run_id_).bind(as_stored(token())).run() : statement.status();
    // The lock decides, and it is released with this object; a leftover row is only misleading text.
    if (!status.ok()) log_debug("the lease row of pipeline '{}' stays behind: {}", pipeline(), status.to_string());
  }

  // The lock holds the lease; a check only finds out that another process got around it.
  [[nodiscard]] Renewal renewal() const override { return {.every = kLookEvery, .lasts = std::nullopt}; }

 protected:
  // Readers of a WAL never wait, so no deadline is needed.
  Status check_holder(const Deadline&) override {
    const std::lock_guard guard(database_->mutex);
    RB_RETURN_NOT_OK(check_place());
    return check_token();
  }

  Result<std::optional<std::string>> load_pair(const PairKey& key) override {
    return load_sqlite_pair(*database_, pipeline(), key);
  }

  Status store_pair(const PairKey& key, std::string_view value) override {
    return fenced([&]() -> Status {
      RB_RETURN_NOT_OK(check_room(key, value));
      RB_ASSIGN_OR_RETURN(auto statement,
                          db().prepare("INSERT INTO pairs (pipeline, scope, owner, key, value) VALUES (?1, ?2, ?3, ?4, "
                                       "?5) ON CONFLICT (pipeline, scope, owner, key) DO UPDATE SET value = ?5"));
      return bind_pair(statement, pipeline(), key).bind(value).run();
    });
  }

  Result<bool> exchange_pair(const PairKey& key, const std::optional<std::string>& expected,
                             std::string_view value) override {
    bool done = false;
    RB_RETURN_NOT_OK(fenced([&]() -> Status {
      RB_RETURN_NOT_OK(check_room(key, value));
      RB_ASSIGN_OR_RETURN(
          auto statement,
          db().prepare(expected ? "UPDATE pairs SET value = ?5 WHERE pipeline = ?1 AND scope = ?2 AND owner = ?3 AND "
                                  "key = ?4 AND value = ?6"
                                : "INSERT INTO pairs (pipeline, scope, owner, key, value) VALUES (?1, ?2, ?3, ?4, ?5) "
                                  "ON CONFLICT DO NOTHING"));
      bind_pair(statement, pipeline(), key).bind(value);
      if (expected) statement.bind(*expected);
      RB_RETURN_NOT_OK(statement.run());
      done = db().changed_rows() > 0;
      return {};
    }));
    return done;
  }

  Status store_new_loads(std::span<const NewLoad> loads) override {
    return fenced([&]() -> Status {
      for (const NewLoad& load : loads) RB_RETURN_NOT_OK(begin_locked(load));
      return {};
    });
  }

  Status store_owner(const StreamKey& key, std::string_view owner_json) override {
    return fenced([&]() -> Status {
      RB_ASSIGN_OR_RETURN(auto statement, db().prepare("UPDATE streams SET owner_json = ?4, load_owner_json = ?4 WHERE "
                                                       "pipeline = ?1 AND stream = ?2 AND partition = ?3"));
      return bind_key(statement, key).bind(owner_json).run();
    });
  }

  Status store_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                          uint64_t rows_committed, Durability durability) override {
    const auto save = [&]() -> Status {
      RB_ASSIGN_OR_RETURN(
          auto statement,
          db().prepare("UPDATE streams SET checkpoint_json = ?5, committed = 1, rows_committed = ?6, owner_json = "
                       "load_owner_json WHERE pipeline = ?1 AND stream = ?2 AND partition = ?3 AND load_id = ?4 AND "
                       "load_in_progress"));
      RB_RETURN_NOT_OK(
          bind_key(statement, key).bind(load_id).bind(checkpoint_json).bind(as_stored(rows_committed)).run());
      return db().changed_rows() > 0 ? Status() : no_such_load(key, load_id, "save its checkpoint");
    };
    const std::lock_guard guard(database_->mutex);
    if (durability == Durability::kDurable) return fenced_locked(save);
    const RelaxedCommits relaxed(db());
    return fenced_locked(save);
  }

  Status store_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                    uint64_t rows_reported) override {
    return fenced([&]() -> Status {
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
    });
  }

  Status store_finished_loads(std::span<const FinishedLoad> loads) override {
    const auto complete = [&]() -> Status {
      for (const FinishedLoad& load : loads) {
        RB_ASSIGN_OR_RETURN(
            auto statement,
            db().prepare(load.end ? "UPDATE streams SET load_in_progress = 0, checkpoint_json = ?5, committed = 1, "
                                    "rows_committed = ?6, owner_json = load_owner_json WHERE pipeline = ?1 AND stream "
                                    "= ?2 AND partition = ?3 AND load_id = ?4"
                                  : "UPDATE streams SET load_in_progress = 0 WHERE pipeline = ?1 AND stream = ?2 AND "
                                    "partition = ?3 AND load_id = ?4"));
        bind_key(statement, load.key).bind(load.load_id);
        if (load.end) statement.bind(load.end->checkpoint_json).bind(as_stored(load.end->rows_committed));
        RB_RETURN_NOT_OK(statement.run());
        if (db().changed_rows() == 0) return no_such_load(load.key, load.load_id, "complete it");
      }
      return {};
    };
    const std::lock_guard guard(database_->mutex);
    if (durability_of(loads) == Durability::kDurable) return fenced_locked(complete);
    // If this is lost, the next run finishes the loads again, after their last checkpoints or their receipts, or
    // repeats a replace. All of that is allowed.
    const RelaxedCommits relaxed(db());
    return fenced_locked(complete);
  }

  Status store_stream_note(std::string_view stream, std::string_view name, std::string_view value) override {
    return fenced([&]() -> Status {
      RB_ASSIGN_OR_RETURN(auto statement,
                          db().prepare("INSERT INTO notes (pipeline, stream, name, value) VALUES (?1, ?2, ?3, ?4) ON "
                                       "CONFLICT (pipeline, stream, name) DO UPDATE SET value = ?4"));
      return statement.bind(pipeline()).bind(stream).bind(name).bind(value).run();
    });
  }

  Status forget(const std::optional<std::string>& stream) override {
    return fenced([&]() -> Status {
      if (stream) {
        for (const char* sql : {"DELETE FROM streams WHERE pipeline = ? AND stream = ?",
                                "DELETE FROM notes WHERE pipeline = ? AND stream = ?",
                                "DELETE FROM pairs WHERE pipeline = ? AND scope = 1 AND owner = ?"}) {
          RB_ASSIGN_OR_RETURN(auto statement, db().prepare(sql));
          RB_RETURN_NOT_OK(statement.bind(pipeline()).bind(*stream).run());
        }
        return {};
      }
      for (const char* sql : {"DELETE FROM streams WHERE pipeline = ?", "DELETE FROM notes WHERE pipeline = ?",
                              "DELETE FROM pairs WHERE pipeline = ?"}) {
        RB_ASSIGN_OR_RETURN(auto statement, db().prepare(sql));
        RB_RETURN_NOT_OK(statement.bind(pipeline()).run());
      }
      return {};
    });
  }

 private:
  SqliteConnection& db() { return database_->connection; }

  /// Runs `write` in the transaction that has checked that the token is this lease's.
  Status fenced(const std::function<Status()>& write) {
    const std::lock_guard guard(database_->mutex);
    return fenced_locked(write);
  }
  Status fenced_locked(const std::function<Status()>& write) {
    RB_RETURN_NOT_OK(check_place());
    RB_RETURN_NOT_OK(db().in_transaction([&]() -> Status {
      RB_RETURN_NOT_OK(check_token());
      return write();
    }));
    // A file that was moved in the meantime has taken the write with it.
    return check_place();
  }

  Status check_place() {
    if (!db().has_moved()) return {};
    return lease_lost(pipeline(), fmt::format("the state file {} was moved, replaced or deleted while the run was "
                                              "under way",
                                              db().file().string()));
  }

  Status check_token() {
    RB_ASSIGN_OR_RETURN(auto statement,
                        db().prepare("SELECT 1 FROM leases WHERE pipeline = ? AND run_id = ? AND token = ?"));
    RB_ASSIGN_OR_RETURN(const bool held, statement.bind(pipeline()).bind(run_id_).bind(as_stored(token())).step());
    if (held) return {};
    bool gone = false;
    const std::string who = describe_holder(db(), pipeline(), gone);
    return lease_lost(pipeline(), who.empty() ? "its entry in the state is gone. Another run has taken the lease and "
                                                "ended, or the state was restored from a copy"
                                              : fmt::format("the lease was taken by {}", who));
  }

  Status begin_locked(const NewLoad& load) {
    // A load that is already under way is left alone, unless it is to start over.
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

  /// The pairs are measured each time: there are few, and a separate count could be wrong.
  Status check_room(const PairKey& key, std::string_view value) {
    RB_ASSIGN_OR_RETURN(
        auto statement,
        db().prepare("SELECT count(*), coalesce(sum(length(CAST(owner AS BLOB)) + length(CAST(key AS BLOB)) + "
                     "length(CAST(value AS BLOB))), 0) FROM pairs WHERE pipeline = ?1 AND NOT (scope = ?2 AND owner = "
                     "?3 AND key = ?4)"));
    RB_RETURN_NOT_OK(bind_pair(statement, pipeline(), key).step().status());
    return check_quota(pipeline(), key, value, from_stored(statement.number(0)), from_stored(statement.number(1)));
  }

  std::shared_ptr<StateFile> database_;  // shared with the backend, which the lease may outlive
  LeaseLock lock_;
  std::string run_id_;
};

}  // namespace

Result<std::unique_ptr<Lease>> acquire_sqlite_lease(std::shared_ptr<StateFile> database, std::string_view pipeline,
                                                    std::string_view run_id) {
  auto lock = LeaseLock::acquire(lease_lock_path(database->connection.file(), pipeline));
  if (!lock.ok() && lock.error().code == codes::kPipelineLocked)
    return locked_by_other(*database, pipeline, std::move(lock).status());
  if (!lock.ok()) return std::move(lock).status();
  uint64_t token = 0;
  {
    const std::lock_guard guard(database->mutex);
    const RelaxedCommits relaxed(database->connection);
    RB_ASSIGN_OR_RETURN(token, write_holder(database->connection, pipeline, run_id));
  }
  return std::unique_ptr<Lease>(std::make_unique<SqliteLease>(std::move(database), std::move(*lock),
                                                              std::string(pipeline), std::string(run_id), token));
}

Result<std::optional<std::string>> load_sqlite_pair(StateFile& database, std::string_view pipeline,
                                                    const PairKey& key) {
  const std::lock_guard lock(database.mutex);
  RB_ASSIGN_OR_RETURN(auto statement,
                      database.connection.prepare("SELECT value FROM pairs WHERE pipeline = ? AND scope "
                                                  "= ? AND owner = ? AND key = ?"));
  RB_ASSIGN_OR_RETURN(const bool row, bind_pair(statement, pipeline, key).step());
  return row ? std::optional<std::string>(statement.text(0)) : std::optional<std::string>();
}

}  // namespace rapidbyte::state
