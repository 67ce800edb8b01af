#pragma once
// Binds the positions in the state to what they were made for, as far as the engine knows it: the pipeline file, the
// two connectors, the place that the destination writes to, and the cursor's column. What a position means within its
// source (which table, which files, which `where`) is recorded in it by the source (docs/adr/0014, 0017). Using a
// position in the wrong place silently loses the rows before it.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::engine {

/// The settings of `config` that say where its connector reads or writes, by name: those that the config schema marks
/// at its top level with `"x-place": true`; when it marks none, every text whose key is not that of a secret. Values of
/// secret keys are left out at any depth, even where the schema marks them, because the place is kept in plain text.
/// Secrets inside other values are replaced, and only hosts and path of a URL are kept. `schema` may be null.
[[nodiscard]] nlohmann::json place_of(const nlohmann::json& schema, const nlohmann::json& config);

/// `config` with the values that `paths` point at normalised: "./a.db", "x/../a.db" and "a.db" are one file. They stay
/// relative to `folder`, the pipeline file's, so that a folder can be moved as a whole.
[[nodiscard]] nlohmann::json with_plain_paths(nlohmann::json config, const std::vector<runtime::ConfigPath>& paths,
                                              const std::filesystem::path& folder);

/// What positions of this run are made for, the same for every stream; kept in RunContext::position_owner.
[[nodiscard]] nlohmann::json run_owner(const RunContext& run);
/// The same plus what describes the stream's load: sync mode, cursor column, a hash of its own settings. begin_load()
/// keeps it with the load.
[[nodiscard]] nlohmann::json position_owner(const RunContext& run, const StreamPlan& plan);

/// The sync mode of the stream's newest load that left a position; empty: there was none, or it is unknown.
[[nodiscard]] std::string mode_of_rows(const state::StreamState& known);
/// Whether a load of the stream, the newest or one before it, has committed rows.
[[nodiscard]] bool has_loaded_rows(const state::StreamState& known);
/// Whether the stream's newest load had another sync mode than `plan`, so that its position is useless. False when its
/// mode is unknown.
[[nodiscard]] bool is_of_other_sync_mode(const StreamPlan& plan, const state::StreamState& known);

/// Before any stream of a run with a destination starts: CURSOR_CHANGED (config) when the run would continue from a
/// position that was made for something else, unless RunOptions::keep_positions says that its rows are there; then the
/// position is adopted. Also, whatever the options, when an append with another sync mode than before would load again
/// what is there. STATE_BACKEND. Positions of earlier versions have no owner and are accepted.
std::optional<RunFailure> check_position_owners(RunContext& run, const std::vector<StreamPlan>& plans);

}  // namespace rapidbyte::engine
