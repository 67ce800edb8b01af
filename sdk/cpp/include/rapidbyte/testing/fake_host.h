#pragma once
// FakeHost: the host that native builds of a connector talk to. Create one in a test and it serves every
// rapidbyte::sdk::host function called on that thread until it is destroyed. It takes scripted batches and checkpoint
// markers as input, keeps everything that the connector sends, holds state in memory, opens real TCP connections, and
// makes any call fail on demand. The rules that connectors rely on (markers in the queue, pending checkpoints, refused
// batches) are those of the real host.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk::testing {

class TlsSession;

struct LogLine {
  host::LogLevel level = host::LogLevel::kInfo;
  std::string message;
};
struct DlqRecord {
  std::string stream;
  std::string record_json;
  std::string error_message;
  std::string error_category;
};
struct SentCheckpoint {
  host::CheckpointKind kind = host::CheckpointKind::kSource;
  Json payload;
};
struct SentMetric {
  std::string name;
  std::string kind;  // counter, gauge, histogram
  double value = 0;
  std::vector<std::pair<std::string, std::string>> labels;
};

/// A batch, or a checkpoint marker after the batches that it covers.
struct StreamItem {
  std::vector<uint8_t> batch;  // empty: a marker
  Json marker;
  [[nodiscard]] bool is_batch() const { return !batch.empty(); }
};

class FakeHost {
 public:
  FakeHost();
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  /// The one of this thread, or null.
  static FakeHost* current();

  // Input of a destination or transform, in order.
  void push_batch(std::span<const uint8_t> batch);
  /// A source checkpoint after the batches pushed so far; `load_id` and `batches_covered` are added as the engine does.
  void push_marker(Json checkpoint);
  /// A marker exactly as given.
  void push_raw_marker(Json checkpoint);
  /// What the engine appends after a source that succeeded: the last checkpoint again, with "end": true.
  void push_end_marker();
  /// Everything that a source sent to `source`, then the end marker.
  void push_stream_of(const FakeHost& source);

  /// For an instance that serves many streams: forgets the remaining input, what was sent, and pending faults. State
  /// and sockets stay.
  void next_stream();

  // What the connector sent.
  [[nodiscard]] const std::vector<StreamItem>& sent() const { return sent_; }
  [[nodiscard]] std::vector<std::vector<uint8_t>> sent_batches() const;
  [[nodiscard]] const std::vector<SentCheckpoint>& checkpoints() const { return checkpoints_; }
  [[nodiscard]] const std::vector<LogLine>& logs() const { return logs_; }
  [[nodiscard]] const std::vector<DlqRecord>& dlq() const { return dlq_; }
  [[nodiscard]] const std::vector<SentMetric>& metrics() const { return metrics_; }
  /// Markers that became durable, that is, were covered when the destination reported a commit.
  [[nodiscard]] const std::vector<Json>& durable_markers() const { return durable_; }
  /// How often a host function was called, by its protocol name ("emit-batch").
  [[nodiscard]] uint64_t calls(std::string_view function) const;

  /// State by scope and key; set it up or inspect it.
  std::map<std::pair<uint32_t, std::string>, std::string> state;

  // Behaviour.
  /// The `nth` call (1 is the next one) of this host function fails with `error`, and has no effect.
  void fail_call(std::string_view function, uint64_t nth, Error error);
  /// Called before every host call with its protocol name.
  std::function<void(std::string_view function)> before_call;
  void cancel() { cancelled_ = true; }
  /// Whether a marker counts as soon as the batch before it was taken (true), or only when the connector asks for more
  /// (false). The real host may do either.
  bool eager_markers = true;
  bool allow_network = true;
  /// Whether the connector may emit and take: tests of NO_SENDER and NO_RECEIVER.
  bool has_sender = true;
  bool has_receiver = true;
  std::string load_id = "load-1";
  /// As if the manifest gave them.
  std::vector<std::string> arguments = {};
  uint64_t max_batch_bytes = uint64_t{64} << 20U;
  /// Connections without a network: each one opened from now on reads these pieces, one by one, and then reaches its
  /// end; an empty piece is a read that would block once. Written data is accepted and discarded.
  void script_sockets(std::vector<std::vector<uint8_t>> pieces);
  /// Refuse batches that are not one valid Arrow IPC stream with exactly one record batch.
  bool check_batches = true;

  // The host functions (docs/protocol.md, "What the host offers").
  Status emit_batch(std::span<const uint8_t> batch);
  Result<std::optional<Bytes>> next_batch();
  void log(host::LogLevel level, std::string_view message);
  Status checkpoint(host::CheckpointKind kind, std::string_view payload_json);
  Result<std::optional<std::string>> pending_checkpoint();
  Status metric(std::string_view payload_json);
  Status emit_dlq_record(DlqRecord record);
  Result<std::optional<std::string>> state_get(host::Scope scope, std::string_view key);
  Status state_put(host::Scope scope, std::string_view key, std::string_view value);
  Result<bool> state_cas(host::Scope scope, std::string_view key, std::optional<std::string_view> expected,
                         std::string_view value);
  Result<host::SocketHandle> connect_tcp(std::string_view host, uint16_t port);
  Result<host::SocketRead> socket_read(host::SocketHandle handle, uint64_t max_bytes);
  Result<std::optional<uint64_t>> socket_write(host::SocketHandle handle, std::span<const uint8_t> data);
  Result<bool> socket_wait(host::SocketHandle handle, host::SocketInterest interest, uint32_t timeout_ms);
  /// Real TLS, by OpenSSL.
  Status socket_start_tls(host::SocketHandle handle, std::string_view server_name, host::TlsVerify verify,
                          std::optional<std::string_view> ca_pem);
  void socket_close(host::SocketHandle handle);
  bool is_cancelled();

 private:
  struct Fault {
    std::string function;
    uint64_t countdown = 0;
    Error error;
  };

  Status enter(std::string_view function);
  void absorb_markers();
  /// After a commit: the markers up to there, or all taken ones when the destination named none.
  void make_durable(std::optional<uint64_t> batches_covered);
  Result<int> find_socket(host::SocketHandle handle) const;

  FakeHost* previous_ = nullptr;  // tests may nest hosts: the innermost serves
  std::deque<StreamItem> input_;
  uint64_t batches_pushed_ = 0;
  Json last_pushed_marker_;
  std::vector<Json> covered_;  // markers passed, not yet durable
  std::vector<Json> durable_;
  std::vector<StreamItem> sent_;
  std::vector<SentCheckpoint> checkpoints_;
  std::vector<LogLine> logs_;
  std::vector<DlqRecord> dlq_;
  std::vector<SentMetric> metrics_;
  std::map<std::string, uint64_t, std::less<>> calls_;
  std::vector<Fault> faults_;
  std::map<host::SocketHandle, int> sockets_;
  std::optional<std::vector<std::vector<uint8_t>>> script_;
  std::map<host::SocketHandle, size_t> scripted_;  // the next piece of those sockets that are scripted
  std::map<host::SocketHandle, std::unique_ptr<TlsSession>> tls_;  // of those sockets that have it
  host::SocketHandle next_socket_ = 1;
  bool cancelled_ = false;
};

/// A stream context as the engine builds it, for tests: change what you need, then pass to_text() of it.
Json make_context(std::string_view stream, const Schema& schema = {});

}  // namespace rapidbyte::sdk::testing
