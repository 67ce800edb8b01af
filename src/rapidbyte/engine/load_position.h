#pragma once
// Decides where a stream's load begins or goes on (docs/architecture.md, "State, commits and resumption"): a new load,
// one that an earlier run left, or one of which only the finish is missing. The state says whether a load is under way;
// the destination's receipt, written in the same transaction as the rows, is the truth about what it holds. Runs on the
// stream's thread, before its stages start.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rapidbyte/engine/errors.h"
#include "rapidbyte/engine/rows_in_doubt.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/checkpoint.h"

namespace rapidbyte::engine {

struct LoadPosition {
  std::string load_id;
  /// The load was begun before.
  bool resumed = false;
  /// Every row is committed; only finish-stream and the state's note are missing.
  bool finish_only = false;
  /// The source's checkpoint after which to go on; empty: from the beginning.
  protocol::Checkpoint resume;
  /// `cursor_info.last_value` for the source; null before the first checkpoint.
  protocol::CursorValue cursor;
  /// The load whose checkpoint `cursor` is from, for a destination that compares it with its receipt; empty: unknown.
  std::string cursor_load_id;
  /// Where the load began, kept in its checkpoints.
  protocol::CursorValue load_start_cursor;
  /// Rows that the load has committed so far.
  uint64_t rows_before = 0;
  /// What the destination may have already, behind the position too; for destinations without receipts.
  RowsGiven given;
  /// Rows that may be twice in the destination because the user goes on all the same; nullopt: an unknown number.
  std::optional<uint64_t> maybe_doubled = 0;
  /// Id of a load of mode replace that this one takes the place of; its staging table is of no use any more.
  std::string given_up_replace;
};

/// Asks the destination for its newest receipt (last-committed), nullopt when it has or keeps none; with the member
/// `target_absent` true when not even the table is there.
using LastCommitted = std::function<Result<std::optional<std::string>>(const std::string& load_id)>;

/// Fills `position` and notes the load in the state (unless the run keeps none). `load_id`: of this run's earlier
/// attempt, empty at the first. Failures: STATE_BACKEND; LOAD_IN_PROGRESS (--limit while a load is under way that its
/// rows would get into); LOAD_MISCOUNTED (its rows did not add up); ROWS_MAY_DOUBLE (the destination keeps no receipts,
/// and rows of an append may be in it behind the position); RESUME_NOT_SUPPORTED (rows are committed, and reading again
/// would double them); RECEIPT_MISSING and RECEIPT_FOREIGN (an append may have committed rows of which the
/// destination's receipt says nothing); what last-committed says.
std::optional<RunFailure> find_load_position(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                             const LastCommitted& last_committed, LoadPosition& position);

/// Notes in the state, in one transaction, the loads of those `plans` that begin anew whatever the destination says, so
/// that find_load_position() need not: a stream that has nothing under way, is read in one piece, and loses no position
/// by it. A run that ends before the turn of a stream leaves a load that has committed nothing. STATE_BACKEND.
Status begin_new_loads(RunContext& run, const std::vector<StreamPlan>& plans);

/// Why the next run would not go on with the stream's broken-off load, as far as the state alone tells:
/// LOAD_MISCOUNTED, ROWS_MAY_DOUBLE, RESUME_NOT_SUPPORTED, POSITION_INVALID, STATE_BACKEND. nullopt: nothing, or there
/// is no such load. The destination, which is not asked, may still know better or worse. Writes nothing.
std::optional<RunFailure> foreseen_refusal(RunContext& run, const StreamPlan& plan);

/// The same for a load that is read in partitions (mode replace or upsert). It always begins from the start: after a
/// crash the partitions and their snapshot are gone, and reading again does not double rows.
std::optional<RunFailure> begin_partitioned_load(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                                 LoadPosition& position);
/// Notes in the state the end of a load that leaves no checkpoints there: of one that is never gone on with (in
/// partitions, or into a staging table). STATE_BACKEND.
Status save_end(RunContext& run, const StreamPlan& plan, const std::string& load_id, size_t partitions,
                uint64_t rows_committed);

/// Whether a run goes on with this load of an earlier one; otherwise it begins again.
[[nodiscard]] bool goes_on_with(const StreamPlan& plan, const state::StreamState& known);

/// Remembers that the load's rows did not add up, so that no later run takes its receipt for a success. Cleared by a
/// new load (`rapidbyte state reset`) or by accept_load(). `end`: as in note_miscount().
Status mark_load_miscounted(RunContext& run, const std::string& stream, const std::string& load_id,
                            const std::string& why, const std::optional<std::string>& end);

/// Takes a load whose rows did not add up for fully written, because the user has looked at the table: the next run
/// finishes it and reads nothing. For `rapidbyte state accept`, which holds the pipeline's lease. STATE_BACKEND;
/// NOTHING_TO_ACCEPT (there is no such load, or not all of its rows were given to the destination).
Status accept_load(state::StateBackend& state, state::Lease& lease, const std::string& stream);

}  // namespace rapidbyte::engine
