#include "rapidbyte/state/open_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/memory/memory_state_backend.h"
#include "rapidbyte/state/sqlite/sqlite_state_backend.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;
using pipeline::StateConfig;

struct Backend {
  std::string_view name;
  Result<std::unique_ptr<StateBackend>> (*open)(const StateConfig& config);
  StateSurvey (*survey)(const StateConfig& config);
  std::vector<fs::path> (*files)(const StateConfig& config);
};

// A new backend is a folder beside this file and a row here; kStateBackends in pipeline/types.h offers it to pipelines.
constexpr std::array kBackends = {
    Backend{"sqlite", [](const StateConfig& config) { return open_sqlite_state(config.connection); },
            [](const StateConfig& config) { return survey_sqlite_state(config.connection); },
            [](const StateConfig& config) { return sqlite_state_files(config.connection); }},
    Backend{kMemoryBackend,
            [](const StateConfig&) { return Result<std::unique_ptr<StateBackend>>(make_memory_state()); },
            [](const StateConfig&) { return StateSurvey{.exists = false, .place = "memory", .makeable = {}}; },
            [](const StateConfig&) { return std::vector<fs::path>(); }},
};

/// Null when no backend has the name.
const Backend* find_backend(const StateConfig& config) {
  const auto* found = std::find_if(kBackends.begin(), kBackends.end(),
                                   [&](const Backend& backend) { return backend.name == config.backend; });
  return found == kBackends.end() ? nullptr : found;
}

Status unknown_backend(const StateConfig& config) {
  return internal_error(codes::kStateBackend,
                        fmt::format("this program has no state backend '{}'. Set state.backend to {}", config.backend,
                                    kBackends.front().name));
}

}  // namespace

Result<std::unique_ptr<StateBackend>> open_state(const StateConfig& config) {
  const Backend* backend = find_backend(config);
  return backend == nullptr ? Result<std::unique_ptr<StateBackend>>(unknown_backend(config)) : backend->open(config);
}

StateSurvey survey_state(const StateConfig& config) {
  const Backend* backend = find_backend(config);
  if (backend == nullptr) return {.exists = false, .place = config.backend, .makeable = unknown_backend(config)};
  return backend->survey(config);
}

std::vector<fs::path> state_files(const StateConfig& config) {
  const Backend* backend = find_backend(config);
  return backend == nullptr ? std::vector<fs::path>() : backend->files(config);
}

std::optional<fs::path> folder_beside_state(const StateConfig& config) {
  const std::vector<fs::path> files = state_files(config);
  if (files.empty() || !files.front().has_parent_path()) return std::nullopt;
  return files.front().parent_path();
}

std::vector<std::string_view> backend_names() {
  std::vector<std::string_view> names;
  for (const Backend& backend : kBackends) names.push_back(backend.name);
  return names;
}

}  // namespace rapidbyte::state
