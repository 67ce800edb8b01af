#pragma once
// LaneTask: everything that one lane has to know: what to read, what to write, from which position, within which
// limits. LaneResult: everything that came of it. Both are plain values that survive a round trip through JSON
// unchanged, so that a lane need not run in the process that planned it.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/lane/batch_queue.h"
#include "rapidbyte/engine/report/stage_usage.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/checkpoint.h"

namespace rapidbyte::engine {

struct LaneLimits {
  /// For each queue.
  QueueLimits queue;
  pipeline::Compression compression = pipeline::Compression::kNone;
  /// Maximum number of rows to write or show; then the lane ends.
  std::optional<uint64_t> rows;
  /// There is no destination: the first rows are shown.
  bool preview = false;
  bool operator==(const LaneLimits&) const = default;
};

/// What a lane has to know about a connector, besides how to get an instance of it.
struct LaneStage {
  std::string connector;  // its name
  bool speaks_2_1 = true;
  /// For a transform: it may hold rows back from one batch to the next.
  bool may_hold_rows = false;
  /// For a source: an instance that has read everything may serve another stream.
  bool may_be_kept = false;
  bool operator==(const LaneStage&) const = default;
};

/// Where a lane begins, and what its stages are told; known once the destination has been asked what it holds.
struct LanePosition {
  // What run-read, each run-transform and run-write get (docs/protocol.md).
  std::string source_context;
  std::vector<std::string> transform_contexts;
  std::string destination_context;
  /// The content of the end marker when the source sends no checkpoint: the position at which the load began.
  protocol::Checkpoint first_checkpoint;

  // For commits, as in CommitTarget.
  std::string load_id;
  /// Whether checkpoints go into the state.
  bool durable = false;
  /// The destination keeps a receipt of each commit, so that the state may lose the newest checkpoints to a power cut.
  bool receipts = false;
  uint64_t rows_before = 0;
  protocol::CursorValue load_start_cursor;
  bool notes_rows = false;
  std::optional<uint64_t> rows_covered = 0;
  std::optional<uint64_t> rows_given = 0;
  uint64_t rows_reported = 0;
  /// The destination hears nothing of a stream without rows from this lane (feature "empty-streams").
  bool skips_empty = false;
  bool operator==(const LanePosition&) const = default;
};

struct LaneTask {
  std::string pipeline;
  std::string stream;
  LaneStage source;
  std::vector<LaneStage> transforms;
  /// Named "preview" when there is none.
  LaneStage destination;
  LaneLimits limits;
  /// For a preview: columns that may hold special values (docs/protocol.md: `special_values`).
  std::vector<std::string> special_columns;
  /// Which partition of a split stream this is; such a lane shares its worker with others.
  std::optional<size_t> part;
  LanePosition position;
  bool operator==(const LaneTask&) const = default;
};

struct LaneResult {
  /// The lane has run and ended, successfully or not.
  bool complete = false;
  // According to the connectors' summaries; with a limit, to the host's count.
  uint64_t rows_read = 0, rows_written = 0, rows_rejected = 0;
  int64_t rows_transformed_away = 0;
  uint64_t bytes_read = 0, bytes_written = 0;
  // According to the host's count: what left the source, and what was given to the destination.
  uint64_t rows_emitted = 0, bytes_emitted = 0, batches_emitted = 0;
  uint64_t rows_given = 0;
  /// Of rows_rejected, those that the destination refused.
  uint64_t rows_refused = 0;
  /// According to the destination's reports.
  uint64_t rows_committed = 0;
  /// How often a cursor became durable.
  uint64_t checkpoints = 0;
  /// The checkpoint after the last row, when everything was taken.
  std::optional<std::string> end_of_load;
  /// There was no row, and the destination was not asked to write (LanePosition::skips_empty).
  bool skipped_empty = false;
  /// Where the time went: source, transforms, destination.
  std::vector<StageUsage> stages;
  bool operator==(const LaneResult&) const = default;
};

[[nodiscard]] nlohmann::json to_json(const LaneTask& task);
[[nodiscard]] nlohmann::json to_json(const LaneResult& result);
/// LANE_INVALID (internal) when `object` is not the output of to_json().
[[nodiscard]] Result<LaneTask> lane_task_from(const nlohmann::json& object);
[[nodiscard]] Result<LaneResult> lane_result_from(const nlohmann::json& object);

}  // namespace rapidbyte::engine
