#pragma once
// The host's functions (docs/protocol.md) as C++. In a component they are calls out of the sandbox; in a native build
// they go to the FakeHost of rapidbyte/testing/fake_host.h. Single-threaded: a component has only one thread. Every
// function that takes bytes copies them before it returns, so the caller's buffer may be reused at once.

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/protocol/checkpoint_kind.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

/// A block of bytes that the host wrote into our memory. Owns it and frees it; move-only.
class Bytes {
 public:
  Bytes() = default;
  /// Takes ownership of a block from malloc().
  static Bytes adopt(uint8_t* data, size_t size) { return Bytes(data, size); }
  static Bytes copy_of(std::span<const uint8_t> bytes);
  Bytes(Bytes&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { std::free(data_); }

  [[nodiscard]] const uint8_t* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const uint8_t> span() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  Bytes(uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

namespace host {

enum class LogLevel : uint32_t { kError = 0, kWarn = 1, kInfo = 2, kDebug = 3, kTrace = 4 };
using protocol::CheckpointKind;
/// Who owns a key: the pipeline, the stream, or this connector instance.
enum class Scope : uint32_t { kPipeline = 0, kStream = 1, kInstance = 2 };
enum class SocketInterest : uint8_t { kReadable = 0, kWritable = 1 };
enum class TlsVerify : uint8_t { kNone = 0, kCa = 1, kFull = 2 };

/// Hands one Arrow IPC stream (schema, one record batch, end marker) to the next stage. Blocks while the queue is full.
/// EMPTY_BATCH, BATCH_TOO_LARGE, NO_SENDER, CHANNEL_SEND, CANCELLED.
Status emit_batch(std::span<const uint8_t> batch);
/// The next batch, or nullopt at the end of the stream. NO_RECEIVER, CANCELLED.
Result<std::optional<Bytes>> next_batch();

void log(LogLevel level, std::string_view message);
inline void log_error(std::string_view message) { log(LogLevel::kError, message); }
inline void log_warn(std::string_view message) { log(LogLevel::kWarn, message); }
inline void log_info(std::string_view message) { log(LogLevel::kInfo, message); }
inline void log_debug(std::string_view message) { log(LogLevel::kDebug, message); }

/// Reports a checkpoint (docs/protocol.md). Sources use CheckpointPacer and destinations CommitGate instead.
Status checkpoint(CheckpointKind kind, std::string_view payload_json);
/// The newest source checkpoint that is wholly covered by the batches taken so far. For destinations only: see
/// CommitGate.
Result<std::optional<std::string>> pending_checkpoint();

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
Status counter(std::string_view name, uint64_t value, const Labels& labels = {});
Status gauge(std::string_view name, double value, const Labels& labels = {});
Status histogram(std::string_view name, double value, const Labels& labels = {});

/// One rejected record: durable before the commit that covers it. `record_json` should hold the record as it was read.
Status emit_dlq_record(std::string_view stream, std::string_view record_json, std::string_view error_message,
                       ErrorCategory category = ErrorCategory::kData);

/// Reads a value of the state. Keys have at most 1024 bytes. KEY_TOO_LONG, STATE_BACKEND.
Result<std::optional<std::string>> state_get(Scope scope, std::string_view key);
Status state_put(Scope scope, std::string_view key, std::string_view value);
/// Sets `key` if its value is `expected` (nullopt: if it is absent); false when it is not.
Result<bool> state_cas(Scope scope, std::string_view key, std::optional<std::string_view> expected,
                       std::string_view value);

/// Host sockets, non-blocking. TcpStream (tcp.h) is the convenient form.
using SocketHandle = uint64_t;
struct SocketRead {
  enum class Kind : uint8_t { kData, kEof, kWouldBlock };
  Kind kind = Kind::kWouldBlock;
  Bytes data;
};
/// NETWORK_DENIED, DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED.
Result<SocketHandle> connect_tcp(std::string_view host, uint16_t port);
Result<SocketRead> socket_read(SocketHandle handle, uint64_t max_bytes);
/// Bytes written, or nullopt when it would block.
Result<std::optional<uint64_t>> socket_write(SocketHandle handle, std::span<const uint8_t> data);
/// True when ready, false on time-out; CANCELLED when the run is being cancelled. Does not use a core.
Result<bool> socket_wait(SocketHandle handle, SocketInterest interest, uint32_t timeout_ms);
Status socket_start_tls(SocketHandle handle, std::string_view server_name, TlsVerify verify,
                        std::optional<std::string_view> ca_pem);
void socket_close(SocketHandle handle);

/// Whether the run is being cancelled; long work without host calls should check now and then.
bool is_cancelled();

/// What the manifest gives the component as `artifact.arguments`; empty without them, and with a host of before 2.2.
std::vector<std::string> arguments();

}  // namespace host
}  // namespace rapidbyte::sdk
