#pragma once
// check_pipeline(): checks every part of a pipeline in the order and by the rules of a run, and collects findings;
// after a failure it continues as far as that makes sense. Moves no data and creates no state. Runs on the caller's
// thread; guests see the cancel token.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/pipeline/parser.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

enum class FindingStatus : uint8_t { kOk, kWarning, kFailed, kSkipped };
/// "ok", "warning", "failed", "skipped".
[[nodiscard]] std::string_view to_string(FindingStatus status);

struct Finding {
  /// "file", "connector", "config", "permissions", "source", "transform", "destination", "state", "interrupted".
  std::string part;
  FindingStatus status = FindingStatus::kOk;
  /// One sentence: what was found, or what is wrong, where and why.
  std::string message;
  /// What to do; empty when the message says it, or nothing has to be done.
  std::string fix;
  /// For a failed finding: the error that a run would end with.
  std::optional<RunFailure> failure;
  std::vector<pipeline::Problem> problems;
};

struct CheckRequest {
  /// The file's name as the user gave it.
  std::filesystem::path file;
  /// What was read from it, with or without problems.
  const pipeline::ParseOutcome& parsed;
  /// Called once, when the file is valid.
  std::function<Result<std::unique_ptr<runtime::ComponentRuntime>>(const pipeline::PipelineConfig&)> make_runtime;
  /// Called when the state exists.
  std::function<Result<std::unique_ptr<state::StateBackend>>(const pipeline::StateConfig&)> open_state;
  CancelToken cancel;
};

[[nodiscard]] std::vector<Finding> check_pipeline(const CheckRequest& request);

}  // namespace rapidbyte::engine
