#pragma once
// The runtime's facade, which engine/ and cli/ include. A ComponentRuntime loads connectors (once per process); a
// ComponentInstance is one sandboxed guest, used by one thread at a time. Both are interfaces, so that the engine can
// be tested with fakes that block on demand. No Wasmtime type appears here.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/log.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/protocol/summaries.h"
#include "rapidbyte/runtime/connector/manifest.h"
#include "rapidbyte/state/pair_store.h"

namespace rapidbyte::runtime {

using protocol::CheckpointKind;
using protocol::ReadSummary;
using protocol::TransformSummary;
using protocol::WriteSummary;

enum class ConnectorRole : uint8_t { kSource, kDestination, kTransform };
enum class ValidationStatus : uint8_t { kSuccess, kFailed, kWarning };

struct ValidationResult {
  ValidationStatus status = ValidationStatus::kSuccess;
  std::string message;
};
struct DlqRecord {
  std::string stream;
  std::string record_json;
  std::string error_message;
  std::string error_category;
};

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };
struct Metric {
  std::string name;
  MetricKind kind = MetricKind::kCounter;
  double value = 0;
  std::vector<std::pair<std::string, std::string>> labels;
};

/// What an instance's host calls reach in the engine. Called on the instance's thread; a blocking call returns
/// CANCELLED soon after the instance's cancel token fires. There are no defaults: a class that forwards calls must not
/// compile when it has forgotten one. For an instance without a stage, see idle_services.h.
class HostServices {
 public:
  virtual ~HostServices() = default;
  /// Takes one batch (never empty), which stays in the guest's memory until the call returns. Blocks while the queue is
  /// full. NO_SENDER; CHANNEL_SEND when the receiver is gone; INVALID_BATCH when its rows cannot be counted.
  virtual Status emit_batch(std::span<const std::byte> batch) = 0;
  /// The next batch, or nullopt at the end of the stream. NO_RECEIVER.
  virtual Result<std::optional<PooledBuffer>> next_batch() = 0;
  /// A checkpoint of the guest, already taken out of `payload` if it was wrapped.
  virtual Status checkpoint(CheckpointKind kind, protocol::Checkpoint checkpoint) = 0;
  /// The newest source checkpoint up to which everything has been taken; a destination commits it. nullopt: there is
  /// none.
  virtual Result<std::optional<std::string>> pending_checkpoint() = 0;
  /// NO_DLQ outside of a run.
  virtual Status emit_dlq_record(DlqRecord record) = 0;
  virtual void metric(const Metric& metric) = 0;
  /// One line of the guest's log, already cut to the limit of a line and of lines per second.
  virtual void log(LogLevel level, std::string_view message) = 0;
};

/// A component that has been found, checked and compiled, and whose protocol is known. Shared by threads, immutable.
class Connector {
 public:
  virtual ~Connector() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;  // "source-file"
  [[nodiscard]] virtual const std::string& version() const = 0;  // from the manifest, else from the reference
  [[nodiscard]] virtual ConnectorRole role() const = 0;
  /// The component, which other connectors may be in as well.
  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;
  /// Need not exist if that was allowed.
  [[nodiscard]] virtual const std::filesystem::path& manifest_path() const = 0;
  /// Null when the component has none and that was allowed.
  [[nodiscard]] virtual const Manifest* manifest() const = 0;
  /// "2.0.0" or "2.1.0".
  [[nodiscard]] virtual const std::string& protocol() const = 0;
  /// How long compiling took in this process; zero when it came from the cache, or was compiled for another connector.
  [[nodiscard]] virtual std::chrono::nanoseconds compile_time() const { return std::chrono::nanoseconds{0}; }
  /// The size of its compiled code in the AOT cache, in bytes; zero when none is kept there.
  [[nodiscard]] virtual uint64_t compiled_bytes() const { return 0; }
  [[nodiscard]] bool speaks_2_1() const { return protocol() == "2.1.0"; }
};

struct ConnectorGrants;  // grants.h

/// Everything that a guest is given. It can reach nothing else.
struct InstanceOptions {
  std::string pipeline;
  std::string stream;  // empty outside of a run
  std::string connector_id;  // unique in the pipeline: "source", "destination", "transform-0"
  nlohmann::json config = nlohmann::json::object();
  std::vector<std::string> allow_env;
  /// The folders and files that it may use, as resolve_grants() (grants.h) found them for the run. Shared by all
  /// instances of the connector. Null: none.
  std::shared_ptr<const ConnectorGrants> grants;
  /// The caller only validates or discovers: no file is created for the guest (a missing database stays missing).
  bool only_looks = false;
  uint64_t max_memory = uint64_t{256} << 20U;
  /// Stop the guest when it makes no progress for this long.
  std::chrono::milliseconds guest_timeout{300'000};
  /// Largest batch the host accepts from the guest; BATCH_TOO_LARGE beyond. 64 MiB: far below Wasmtime's 128 MiB per
  /// call.
  uint64_t max_batch_bytes = uint64_t{64} << 20U;
  uint32_t max_sockets = 64;
  CancelToken cancel;
  /// Shared: the caller reads results from it after the instance is gone. Null: IdleServices.
  std::shared_ptr<HostServices> services;
  state::PairStore* state = nullptr;  // null: state calls answer STATE_BACKEND
};

/// One guest. Calls follow the protocol's order: open, then any of the others, then close. An error of a call that
/// trapped has one of the codes GUEST_TRAP, GUEST_TIMEOUT, GUEST_EXIT, STACK_OVERFLOW, MEMORY_LIMIT, CANCELLED; the
/// instance is then poisoned: further calls answer INSTANCE_POISONED and close() does nothing. Every error's message
/// begins with the connector's name and, in a run, the stream.
class ComponentInstance {
 public:
  virtual ~ComponentInstance() = default;
  virtual Status open() = 0;
  virtual Result<std::string> discover() = 0;  // catalog JSON
  virtual Result<ValidationResult> validate() = 0;
  virtual Result<ReadSummary> run_read(std::string_view ctx_json) = 0;
  virtual Result<WriteSummary> run_write(std::string_view ctx_json) = 0;
  virtual Result<TransformSummary> run_transform(std::string_view ctx_json) = 0;
  // 2.1.0; for a 2.0.0 component the answers are empty: "[]", ok, ok, nullopt.
  virtual Result<std::string> plan_partitions(std::string_view ctx_json, uint32_t want) = 0;
  virtual Status begin_stream(std::string_view ctx_json) = 0;
  virtual Status finish_stream(std::string_view ctx_json, bool succeeded) = 0;
  virtual Result<std::optional<std::string>> last_committed(std::string_view ctx_json) = 0;
  virtual Status close() = 0;
  /// Further calls are about `stream`: errors name it, and the guest's stream-scoped keys belong to it. Only between
  /// two calls.
  virtual void serve(std::string stream) = 0;
  /// Peak sum of the guest's linear memories so far, in bytes.
  [[nodiscard]] virtual uint64_t peak_memory_bytes() const = 0;
  /// Total time that the guest's calls have waited for sockets.
  [[nodiscard]] virtual std::chrono::nanoseconds network_wait() const { return std::chrono::nanoseconds{0}; }
};

/// Called during a compilation that takes longer than a second, with the component's name and size in bytes. On its own
/// thread.
using SlowCompilation = std::function<void(std::string_view name, uint64_t bytes)>;

struct RuntimeOptions {
  /// Extra folder searched for connectors before the standard ones (tests). Empty: none.
  std::filesystem::path connector_dir;
  bool allow_unmanifested = false;
  SlowCompilation on_slow_compilation{};  // empty: nobody is told
  /// The pipeline file's folder, to which a relative path in `use` is relative. Empty: the current folder.
  std::filesystem::path base_folder{};
};

class ComponentRuntime {
 public:
  virtual ~ComponentRuntime() = default;
  /// Finds, verifies and compiles (or loads from the AOT cache) a connector. Errors: CONNECTOR_NOT_FOUND (every path
  /// tried), CHECKSUM_MISMATCH, MANIFEST_MISSING, MANIFEST_INVALID, PROTOCOL_MISMATCH, WRONG_ROLE, COMPONENT_INVALID.
  /// A component is compiled and held once, whatever the number of connectors in it.
  virtual Result<std::shared_ptr<const Connector>> load(std::string_view reference, ConnectorRole role) = 0;
  virtual Result<std::unique_ptr<ComponentInstance>> instantiate(std::shared_ptr<const Connector> connector,
                                                                 InstanceOptions options) = 0;
};

/// The real runtime, over Wasmtime. One per process.
Result<std::unique_ptr<ComponentRuntime>> make_component_runtime(RuntimeOptions options);

}  // namespace rapidbyte::runtime
