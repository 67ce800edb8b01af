#include "rapidbyte/cli/exit_code.h"

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {
namespace {

struct KnownCode {
  std::string_view code;
  ExitCode exit_code;
};

// Codes of our own modules that mean the same thing wherever they surface.
constexpr std::array kKnownCodes = {
    KnownCode{codes::kCancelled, ExitCode::kInterrupted},
    KnownCode{codes::kConnectorNotFound, ExitCode::kConnector},
    KnownCode{codes::kConnectorRefInvalid, ExitCode::kConnector},
    KnownCode{codes::kConnectorVersionMismatch, ExitCode::kConnector},
    KnownCode{codes::kChecksumMismatch, ExitCode::kConnector},
    KnownCode{codes::kManifestMissing, ExitCode::kConnector},
    KnownCode{codes::kManifestInvalid, ExitCode::kConnector},
    KnownCode{codes::kProtocolMismatch, ExitCode::kConnector},
    KnownCode{codes::kWrongRole, ExitCode::kConnector},
    KnownCode{codes::kComponentInvalid, ExitCode::kConnector},
    KnownCode{codes::kStateBackend, ExitCode::kState},
    KnownCode{codes::kPipelineLocked, ExitCode::kState},
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
