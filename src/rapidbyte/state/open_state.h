#pragma once
// open_state(): makes the backend that a pipeline names. The only place where backends are listed; code that opens,
// surveys or protects a state asks here, and does not know whether it is a file.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

/// The name of the backend that keeps nothing beyond the process: for dry runs before the first run, and for tests. A
/// pipeline file cannot choose it.
inline constexpr std::string_view kMemoryBackend = "memory";

/// Opens the state, or creates it when there is none yet. STATE_BACKEND when it cannot be used, also when no backend
/// has that name.
[[nodiscard]] Result<std::unique_ptr<StateBackend>> open_state(const pipeline::StateConfig& config);

/// What is known about a state without opening it.
struct StateSurvey {
  /// It already exists. Only then does a command that merely reads it open it.
  bool exists = false;
  /// Where it is, for people: the path of the file.
  std::string place;
  /// When it does not exist: an error if open_state() could not create it.
  Status makeable;
};
/// Opens nothing and creates nothing.
[[nodiscard]] StateSurvey survey_state(const pipeline::StateConfig& config);

/// The local files that make up the state, for code that must keep guests away from them; empty for a backend without
/// files.
[[nodiscard]] std::vector<std::filesystem::path> state_files(const pipeline::StateConfig& config);
/// The local folder for what a run keeps beside its state (rejected records); nullopt for a backend without files.
[[nodiscard]] std::optional<std::filesystem::path> folder_beside_state(const pipeline::StateConfig& config);

/// Names of all backends.
[[nodiscard]] std::vector<std::string_view> backend_names();

}  // namespace rapidbyte::state
