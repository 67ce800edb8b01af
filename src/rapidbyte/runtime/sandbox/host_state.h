#pragma once
// ComponentHostState: the host's side of one instance, one method per function of the WIT interface `host` (see
// docs/protocol.md). Sizes are checked before anything is copied; errors carry the protocol's codes. Used on the
// instance's thread only. The methods do not depend on Wasmtime, so they are tested without it; define_host_functions()
// is the one table that connects them to a linker.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/net/socket_table.h"
#include "rapidbyte/runtime/sandbox/guest_log.h"

struct wasmtime_component_linker_instance_t;

namespace rapidbyte::runtime {

/// Longest state key, bytes (KEY_TOO_LONG).
inline constexpr size_t kMaxStateKeyBytes = 1024;
/// Largest state value, checkpoint and metric payload, bytes. 4 MiB: state is for cursors, not for data.
inline constexpr size_t kMaxStateValueBytes = size_t{4} << 20U;
/// Limits of one metric: a name, and labels such as the table. Anything longer is data.
inline constexpr size_t kMaxMetricTextBytes = 256;
inline constexpr size_t kMaxMetricLabels = 16;
/// Metrics of an instance per second, and in total. They are for dashboards, which poll every few seconds; with the
/// limits above, an instance writes at most some hundred MiB to the file of events.
inline constexpr uint32_t kMaxMetricsPerSecond = 100;
inline constexpr uint64_t kMaxMetricsPerInstance = 100'000;
/// Largest rejected record, bytes. 64 MiB: the largest batch, so whatever could arrive can be rejected.
inline constexpr size_t kMaxDlqRecordBytes = size_t{64} << 20U;
/// How long a guest may unwind after a cancellation before its code is stopped. Together with the epoch tick, it keeps
/// the end of a run under 2 s.
inline constexpr std::chrono::milliseconds kCancelGrace{800};

/// How long a guest may take to pass on an error for which the host needed at least kLateError, so that its cause is
/// shown and not only GUEST_TIMEOUT; and how often per call.
inline constexpr std::chrono::milliseconds kErrorGrace{1000};
inline constexpr std::chrono::milliseconds kLateError{100};
inline constexpr uint32_t kMaxLateErrors = 10;

/// What the epoch tick decides about a running guest.
enum class GuestVerdict : uint8_t { kContinue, kCancelled, kTimedOut };

class ComponentHostState {
 public:
  /// `options.services` must be set.
  ComponentHostState(InstanceOptions options, NetworkAcl acl, bool is_2_0);

  Status emit_batch(std::span<const std::byte> batch);
  /// The bytes stay valid until the next call of next_batch().
  Result<std::optional<std::span<const std::byte>>> next_batch();
  void log(uint32_t level, std::string_view message);
  Status checkpoint(uint32_t kind, std::string_view payload_json);
  Status metric(std::string_view payload_json);
  Status emit_dlq_record(std::string_view stream, std::string_view record_json, std::string_view message,
                         std::string_view category);
  Result<std::optional<std::string>> state_get(uint32_t scope, std::string_view key);
  Status state_put(uint32_t scope, std::string_view key, std::string_view value);
  Result<bool> state_cas(uint32_t scope, std::string_view key, const std::optional<std::string>& expected,
                         std::string_view value);
  Result<uint64_t> connect_tcp(std::string_view host, uint16_t port);
  /// With kData the bytes are in socket_bytes() until the next call.
  Result<SocketReadResult> socket_read(uint64_t handle, uint64_t len);
  Result<SocketWriteResult> socket_write(uint64_t handle, std::span<const std::byte> data);
  void socket_close(uint64_t handle);
  Result<bool> socket_wait(uint64_t handle, SocketInterest interest, uint32_t timeout_ms);
  Status socket_start_tls(uint64_t handle, const TlsOptions& options);
  [[nodiscard]] bool is_cancelled() const { return options_.cancel.cancelled(); }
  Result<std::optional<std::string>> pending_checkpoint();

  [[nodiscard]] std::span<const std::byte> socket_bytes() const { return socket_bytes_; }
  [[nodiscard]] GuestLog& guest_log() { return log_; }
  [[nodiscard]] const GuestLog& guest_log() const { return log_; }
  [[nodiscard]] const InstanceOptions& options() const { return options_; }
  /// From now on the guest's stream-scoped keys belong to `stream`. Per-stream limits are reset.
  void serve(std::string stream) {
    options_.stream = std::move(stream);
    metrics_ = 0;
    metrics_dropped_ = false;
    given_codes_.clear();
    batch_moved_ = false;
    input_ended_ = false;
  }

  /// Total time that the guest's calls have waited for the other end of a socket.
  [[nodiscard]] std::chrono::nanoseconds network_wait() const { return network_wait_; }

  /// Marks the beginning of a call into the guest, from which timeout and grace period are measured.
  void begin_call();
  /// Whether the guest may continue; called at every epoch tick. Records a refusal for the error message.
  [[nodiscard]] GuestVerdict judge();
  [[nodiscard]] GuestVerdict last_verdict() const { return verdict_; }

  /// Records that the guest was given this error (nothing for a success): it may pass it on as its own.
  void note_given(const Status& status);
  /// Whether the host gave this guest an error with `code`, or told it in another way (is-cancelled).
  [[nodiscard]] bool gave(std::string_view code) const;

  /// Keeps the error of a typed byte call alive while its borrowed texts are lowered into the guest.
  Status& borrowed_error() { return borrowed_error_; }

 private:
  using Clock = std::chrono::steady_clock;
  /// Counts a host call that began at `start`. Only calls that cannot be repeated endlessly count as progress: not an
  /// error, a second end of the input, or a checkpoint without a new batch. But an error that took the host a long time
  /// leaves time to pass it on.
  void count_call(Clock::time_point start, bool is_progress);
  Result<state::PairKey> scoped_key(uint32_t scope, std::string_view key) const;
  Status check_state_access() const;
  [[nodiscard]] bool metric_is_due();

  InstanceOptions options_;
  bool is_2_0_;
  SocketTable sockets_;
  GuestLog log_;
  PooledBuffer current_batch_;
  std::vector<std::byte> socket_buffer_;
  std::span<const std::byte> socket_bytes_;
  Status borrowed_error_;
  std::set<std::string, std::less<>> given_codes_;  // as many as the host has codes
  Clock::time_point metric_window_;
  uint32_t metrics_in_window_ = 0;
  uint64_t metrics_ = 0;
  bool metrics_dropped_ = false;
  Clock::time_point call_start_;
  Clock::time_point last_progress_;
  bool batch_moved_ = false;  // since the last checkpoint
  bool input_ended_ = false;
  uint32_t late_errors_ = 0;
  std::chrono::nanoseconds network_wait_{0};
  GuestVerdict verdict_ = GuestVerdict::kContinue;
};

/// Defines every host function in `instance` (rapidbyte:connector/host). The store's data pointer is a
/// ComponentHostState.
Status define_host_functions(wasmtime_component_linker_instance_t* instance);

}  // namespace rapidbyte::runtime
