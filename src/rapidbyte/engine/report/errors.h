#pragma once
// Which part of a run failed: it decides the exit code and is named in the report, so that users know where to look. A
// RunFailure is made once, by the stage that failed first; consequences in other stages are not reported.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

enum class Stage : uint8_t {
  kConfig,       // the pipeline does not fit the connectors or the catalog: exit code 3
  kConnector,    // a connector is missing, refused or incompatible: 4
  kSource,       // 5
  kDestination,  // 6
  kTransform,    // 7
  kRejected,     // rejected records beyond the cap: 8
  kState,        // state unavailable or locked, or the DLQ file beside it: 9
  kInterrupted,  // Ctrl-C, SIGTERM: 130
  kInternal,     // the engine's own accounting does not add up: 1
};

/// "config", "connector", "source", "destination", "transform", "rejected", "state", "interrupted", "internal".
std::string_view to_string(Stage stage);

/// Where `error`, which was met in `stage`, originated. Errors of the state, and problems with a connector's files,
/// surface in whatever was under way, also through a guest that passes on what the host told it; only the host can make
/// errors with these codes (runtime/sandbox/guest_error.h). Every other error originated where it was met.
[[nodiscard]] Stage origin_of(const ConnectorError& error, Stage stage);

struct RunFailure {
  RunFailure() = default;
  /// `met_in`: where the error surfaced; `stage` is its origin.
  RunFailure(Stage met_in, ConnectorError what) : stage(origin_of(what, met_in)), error(std::move(what)) {}

  Stage stage = Stage::kInternal;
  ConnectorError error;
  /// Of a stream's failure: every other stream would meet it, too, because a connector cannot be opened, or the state
  /// or the file of rejected records is unavailable or full. No further stream begins, whatever on_stream_error says.
  bool concerns_every_stream = false;
};

/// `error` with known secrets redacted in its texts, for everything that leaves the engine.
[[nodiscard]] ConnectorError redacted(ConnectorError error);

/// Keeps the first failure of several threads; later ones are consequences. Thread safe.
class FailureSlot {
 public:
  /// False when there was a failure before.
  bool set(Stage stage, ConnectorError error);
  [[nodiscard]] bool failed() const;
  [[nodiscard]] std::optional<RunFailure> take();

 private:
  mutable std::mutex mutex_;
  std::optional<RunFailure> failure_;
};

}  // namespace rapidbyte::engine
