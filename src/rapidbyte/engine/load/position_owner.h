#pragma once
// Binds the positions that the state keeps to what they were made for, as far as the engine knows it: the pipeline
// file, the two connectors, the place that the destination writes to, and the cursor's column. What a position means
// inside its source (which table, which files, which `where`) its source keeps in it (docs/adr/0014, 0017). A position
// that is taken for another place loses the rows before it without a word.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::engine {

/// The settings of `config` that say where its connector reads or writes, by name: those that the config schema marks,
/// on its top level, with `"x-place": true`; when it marks none, every text that no secret's name stands before.
/// What a secret's name stands before is left out at any depth, even where the schema marks it, for the place is kept
/// in plain. Secrets in the others are replaced, and of a URL there are only its hosts and its path. `schema` may be
/// null.
[[nodiscard]] nlohmann::json place_of(const nlohmann::json& schema, const nlohmann::json& config);

/// `config` with the values that `paths` point at written in one way: "./a.db", "x/../a.db" and "a.db" are one file.
/// They stay relative to `folder`, the pipeline file's, so that a folder may be moved as a whole.
[[nodiscard]] nlohmann::json with_plain_paths(nlohmann::json config, const std::vector<runtime::ConfigPath>& paths,
                                              const std::filesystem::path& folder);

/// What positions of this run are made for, the same for every stream; kept in RunContext::position_owner.
[[nodiscard]] nlohmann::json run_owner(const RunContext& run);
/// That and what the stream's load is of: sync mode, cursor column, a hash of its own settings. begin_load() keeps it
/// with the load.
[[nodiscard]] nlohmann::json position_owner(const RunContext& run, const StreamPlan& plan);

/// The sync mode of the newest load of the stream that has left a position; empty: there was none, or nobody knows.
[[nodiscard]] std::string mode_of_rows(const state::StreamState& known);
/// Whether a load of the stream, the newest or one before it, has committed rows.
[[nodiscard]] bool has_loaded_rows(const state::StreamState& known);
/// Whether the stream's newest load was of another sync mode than `plan`, so that its position is of no use. False when
/// nobody said which.
[[nodiscard]] bool is_of_other_sync_mode(const StreamPlan& plan, const state::StreamState& known);

/// Before any stream of a run with a destination starts: CURSOR_CHANGED (config) when the run would go on behind a
/// position that was made for something else, and RunOptions::keep_positions does not say that its rows are there; if
/// it does, the position is taken over. Also when an append of another sync mode than before would load again what is
/// there, whatever the options. STATE_BACKEND. Positions of earlier versions have no owner and are taken.
std::optional<RunFailure> check_position_owners(RunContext& run, const std::vector<StreamPlan>& plans);

}  // namespace rapidbyte::engine
