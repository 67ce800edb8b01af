#include "rapidbyte/cli/exit_code.h"

#include <algorithm>
#include <array>

namespace rapidbyte::cli {
namespace {

struct KnownCode {
  std::string_view code;
  ExitCode exit_code;
};

// Codes of our own modules that mean the same thing wherever they surface.
constexpr std::array kKnownCodes = {
    KnownCode{"CANCELLED", ExitCode::kInterrupted},
    KnownCode{"CONNECTOR_NOT_FOUND", ExitCode::kConnector},
    KnownCode{"CONNECTOR_REF_INVALID", ExitCode::kConnector},
    KnownCode{"CONNECTOR_VERSION_MISMATCH", ExitCode::kConnector},
    KnownCode{"CHECKSUM_MISMATCH", ExitCode::kConnector},
    KnownCode{"MANIFEST_MISSING", ExitCode::kConnector},
    KnownCode{"MANIFEST_INVALID", ExitCode::kConnector},
    KnownCode{"PROTOCOL_MISMATCH", ExitCode::kConnector},
    KnownCode{"WRONG_ROLE", ExitCode::kConnector},
    KnownCode{"COMPONENT_INVALID", ExitCode::kConnector},
    KnownCode{"STATE_BACKEND", ExitCode::kState},
    KnownCode{"PIPELINE_LOCKED", ExitCode::kState},
    KnownCode{"LEASE_LOST", ExitCode::kState},
};

}  // namespace

ExitCode exit_code_for(const ConnectorError& error, engine::Stage stage) {
  const auto known = std::find_if(kKnownCodes.begin(), kKnownCodes.end(),
                                  [&](const KnownCode& entry) { return entry.code == error.code; });
  if (known != kKnownCodes.end()) return known->exit_code;
  switch (stage) {
    case engine::Stage::kConfig: return ExitCode::kInvalidPipeline;
    case engine::Stage::kConnector: return ExitCode::kConnector;
    case engine::Stage::kSource: return ExitCode::kSource;
    case engine::Stage::kDestination: return ExitCode::kDestination;
    case engine::Stage::kTransform: return ExitCode::kTransform;
    case engine::Stage::kRejected: return ExitCode::kRejectedRows;
    case engine::Stage::kState: return ExitCode::kState;
    case engine::Stage::kInterrupted: return ExitCode::kInterrupted;
    case engine::Stage::kInternal: return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
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
