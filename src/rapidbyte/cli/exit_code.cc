#include "rapidbyte/cli/exit_code.h"

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {

ExitCode exit_code_for(engine::Stage stage) {
  using engine::Stage;
  struct Row {
    Stage stage;
    ExitCode code;
  };
  static constexpr std::array kTable = {
      Row{Stage::kConfig, ExitCode::kInvalidPipeline},
      Row{Stage::kConnector, ExitCode::kConnector},
      Row{Stage::kSource, ExitCode::kSource},
      Row{Stage::kDestination, ExitCode::kDestination},
      Row{Stage::kTransform, ExitCode::kTransform},
      Row{Stage::kRejected, ExitCode::kRejectedRows},
      Row{Stage::kState, ExitCode::kState},
      Row{Stage::kInterrupted, ExitCode::kInterrupted},
      Row{Stage::kInternal, ExitCode::kInternal},
  };
  const auto* row = std::find_if(kTable.begin(), kTable.end(), [&](const Row& entry) { return entry.stage == stage; });
  return row != kTable.end() ? row->code : ExitCode::kInternal;
}

std::string_view meaning_of(ExitCode code) {
  switch (code) {
    case ExitCode::kOk: return "ok";
    case ExitCode::kInternal: return "internal error";
    case ExitCode::kUsage: return "wrong usage";
    case ExitCode::kInvalidPipeline: return "invalid pipeline";
    case ExitCode::kConnector: return "connector not usable";
    case ExitCode::kSource: return "source failed";
    case ExitCode::kDestination: return "destination failed";
    case ExitCode::kTransform: return "transform failed";
    case ExitCode::kRejectedRows: return "too many rows rejected";
    case ExitCode::kState: return "state not available";
    case ExitCode::kBug: return "bug in rapidbyte";
    case ExitCode::kInterrupted: return "interrupted";
  }
  return "unknown";
}

}  // namespace rapidbyte::cli
