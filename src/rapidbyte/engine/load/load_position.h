#pragma once
// Decides where a stream's load begins or resumes (docs/architecture.md, "State, commits and resumption"): a new load,
// one that an earlier run left unfinished, or one that only has to be finished. The state says whether a load is under
// way; the destination's receipt, written in the same transaction as the rows, is the truth about what the destination
// holds. Runs on the stream's thread, before its stages start.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rapidbyte/engine/load/rows_in_doubt.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/checkpoint.h"

namespace rapidbyte::engine {

struct LoadPosition {
  std::string load_id;
  /// An earlier run or attempt began the load.
  bool resumed = false;
  /// Every row is committed; only finish-stream and the state's record are missing.
  bool finish_only = false;
  /// The source's checkpoint to resume from; empty: from the beginning.
  protocol::Checkpoint resume;
  /// `cursor_info.last_value` for the source; null before the first checkpoint.
  protocol::CursorValue cursor;
  /// The load that `cursor` comes from, for a destination that compares it with its receipt; empty: unknown.
  std::string cursor_load_id;
  /// Where the load began, kept in its checkpoints.
  protocol::CursorValue load_start_cursor;
  /// Rows that the load has committed so far.
  uint64_t rows_before = 0;
  /// What the destination may already have, also beyond the position; for destinations without receipts.
  RowsGiven given;
  /// Rows that may be in the destination twice because the user chose to continue anyway; nullopt: an unknown number.
  std::optional<uint64_t> maybe_doubled = 0;
  /// Id of a load of mode replace that this one supersedes; its staging table is no longer needed.
  std::string abandoned_replace;
};

/// Asks the destination for its newest receipt (last-committed), nullopt when it has or keeps none; with the member
/// `target_absent` true when not even the table is there.
using LastCommitted = std::function<Result<std::optional<std::string>>(const std::string& load_id)>;

/// Fills `position` and records the load in the state (unless the run keeps none). `load_id`: that of this run's
/// earlier attempt, empty for the first. Failures: STATE_BACKEND; LOAD_IN_PROGRESS (--limit while a load is under way
/// that would mix with its rows); LOAD_MISCOUNTED (its row counts did not add up); ROWS_MAY_DOUBLE (the destination
/// keeps no receipts, and rows of an append after the position may be in it); RESUME_NOT_SUPPORTED (rows are committed,
/// and reading again would double them); RECEIPT_MISSING and RECEIPT_FOREIGN (an append may have committed rows that
/// the destination's receipt does not cover); any error of last-committed.
std::optional<RunFailure> find_load_position(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                             const LastCommitted& last_committed, LoadPosition& position);

/// Records in the state, in one transaction, the loads of those `plans` that start from the beginning whatever the
/// destination says, so that find_load_position() need not: streams that have nothing under way, are read in one piece,
/// and lose no position by it. A run that ends before a stream's turn leaves a load that has committed nothing.
/// STATE_BACKEND.
Status begin_new_loads(RunContext& run, const std::vector<StreamPlan>& plans);

/// Why the next run would refuse to resume the stream's interrupted load, as far as the state alone can tell:
/// LOAD_MISCOUNTED, ROWS_MAY_DOUBLE, RESUME_NOT_SUPPORTED, POSITION_INVALID, STATE_BACKEND. nullopt: no reason, or no
/// such load. The destination is not asked and may know better or worse. Writes nothing.
std::optional<RunFailure> foreseen_refusal(RunContext& run, const StreamPlan& plan);

/// As find_load_position(), for a load that is read in partitions (mode replace or upsert). It always starts from the
/// beginning: after a crash the partitions and their snapshot are gone, and reading again does not double rows.
std::optional<RunFailure> begin_partitioned_load(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                                 LoadPosition& position);
/// What the state is told of the end of a load that leaves no checkpoints there because it is never resumed (read in
/// partitions, or loaded into a staging table).
[[nodiscard]] state::FinishedLoad::End end_of_load(const StreamPlan& plan, const std::string& load_id,
                                                   size_t partitions, uint64_t rows_committed);

/// Whether a run resumes this load of an earlier run; otherwise it starts over.
[[nodiscard]] bool resumes_load(const StreamPlan& plan, const state::StreamState& known);

/// Records that the load's rows did not add up, so that no later run takes its receipt for a success. Cleared by a new
/// load (`rapidbyte state reset`) or by accept_load(). `end`: as in note_miscount().
Status mark_load_miscounted(RunContext& run, const std::string& stream, const std::string& load_id,
                            const std::string& why, const std::optional<std::string>& end);

/// Accepts a load whose rows did not add up as fully written, because the user has looked at the table: the next run
/// finishes it and reads nothing. For `rapidbyte state accept`, which holds the pipeline's lease. STATE_BACKEND;
/// NOTHING_TO_ACCEPT (there is no such load, or not all of its rows are known to have reached the destination).
Status accept_load(state::StateBackend& state, state::Lease& lease, const std::string& stream);

}  // namespace rapidbyte::engine
