#pragma once
// Commands about a stream's state that messages suggest, ready to be copied into a shell.

#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// The command that makes a stream start over.
[[nodiscard]] std::string reset_hint(const RunContext& run, std::string_view stream);
/// The same for several streams; for many of them the command has a placeholder instead of their names.
[[nodiscard]] std::string reset_hint(const RunContext& run, const std::vector<std::string>& streams);
/// The write modes in which reading rows again does not double them: "replace or upsert"; for an incremental stream
/// "upsert", because a replace would leave only the newest rows.
[[nodiscard]] std::string_view modes_without_doubling(const StreamPlan& plan);
/// How to start a stream over without doubling rows: what to remove first (for an append), then the command. Follows
/// "Or" or "To continue,".
[[nodiscard]] std::string restart_hint(const RunContext& run, const StreamPlan& plan);
/// The command that accepts a miscounted load of a stream, and the one that continues although rows may double.
[[nodiscard]] std::string accept_hint(const RunContext& run, std::string_view stream);
[[nodiscard]] std::string doubling_hint(const RunContext& run);

}  // namespace rapidbyte::engine
