#include "rapidbyte/runtime/sandbox/guest_error.h"

#include <algorithm>
#include <array>
#include <string>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

constexpr auto kHostCodes = std::to_array<std::string_view>({
    // Codes about the run, the state and the connector's file: they decide the exit code.
    codes::kCancelled,
    codes::kStateBackend,
    codes::kStateQuota,
    codes::kPipelineLocked,
    codes::kLeaseLost,
    codes::kPipelineInvalid,
    codes::kConnectorNotFound,
    codes::kConnectorRefInvalid,
    codes::kConnectorVersionMismatch,
    codes::kChecksumMismatch,
    codes::kManifestMissing,
    codes::kManifestInvalid,
    codes::kProtocolMismatch,
    codes::kWrongRole,
    codes::kComponentInvalid,
    // Codes about what the sandbox saw.
    codes::kGuestTrap,
    codes::kGuestTimeout,
    codes::kGuestExit,
    codes::kStackOverflow,
    codes::kMemoryLimit,
    codes::kInstancePoisoned,
    codes::kExportMissing,
    codes::kWitShape,
    codes::kHostException,
    // Codes about what the engine counted and wrote.
    codes::kRowCountMismatch,
    codes::kLoadMiscounted,
    codes::kDlqFull,
    codes::kDlqWriteFailed,
    codes::kStageFailed,
});

/// Removes `stream 'orders': ` from the front, also with other quotes or none.
std::string_view without_stream(std::string_view message, std::string_view stream) {
  std::string_view rest = message;
  constexpr std::string_view kWord = "stream ";
  if (rest.starts_with(kWord)) rest.remove_prefix(kWord.size());
  const char quote = rest.empty() ? '\0' : rest.front();
  const bool quoted = quote == '\'' || quote == '"' || quote == '`';
  if (quoted) rest.remove_prefix(1);
  if (stream.empty() || !rest.starts_with(stream)) return message;
  rest.remove_prefix(stream.size());
  if (quoted) {
    if (rest.empty() || rest.front() != quote) return message;
    rest.remove_prefix(1);
  }
  constexpr std::string_view kEnd = ": ";
  if (!rest.starts_with(kEnd)) return message;
  return rest.substr(kEnd.size());
}

}  // namespace

bool is_host_code(std::string_view code) {
  return std::find(kHostCodes.begin(), kHostCodes.end(), code) != kHostCodes.end();
}

ConnectorError as_guest_error(ConnectorError error, bool given_by_host, std::string_view stream) {
  if (is_host_code(error.code) && !given_by_host) error.code.insert(0, "CONNECTOR_");
  error.message = std::string(without_stream(error.message, stream));
  return error;
}

}  // namespace rapidbyte::runtime
