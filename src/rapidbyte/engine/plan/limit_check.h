#pragma once
// What `--limit` would do to tables that are there: a replace leaves N rows of a table that had more, and an append
// adds rows that the next run writes again, for positions stay where they were. Both are refused before any stream
// begins, unless the user says that they are meant (RunOptions::allow_partial).

#include <optional>
#include <vector>

#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// Whether a stream's target is there before the run.
enum class Target { kAbsent, kThere, kUnknown };

/// Asks the destination for the target of each of `plans` whose rows --limit could harm; of the others it stays
/// kUnknown. One instance for all, none when nothing can be asked. Writes nothing. Errors: the destination's.
Result<std::vector<Target>> ask_targets(RunContext& run, const std::vector<StreamPlan>& plans);

/// LIMIT_REFUSED (config) when a target is there, or this pipeline has loaded it before, and --limit would cut it short
/// or double rows of it; STATE_BACKEND. Warns of rows that the next run writes again. Without a limit: nothing.
/// `targets` is ask_targets()'s answer.
std::optional<RunFailure> check_limit(RunContext& run, const std::vector<StreamPlan>& plans,
                                      const std::vector<Target>& targets);

}  // namespace rapidbyte::engine
