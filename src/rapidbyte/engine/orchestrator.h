#pragma once
// The engine's entry point: runs a prepared pipeline from discovery to its report. run_pipeline() blocks its caller
// until every thread it started has ended; it owns instances, queues and threads. It may be called again, also for
// another pipeline concurrently.

#include <string>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/engine/plan/prepare.h"
#include "rapidbyte/engine/plan/run_mode.h"
#include "rapidbyte/engine/report/run_observer.h"
#include "rapidbyte/engine/report/run_report.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

class RetryClock;

struct RunOptions {
  RunMode mode;
  /// Continues from the positions of earlier runs although the pipeline file, the destination or its place has changed
  /// since they were made: the user says that the rows before them are there.
  bool keep_positions = false;
  /// Resumes an interrupted append although rows may then be in the destination twice (ROWS_MAY_DOUBLE,
  /// RESUME_NOT_SUPPORTED). The report says how many at most.
  bool allow_doubled_rows = false;
  /// With a limit: also load into existing tables. A replace then leaves `limit` rows, and an append adds rows that the
  /// next run writes again.
  bool allow_partial = false;
  /// Only these streams of the pipeline, by name or pattern (pipeline/name_pattern.h). Empty: all.
  std::vector<std::string> streams;
  /// Ends the run within 2 s: nothing uncommitted is claimed, and the next run resumes from the last commit.
  CancelToken cancel;
  /// Waits between retries. Null: real time. (Tests.)
  RetryClock* clock = nullptr;
};

/// Runs what prepare() returned; a preview without its destination. Never throws, and never returns early: whatever
/// happened is in the report (`outcome`, `failure`). Failures that belong to no stream: that of
/// PreparedPipeline::failure(), PIPELINE_LOCKED, STATE_BACKEND, UNKNOWN_STREAM, UNSUPPORTED_SYNC_MODE,
/// UNSUPPORTED_WRITE_MODE, CURSOR_FIELD_MISSING, PRIMARY_KEY_MISSING, CURSOR_CHANGED, LIMIT_REFUSED.
RunReport run_pipeline(PreparedPipeline prepared, state::StateBackend& state, const RunOptions& options,
                       RunObserver& observer);

}  // namespace rapidbyte::engine
