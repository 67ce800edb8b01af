#pragma once
// StateBackend: what outlives a run. Scoped key-value pairs for connectors, the load record of each stream (which load
// is under way, the newest durable source checkpoint), the pipeline's lease, and the history of runs. All calls are
// thread safe. A call that returned ok is durable against a crash of the process, and against a power cut too, except
// that complete_loads, record_run and the lease may then look as if they had not been called yet. Failures:
// STATE_BACKEND.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::state {

/// Largest value or checkpoint, bytes. Cursors have some hundred; 16 MiB is room for any, and keeps a guest from
/// filling the disk with one call.
inline constexpr size_t kMaxValueBytes = size_t{16} << 20U;
/// What the key-value pairs of one pipeline may take together, keys counted, so that a component cannot fill the file
/// that others use, too. 64 MiB and 10,000 pairs: state is for positions; the largest use known has a dozen.
inline constexpr uint64_t kMaxPairsPerPipeline = 10'000;
inline constexpr uint64_t kMaxPairBytesPerPipeline = uint64_t{64} << 20U;
/// Runs kept in the history of a pipeline: years of daily runs.
inline constexpr uint32_t kMaxRunsKept = 1000;

/// Whose a key-value pair is. Each scope, and each owner in it, has keys of its own; the numbers are the protocol's.
enum class PairScope : uint8_t {
  kPipeline = 0,   // all connectors and streams of the pipeline; without an owner
  kStream = 1,     // the owner is the stream's name
  kConnector = 2,  // the owner is the connector instance ("source", "destination", "transform-0")
};

/// Names one pair of a pipeline. A text alone is a key of the pipeline's own scope. Views: they must outlive the call.
struct PairKey {
  template <std::convertible_to<std::string_view> Text>
  PairKey(const Text& key) : text(key) {}  // NOLINT(google-explicit-constructor): a text is a key of the pipeline
  PairKey(PairScope of, std::string_view owned_by, std::string_view key) : scope(of), owner(owned_by), text(key) {}

  PairScope scope = PairScope::kPipeline;
  std::string_view owner;
  std::string_view text;
};

/// Identifies one stream of one pipeline; `partition` is empty unless the stream was split.
struct StreamKey {
  std::string pipeline;
  std::string stream;
  std::string partition;
};

/// Where the rows of a load are until it ends: that decides what a later run may do with it. The numbers stand in
/// files.
enum class LoadKind : uint8_t {
  kInPlace = 0,      // in the table, in one piece: a later run goes on behind its position
  kStaged = 1,       // in a staging table (replace) and nowhere else: a later run begins again
  kPartitioned = 2,  // in the table, in partitions (upsert): what they have committed says nothing to a later run,
                     // whose partitions are others
};

/// Where a stream stands. A load begins before the destination is asked to write, keeps its id over retries and over
/// interrupted runs, and ends when every batch is committed and finish-stream succeeded.
struct StreamState {
  /// Newest durable source checkpoint as JSON (protocol.md section 4); none before the first commit.
  std::optional<std::string> checkpoint_json;
  /// Id of the newest load; empty when there never was one.
  std::string load_id;
  LoadKind load_kind = LoadKind::kInPlace;
  /// True from begin_load() until complete_load(): the next run continues this load.
  bool load_in_progress = false;
  /// True when the load under way has committed at least once.
  bool committed = false;
  /// Rows committed by the load under way, as far as the host knows.
  uint64_t rows_committed = 0;
  /// Of the load under way, counted from its beginning; kept for destinations without receipts (note_rows). At most so
  /// many rows have been given to the destination; nullopt: not known. Zero after begin_load().
  std::optional<uint64_t> rows_given;
  /// Of these the destination has said that they are committed.
  uint64_t rows_reported = 0;
  /// What the newest checkpoint was made for, as the engine's position_owner.h has it: it changes with the checkpoint,
  /// not when a load begins that may never commit. None of loads that began before it was
  /// kept.
  std::optional<std::string> owner_json;
  /// What the newest load is for; it becomes `owner_json` with the load's first checkpoint.
  std::optional<std::string> load_owner_json;
};

/// A load that begins.
struct NewLoad {
  StreamKey key;
  std::string load_id;
  /// What the state has of the load before is forgotten: a full refresh starts from nothing. Otherwise its checkpoint
  /// stays (an incremental cursor).
  bool drop_checkpoint = false;
  /// What the load is for (StreamState::load_owner_json); empty: nobody says.
  std::string owner_json = {};
  LoadKind kind = LoadKind::kInPlace;
};

/// A load whose every batch is committed and whose stream is finished.
struct FinishedLoad {
  StreamKey key;
  std::string load_id;
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

/// Holds the pipeline until destroyed. A crash releases it (the operating system drops the lock with the process).
class Lease {
 public:
  virtual ~Lease() = default;
};

class StateBackend {
 public:
  virtual ~StateBackend() = default;

  // Key-value pairs.
  virtual Result<std::optional<std::string>> get(std::string_view pipeline, const PairKey& key) = 0;
  virtual Status put(std::string_view pipeline, const PairKey& key, std::string_view value) = 0;
  /// Sets `value` only if the present value equals `expected` (nullopt: only if absent). False when it does not.
  virtual Result<bool> compare_and_set(std::string_view pipeline, const PairKey& key,
                                       const std::optional<std::string>& expected, std::string_view value) = 0;

  // Loads and cursors.
  virtual Result<StreamState> load_stream(const StreamKey& key) = 0;
  /// Marks new loads as under way in one transaction, all or none. One that is under way already goes on as it stands,
  /// so a retry may call this again; with `drop_checkpoint` it starts anew.
  virtual Status begin_loads(std::span<const NewLoad> loads) = 0;
  /// begin_loads() of one.
  Status begin_load(const NewLoad& load) { return begin_loads({&load, 1}); }
  Status begin_load(const StreamKey& key, std::string_view load_id, bool drop_checkpoint,
                    std::string_view owner_json = {}) {
    return begin_load(NewLoad{key, std::string(load_id), drop_checkpoint, std::string(owner_json)});
  }
  /// What the stream's position, and the load under way, are for from now on; nothing when the stream is not known.
  virtual Status set_owner(const StreamKey& key, std::string_view owner_json) = 0;
  /// Makes `checkpoint_json` the durable cursor. Call only after the destination's commit that covers it. Fails when
  /// `load_id` is not the load under way (the state was reset, another run has taken over).
  virtual Status save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                                 uint64_t rows_committed) = 0;
  /// Notes what of the load under way may be in the destination, as StreamState says. Call before the rows are given.
  /// Fails when `load_id` is not the load under way.
  virtual Status note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                           uint64_t rows_reported) = 0;
  /// Ends these loads in one transaction, all or none: whoever dies meanwhile leaves either every load to be finished
  /// again or none. Again is fine. Fails, and ends none, when one of them is not its stream's newest load.
  virtual Status complete_loads(std::span<const FinishedLoad> loads) = 0;
  /// complete_loads() of one.
  Status complete_load(const StreamKey& key, std::string_view load_id);
  /// What the engine itself notes about a stream, by the note's name. No pair: components cannot reach it.
  virtual Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                         std::string_view name) = 0;
  virtual Status set_stream_note(std::string_view pipeline, std::string_view stream, std::string_view name,
                                 std::string_view value) = 0;
  /// Forgets cursors, loads, notes and key-value pairs of one stream, or of the whole pipeline when `stream` is
  /// nullopt.
  virtual Status reset(std::string_view pipeline, const std::optional<std::string>& stream) = 0;
  virtual Result<std::vector<std::pair<StreamKey, StreamState>>> list_streams(std::string_view pipeline) = 0;

  /// Takes the pipeline for this process. Held by another live run: PIPELINE_LOCKED (transient-db, retryable), and the
  /// message names that run's process id and start time.
  virtual Result<std::unique_ptr<Lease>> acquire_lease(std::string_view pipeline, std::string_view run_id) = 0;

  /// Adds a run to the history, or replaces the record of the same run.
  virtual Status record_run(const RunRecord& run) = 0;
  /// Newest first.
  virtual Result<std::vector<RunRecord>> recent_runs(std::string_view pipeline, uint32_t most) = 0;
};

// What both backends answer with.
[[nodiscard]] Status check_value_size(const PairKey& key, std::string_view value);
/// STATE_QUOTA when the pair does not fit beside the pipeline's `others` of `other_bytes` together.
[[nodiscard]] Status check_quota(std::string_view pipeline, const PairKey& key, std::string_view value, uint64_t others,
                                 uint64_t other_bytes);
[[nodiscard]] Status no_load_id(const StreamKey& key);
[[nodiscard]] Status no_such_load(const StreamKey& key, std::string_view load_id, std::string_view wanted);

}  // namespace rapidbyte::state
