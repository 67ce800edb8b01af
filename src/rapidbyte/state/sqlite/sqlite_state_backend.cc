#include "rapidbyte/state/sqlite/sqlite_state_backend.h"

#include <fmt/format.h>
#include <unistd.h>

#include <mutex>
#include <system_error>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/sqlite/sqlite_lease.h"
#include "rapidbyte/state/sqlite/sqlite_rows.h"
#include "rapidbyte/state/sqlite/sqlite_state_file.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;

/// A load of an unknown kind is never resumed.
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
    return load_sqlite_pair(*database_, pipeline, key);
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

  Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                 std::string_view name) override {
    std::lock_guard lock(database_->mutex);
    RB_ASSIGN_OR_RETURN(auto statement,
                        db().prepare("SELECT value FROM notes WHERE pipeline = ? AND stream = ? AND name = ?"));
    RB_ASSIGN_OR_RETURN(const bool row, statement.bind(pipeline).bind(stream).bind(name).step());
    return row ? std::optional<std::string>(statement.text(0)) : std::optional<std::string>();
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
    return acquire_sqlite_lease(database_, pipeline, run_id);
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
  SqliteConnection& db() { return database_->connection; }

  std::shared_ptr<StateFile> database_;  // shared with the leases
};

}  // namespace

Result<std::unique_ptr<StateBackend>> open_sqlite_state(const fs::path& path) {
  return open_bounded_sqlite_state(path, kMaxStateBytes);
}

Result<std::unique_ptr<StateBackend>> open_bounded_sqlite_state(const fs::path& path, uint64_t max_bytes) {
  RB_ASSIGN_OR_RETURN(auto database, open_state_file(path, max_bytes));
  return std::unique_ptr<StateBackend>(std::make_unique<SqliteStateBackend>(std::move(database)));
}

StateSurvey survey_sqlite_state(const fs::path& path) {
  std::error_code error;
  StateSurvey survey{.exists = fs::exists(path, error), .place = path.string(), .makeable = {}};
  if (survey.exists) return survey;
  fs::path parent = path.parent_path();
  while (parent.has_relative_path() && !fs::exists(parent, error)) parent = parent.parent_path();
  if (parent.empty()) parent = ".";
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    survey.makeable = make_error(ErrorCategory::kPermission, codes::kStateBackend,
                                 fmt::format("{} cannot be created: {} is not writable. Make that folder writable, or "
                                             "set state.connection to a file elsewhere",
                                             path.string(), parent.string()));
  }
  return survey;
}

std::vector<fs::path> sqlite_state_files(const fs::path& path) {
  if (path.empty()) return {};
  std::vector<fs::path> files = {path};
  for (const char* suffix : {"-journal", "-wal", "-shm"}) files.emplace_back(path.string() + suffix);
  return files;
}

}  // namespace rapidbyte::state
