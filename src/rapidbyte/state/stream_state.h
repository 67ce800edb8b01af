#pragma once
// What the state records about streams and runs, as values.

#include <cstdint>
#include <optional>
#include <string>

namespace rapidbyte::state {

/// Runs kept in the history of a pipeline: years of daily runs.
inline constexpr uint32_t kMaxRunsKept = 1000;

/// Identifies one stream of one pipeline; `partition` is empty unless the stream was split.
struct StreamKey {
  std::string pipeline;
  std::string stream;
  std::string partition;
};

/// Where the rows of a load are until it ends, which decides what a later run may do with it. The numbers are stored in
/// files.
enum class LoadKind : uint8_t {
  kInPlace = 0,  // in the table, in one piece: a later run resumes after its position
  kStaged = 1,  // only in a staging table (replace): a later run starts over
  kPartitioned = 2,  // in the table, in partitions (upsert): their commits mean nothing to a later run,
                     // which has other partitions
};

/// The progress of a stream. A load begins before the destination is asked to write, keeps its id across retries and
/// interrupted runs, and ends when every batch is committed and finish-stream has succeeded.
struct StreamState {
  /// Newest durable source checkpoint as JSON; none before the first commit.
  std::optional<std::string> checkpoint_json;
  /// Id of the newest load; empty when there never was one.
  std::string load_id;
  LoadKind load_kind = LoadKind::kInPlace;
  /// True from begin_load() until complete_load(): the next run resumes this load.
  bool load_in_progress = false;
  /// True when the load under way has committed at least once.
  bool committed = false;
  /// Rows committed by the load under way, as far as the host knows.
  uint64_t rows_committed = 0;
  /// For the load under way, counted from its beginning; kept for destinations without receipts (note_rows). Maximum
  /// number of rows that have been given to the destination; nullopt: unknown. Zero after begin_load().
  std::optional<uint64_t> rows_given;
  /// How many of these the destination has reported as committed.
  uint64_t rows_reported = 0;
  /// What the newest checkpoint was made for, in the form of the engine's position_owner.h: it changes with the
  /// checkpoint, not when a load begins that may never commit. Absent for loads that began before it was kept.
  std::optional<std::string> owner_json;
  /// What the newest load is for; becomes `owner_json` with the load's first checkpoint.
  std::optional<std::string> load_owner_json;
};

/// A load to begin.
struct NewLoad {
  StreamKey key;
  std::string load_id;
  /// Drops the checkpoint of the previous load: a full refresh starts from nothing. Otherwise it stays (an incremental
  /// cursor).
  bool drop_checkpoint = false;
  /// What the load is for (StreamState::load_owner_json); empty: unknown.
  std::string owner_json = {};
  LoadKind kind = LoadKind::kInPlace;
};

/// What may become of a write when the machine goes down, and not only the process.
enum class Durability : uint8_t {
  kDurable,  // it is on the disk when the call returns
  /// The newest writes may be lost, latest first; a durable one also keeps all before it. For what can be found out
  /// again.
  kRelaxed,
};

/// A load of which every batch is committed and whose stream is finished.
struct FinishedLoad {
  struct End {
    std::string checkpoint_json;
    uint64_t rows_committed = 0;
    Durability durability = Durability::kDurable;
  };
  StreamKey key;
  std::string load_id;
  /// The load's last checkpoint, if it is saved by the same transaction (as Lease::save_checkpoint() would); else it
  /// was saved before.
  std::optional<End> end = std::nullopt;
};

/// One finished or failed run, for `rapidbyte state show`.
struct RunRecord {
  std::string run_id;
  std::string pipeline;
  std::string started_at;  // RFC 3339, UTC
  std::string finished_at;  // RFC 3339, UTC
  std::string outcome;  // "succeeded", "failed", "interrupted"
  uint64_t rows_written = 0;
  std::string error;  // empty on success; secrets redacted by the caller
};

}  // namespace rapidbyte::state
