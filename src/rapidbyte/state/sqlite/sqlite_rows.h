#pragma once
// How values are stored in the tables of the state file; shared by the backend and its leases.

#include <cstdint>
#include <string_view>

#include "rapidbyte/base/log.h"
#include "rapidbyte/state/pair_store.h"
#include "rapidbyte/state/sqlite/sqlite_connection.h"
#include "rapidbyte/state/stream_state.h"

namespace rapidbyte::state {

// SQLite's integers are signed; row counts never reach 2^63, and a larger number must not come back as a small one.
inline int64_t as_stored(uint64_t rows) {
  return rows > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(rows);
}
inline uint64_t from_stored(int64_t rows) { return rows < 0 ? 0 : static_cast<uint64_t>(rows); }

inline SqliteStatement& bind_pair(SqliteStatement& statement, std::string_view pipeline, const PairKey& key) {
  return statement.bind(pipeline).bind(static_cast<int64_t>(key.scope)).bind(key.owner).bind(key.text);
}

inline SqliteStatement& bind_key(SqliteStatement& statement, const StreamKey& key) {
  return statement.bind(key.pipeline).bind(key.stream).bind(key.partition);
}

/// As long as it lives, commits do not wait for the disk. A power cut may then lose the newest of them, but never
/// changes their order: it looks as if the machine had gone down a moment earlier. Saves some 10 ms per call on a slow
/// disk, for calls that nothing outside of the file depends on. The next full commit, or closing the file, makes them
/// durable.
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

}  // namespace rapidbyte::state
