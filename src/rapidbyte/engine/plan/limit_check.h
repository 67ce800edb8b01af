#pragma once
// What `--limit` would do to existing tables: a replace leaves N rows of a table that had more, and an append adds rows
// that the next run writes again, because positions stay where they were. Both are refused before any stream begins,
// unless the user confirms them (RunOptions::allow_partial).

#include <optional>
#include <vector>

#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// Whether a stream's target exists before the run.
enum class Target { kAbsent, kThere, kUnknown };

/// Asks the destination about the target of each of `plans` whose rows --limit could harm; for the others it stays
/// kUnknown. One instance serves all; none is started when nothing can be asked. Writes nothing. Errors: the
/// destination's.
Result<std::vector<Target>> ask_targets(RunContext& run, const std::vector<StreamPlan>& plans);

/// LIMIT_REFUSED (config) when a target exists, or this pipeline has loaded it before, and --limit would truncate it or
/// double its rows; STATE_BACKEND. Warns about rows that the next run writes again. Does nothing without a limit.
/// `targets` comes from ask_targets().
std::optional<RunFailure> check_limit(RunContext& run, const std::vector<StreamPlan>& plans,
                                      const std::vector<Target>& targets);

}  // namespace rapidbyte::engine
