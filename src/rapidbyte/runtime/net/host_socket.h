#pragma once
// Host sockets: a guest's only network (docs/protocol.md, connect-tcp and socket-*). A SocketEntry owns one connection,
// in plain text or with TLS; connect_socket() makes one: it asks the ACL about the name, then about every resolved
// address, and connects to the checked address. SocketTable (socket_table.h) holds those of one instance.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/net/dns_lookup.h"
#include "rapidbyte/runtime/net/network_acl.h"
#include "rapidbyte/runtime/net/socket_wait.h"
#include "rapidbyte/runtime/net/tls_session.h"

namespace rapidbyte::runtime {

/// How long the host polls before it answers would-block to a guest that keeps asking, ms (the protocol says 1 ms). The
/// environment variable RAPIDBYTE_SOCKET_POLL_MS overrides it.
inline constexpr int kSocketReadyPollMs = 1;
/// Would-blocks in a row after which the host polls. Below it a guest that has other work is not delayed.
inline constexpr uint32_t kSocketPollActivationThreshold = 1024;
/// Name resolution and connecting together (the protocol says 10 s); a TLS handshake has as long again.
inline constexpr std::chrono::milliseconds kConnectTimeout{10'000};
/// Largest socket-read of a 2.0.0 component, bytes.
inline constexpr uint64_t kMaxSocketReadBytes = 65536;

/// kSocketReadyPollMs or RAPIDBYTE_SOCKET_POLL_MS, clamped to 0..1000. What is not a number counts as unset.
[[nodiscard]] int socket_poll_timeout_ms();
/// `len` of a socket-read brought into 1..`cap`.
[[nodiscard]] uint64_t clamp_socket_read_len(uint64_t len, uint64_t cap = kMaxSocketReadBytes);

/// An open, non-blocking socket, its would-block streaks and, once started, its TLS. Movable; closes on destruction.
class SocketEntry {
 public:
  /// Takes ownership of `fd`, which must be non-blocking.
  explicit SocketEntry(int fd) : fd_(fd) {}
  SocketEntry(SocketEntry&& other) noexcept;
  SocketEntry& operator=(SocketEntry&& other) noexcept;
  SocketEntry(const SocketEntry&) = delete;
  SocketEntry& operator=(const SocketEntry&) = delete;
  ~SocketEntry();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] uint32_t read_streak() const { return read_streak_; }
  [[nodiscard]] uint32_t write_streak() const { return write_streak_; }
  /// Null while the connection is plain.
  [[nodiscard]] const TlsSession* tls() const { return tls_.get(); }

  /// Reads what is there, at most `into.size()` (at least 1). SOCKET_READ_FAILED, CANCELLED.
  [[nodiscard]] Result<SocketReadResult> read(std::span<std::byte> into, const CancelEvent& cancel);
  /// Writes what fits. SOCKET_WRITE_FAILED, CANCELLED.
  [[nodiscard]] Result<SocketWriteResult> write(std::span<const std::byte> data, const CancelEvent& cancel);
  /// As wait_socket_ready(); with TLS it looks at the decrypted data.
  [[nodiscard]] Result<bool> wait(SocketInterest interest, std::chrono::milliseconds timeout,
                                  const CancelEvent& cancel);
  /// Switches to TLS; errors of TlsSession::connect, and TLS_FAILED (internal) when it already uses TLS.
  [[nodiscard]] Status start_tls(const TlsOptions& options, const Deadline& deadline, const CancelEvent& cancel);
  /// Shuts TLS down cleanly; does nothing to a plain connection. The destructor closes without that.
  void say_goodbye(const CancelEvent& cancel);

 private:
  /// One attempt, without waiting.
  [[nodiscard]] Result<SocketReadResult> try_read(std::span<std::byte> into);
  [[nodiscard]] Result<SocketWriteResult> try_write(std::span<const std::byte> data);
  /// Waits a moment for more data if the last read was large; false when none came.
  [[nodiscard]] Result<bool> gather(const CancelEvent& cancel);
  /// Number of bytes from which a wait reports "readable".
  void set_low_water(int bytes);
  /// Counts a would-block; true when the host polled and the socket became ready.
  [[nodiscard]] Result<bool> poll_after_streak(uint32_t& streak, SocketInterest interest, const CancelEvent& cancel);

  int fd_ = -1;
  std::unique_ptr<TlsSession> tls_;
  uint32_t read_streak_ = 0;
  uint32_t write_streak_ = 0;
  bool in_bulk_ = false;  // the last read was large
  int low_water_ = 1;
};

/// Resolves, checks and connects. NETWORK_DENIED, DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED, CANCELLED.
[[nodiscard]] Result<SocketEntry> connect_socket(const NetworkAcl& acl, std::string_view host, uint16_t port,
                                                 const Deadline& deadline, const CancelToken& cancel,
                                                 const std::shared_ptr<HostResolver>& resolver);

}  // namespace rapidbyte::runtime
