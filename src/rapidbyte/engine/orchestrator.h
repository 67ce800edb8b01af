#pragma once
// The engine's front door: runs a prepared pipeline from its first discovery to its report. run_pipeline() blocks its
// caller until every thread it started has ended; instances, queues and threads belong to it. It may be called again,
// also for another pipeline at the same time.

#include <string>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/engine/prepare.h"
#include "rapidbyte/engine/run_mode.h"
#include "rapidbyte/engine/run_observer.h"
#include "rapidbyte/engine/run_report.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

class RetryClock;

struct RunOptions {
  RunMode mode;
  /// Go on behind the positions of earlier runs although the pipeline file, the destination or its place is another one
  /// than they were made for: the user says that the rows before them are there.
  bool keep_positions = false;
  /// Goes on with a broken-off append although rows may then be twice in the destination (ROWS_MAY_DOUBLE,
  /// RESUME_NOT_SUPPORTED). The report says how many at most.
  bool allow_doubled_rows = false;
  /// With a limit: also into tables that are there, of which a replace then leaves `limit` rows, and to which an append
  /// adds rows that the next run writes again.
  bool allow_partial = false;
  /// Only these streams of the pipeline, by name or pattern (pipeline/name_pattern.h). Empty: all.
  std::vector<std::string> streams;
  /// Ends the run within 2 s: nothing uncommitted is claimed, the next run goes on from the last commit.
  CancelToken cancel;
  /// Waits between retries. Null: real time. (Tests.)
  RetryClock* clock = nullptr;
};

/// Runs what prepare() gave; a preview without its destination. Never throws, and never returns early: whatever
/// happened stands in the report (`outcome`, `failure`). Failures that no stream owns: that of
/// PreparedPipeline::failure(), PIPELINE_LOCKED, STATE_BACKEND, UNKNOWN_STREAM, UNSUPPORTED_SYNC_MODE,
/// UNSUPPORTED_WRITE_MODE, CURSOR_FIELD_MISSING, PRIMARY_KEY_MISSING, CURSOR_CHANGED, LIMIT_REFUSED.
RunReport run_pipeline(PreparedPipeline prepared, state::StateBackend& state, const RunOptions& options,
                       RunObserver& observer);

}  // namespace rapidbyte::engine
