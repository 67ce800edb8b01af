#include "rapidbyte/engine/errors.h"

#include <algorithm>
#include <array>

#include "rapidbyte/base/redacted_json.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::kConfig: return "config";
    case Stage::kConnector: return "connector";
    case Stage::kSource: return "source";
    case Stage::kDestination: return "destination";
    case Stage::kTransform: return "transform";
    case Stage::kRejected: return "rejected";
    case Stage::kState: return "state";
    case Stage::kInterrupted: return "interrupted";
    case Stage::kInternal: return "internal";
  }
  return "internal";
}

Stage origin_of(const ConnectorError& error, Stage stage) {
  struct Origin {
    std::string_view code;
    Stage stage;
  };
  static constexpr std::array kOrigins = {
      Origin{codes::kConnectorNotFound, Stage::kConnector},
      Origin{codes::kConnectorRefInvalid, Stage::kConnector},
      Origin{codes::kConnectorVersionMismatch, Stage::kConnector},
      Origin{codes::kChecksumMismatch, Stage::kConnector},
      Origin{codes::kManifestMissing, Stage::kConnector},
      Origin{codes::kManifestInvalid, Stage::kConnector},
      Origin{codes::kProtocolMismatch, Stage::kConnector},
      Origin{codes::kWrongRole, Stage::kConnector},
      Origin{codes::kComponentInvalid, Stage::kConnector},
      Origin{codes::kStateBackend, Stage::kState},
      Origin{codes::kPipelineLocked, Stage::kState},
      Origin{codes::kLeaseLost, Stage::kState},
  };
  const auto known =
      std::find_if(kOrigins.begin(), kOrigins.end(), [&](const Origin& origin) { return origin.code == error.code; });
  return known != kOrigins.end() ? known->stage : stage;
}

ConnectorError redacted(ConnectorError error) {
  error.code = redact(error.code);
  error.message = redact(error.message);
  if (error.details_json) error.details_json = redacted_foreign_json(*error.details_json);
  return error;
}

bool FailureSlot::set(Stage stage, ConnectorError error) {
  std::lock_guard lock(mutex_);
  if (failure_) return false;
  failure_ = RunFailure{stage, std::move(error)};
  return true;
}

bool FailureSlot::failed() const {
  std::lock_guard lock(mutex_);
  return failure_.has_value();
}

std::optional<RunFailure> FailureSlot::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

}  // namespace rapidbyte::engine
