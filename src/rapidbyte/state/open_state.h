#pragma once
// open_state(): makes the backend that a pipeline names. The one place where backends are listed; whoever opens,
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

/// Opens the state, and makes it when there is none yet. STATE_BACKEND when it cannot be used, also when no backend has
/// that name.
[[nodiscard]] Result<std::unique_ptr<StateBackend>> open_state(const pipeline::StateConfig& config);

/// What is known of a state without opening it.
struct StateSurvey {
  /// There is one already. Only then does a command that merely looks at it open it.
  bool exists = false;
  /// Where it is, for people: the path of the file.
  std::string place;
  /// When there is none: an error if open_state() could not make it.
  Status makeable;
};
/// Opens nothing and makes nothing.
[[nodiscard]] StateSurvey survey_state(const pipeline::StateConfig& config);

/// The files of this machine that are the state, for whoever must keep guests away from them; none of a backend that
/// has none.
[[nodiscard]] std::vector<std::filesystem::path> state_files(const pipeline::StateConfig& config);
/// The folder of this machine in which a run keeps what belongs beside its state (rejected records); nullopt of a
/// backend without files.
[[nodiscard]] std::optional<std::filesystem::path> folder_beside_state(const pipeline::StateConfig& config);

/// Names of all backends.
[[nodiscard]] std::vector<std::string_view> backend_names();

}  // namespace rapidbyte::state
