#pragma once
// PipelineCheck: looks at every part of a pipeline in the order of a run and collects findings, going on after a
// failure as far as that makes sense. Moves no data and creates no state. Main thread; the guests see the cancel token.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rapidbyte/cli/command_context.h"
#include "rapidbyte/cli/exit_code.h"
#include "rapidbyte/cli/pipeline_preparation.h"
#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::cli {

enum class FindingStatus : uint8_t { kOk, kWarning, kFailed, kSkipped };
/// "ok", "warning", "failed", "skipped".
[[nodiscard]] std::string_view to_string(FindingStatus status);

struct Finding {
  /// "file", "connector", "config", "permissions", "source", "transform", "destination", "state".
  std::string part;
  FindingStatus status = FindingStatus::kOk;
  /// One sentence: what was found, or what is wrong, where and why.
  std::string message;
  /// What to do; empty when the message says it or nothing is to be done.
  std::string fix;
  ExitCode code = ExitCode::kOk;
  std::vector<pipeline::Problem> problems;
};

class PipelineCheck {
 public:
  PipelineCheck(std::filesystem::path file, CommandContext& context, bool allow_unmanifested, bool quiet);

  [[nodiscard]] std::vector<Finding> run();

 private:
  void check_connector(LoadedSlot& loaded);
  /// False when the guest would not get what it needs.
  bool check_permissions(const LoadedSlot& loaded);
  void check_guest(const LoadedSlot& loaded);
  void check_streams(const LoadedSlot& source, runtime::ComponentInstance& instance);
  /// Warns when no order of loading suits all streams.
  void check_references(const LoadedSlot& destination, runtime::ComponentInstance& instance);
  void check_state();
  /// Whether a run may go on behind the positions that are kept; says what it would refuse
  /// (CURSOR_CHANGED, and loads that cannot be gone on with).
  bool check_positions(state::StateBackend& state);
  void use_connectors(engine::RunContext& run) const;

  void ok(std::string part, std::string message);
  void warn(std::string part, std::string message, std::string fix);
  void fail(std::string part, ConnectorError error, engine::Stage stage, std::string fix = {});
  void skip(std::string part, std::string message);

  const std::filesystem::path file_;
  CommandContext& context_;
  const bool allow_unmanifested_;
  const bool quiet_;
  pipeline::ParseOutcome parsed_;
  std::unique_ptr<runtime::ComponentRuntime> runtime_;
  std::vector<LoadedSlot> connectors_;
  std::vector<std::string> streams_;  // those of the pipeline that the source has
  std::vector<engine::StreamPlan> plans_;  // of the same
  runtime::ResolvedGrants grants_;
  std::vector<Finding> findings_;
};

/// The exit code of the first finding that failed; kOk when none did.
[[nodiscard]] ExitCode exit_code_of(const std::vector<Finding>& findings);

}  // namespace rapidbyte::cli
