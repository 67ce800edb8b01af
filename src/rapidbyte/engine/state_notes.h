#pragma once
// Commands that a message advises, about what the state keeps of a stream.

#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// The command that begins a stream anew, to be copied into a shell.
[[nodiscard]] std::string reset_hint(const RunContext& run, std::string_view stream);
/// The same for several: of many streams a part of the command stands for all of them.
[[nodiscard]] std::string reset_hint(const RunContext& run, const std::vector<std::string>& streams);
/// The write modes in which rows that are read again are not there twice: "replace or upsert", for an incremental
/// stream "upsert", as a replace would leave only the newest rows.
[[nodiscard]] std::string_view modes_without_doubling(const StreamPlan& plan);
/// How a stream is begun anew without doubling rows: what to remove before, for an append, and that command at the end.
/// Goes behind "Or" or "To go on,".
[[nodiscard]] std::string anew_hint(const RunContext& run, const StreamPlan& plan);
/// The command that takes a miscounted load of a stream as it is, and the one that goes on although rows may double.
[[nodiscard]] std::string accept_hint(const RunContext& run, std::string_view stream);
[[nodiscard]] std::string doubling_hint(const RunContext& run);

}  // namespace rapidbyte::engine
