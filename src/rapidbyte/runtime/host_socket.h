#pragma once
// Host sockets: the only network that a guest has (protocol.md section 2, connect-tcp and socket-*). A SocketTable
// belongs to one instance and is used on that instance's thread; its entries own their file descriptors. Every wait has
// a deadline and ends early when the instance's CancelToken fires. The ACL is asked about the name, then about every
// resolved address, and the connection goes to the checked address.

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/network_acl.h"

namespace rapidbyte::runtime {

/// How long the host polls before it answers would-block to a guest that keeps asking, ms (protocol.md: 1 ms). The
/// environment variable RAPIDBYTE_SOCKET_POLL_MS overrides it.
inline constexpr int kSocketReadyPollMs = 1;
/// Would-blocks in a row after which the host polls (protocol.md). Below it a guest that has other work is not delayed.
inline constexpr uint32_t kSocketPollActivationThreshold = 1024;
/// Name resolution and connecting together (protocol.md: 10 s).
inline constexpr std::chrono::milliseconds kConnectTimeout{10'000};
/// Largest socket-read of a 2.0.0 component, bytes (protocol.md).
inline constexpr uint64_t kMaxSocketReadBytes = 65536;

/// kSocketReadyPollMs or RAPIDBYTE_SOCKET_POLL_MS, clamped to 0..1000. What is not a number counts as unset.
[[nodiscard]] int socket_poll_timeout_ms();
/// `len` of a socket-read brought into 1..`cap`.
[[nodiscard]] uint64_t clamp_socket_read_len(uint64_t len, uint64_t cap = kMaxSocketReadBytes);

enum class SocketInterest : uint8_t { kReadable, kWritable };

/// The protocol's socket-read-result; with kData, `size` bytes (at least 1) are in the caller's buffer.
struct SocketReadResult {
  enum class Kind : uint8_t { kData, kEof, kWouldBlock };
  Kind kind = Kind::kWouldBlock;
  size_t size = 0;
};
/// The protocol's socket-write-result; with kWritten, `size` bytes were taken (maybe fewer than given).
struct SocketWriteResult {
  enum class Kind : uint8_t { kWritten, kWouldBlock };
  Kind kind = Kind::kWouldBlock;
  size_t size = 0;
};

/// A file descriptor that becomes readable when the token fires, for use in poll().
class CancelEvent {
 public:
  explicit CancelEvent(const CancelToken& cancel);
  ~CancelEvent();
  CancelEvent(const CancelEvent&) = delete;
  CancelEvent& operator=(const CancelEvent&) = delete;
  /// -1 when the system gave none; waits then look at the token every 100 ms.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const CancelToken& token() const { return token_; }

 private:
  int fd_ = -1;
  CancelToken token_;
  CancelToken::Registration registration_;
};

/// Waits in poll() until `fd` is ready. A closed or broken connection counts as ready, since the next read or write
/// tells. False after `timeout`; CANCELLED; INVALID_SOCKET when `fd` is not open.
[[nodiscard]] Result<bool> wait_socket_ready(int fd, SocketInterest interest, std::chrono::milliseconds timeout,
                                             const CancelToken& cancel);
[[nodiscard]] Result<bool> wait_socket_ready(int fd, SocketInterest interest, std::chrono::milliseconds timeout,
                                             const CancelEvent& cancel);

/// One IPv4 or IPv6 address with port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Turns a name into addresses. May block as long as it likes: it runs on a thread of its own.
class HostResolver {
 public:
  virtual ~HostResolver() = default;
  virtual Result<std::vector<SocketAddress>> resolve(const std::string& host, uint16_t port) = 0;
};
/// getaddrinfo. Shared, because a resolution that was given up still runs.
[[nodiscard]] std::shared_ptr<HostResolver> system_resolver();

/// Addresses of `host`, at least one. IP literals never reach the resolver. DNS_RESOLUTION_FAILED (also when `deadline`
/// passes), CANCELLED. Neither waits for a resolver that hangs.
[[nodiscard]] Result<std::vector<SocketAddress>> resolve_socket_addrs(std::string_view host, uint16_t port,
                                                                      const std::shared_ptr<HostResolver>& resolver,
                                                                      const Deadline& deadline,
                                                                      const CancelToken& cancel);

/// An open, non-blocking socket and its would-block streaks. Movable; closes on destruction.
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

  /// Reads what is there, at most `into.size()` (at least 1). SOCKET_READ_FAILED, CANCELLED.
  [[nodiscard]] Result<SocketReadResult> read(std::span<std::byte> into, const CancelEvent& cancel);
  /// Writes what fits. SOCKET_WRITE_FAILED, CANCELLED.
  [[nodiscard]] Result<SocketWriteResult> write(std::span<const std::byte> data, const CancelEvent& cancel);

 private:
  /// Counts a would-block; true when the host polled and the socket became ready.
  [[nodiscard]] Result<bool> poll_after_streak(uint32_t& streak, SocketInterest interest,
                                               const CancelEvent& cancel) const;

  int fd_ = -1;
  uint32_t read_streak_ = 0;
  uint32_t write_streak_ = 0;
};

/// Resolves, checks and connects. NETWORK_DENIED, DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED, CANCELLED.
[[nodiscard]] Result<SocketEntry> connect_socket(const NetworkAcl& acl, std::string_view host, uint16_t port,
                                                 const Deadline& deadline, const CancelToken& cancel,
                                                 const std::shared_ptr<HostResolver>& resolver);

/// The sockets of one instance. Handles are never reused. Not thread safe.
class SocketTable {
 public:
  SocketTable(NetworkAcl acl, uint32_t max_open, const CancelToken& cancel,
              std::shared_ptr<HostResolver> resolver = system_resolver());

  /// connect-tcp. SOCKET_LIMIT (permission) when `max_open` sockets are open already; else as connect_socket.
  [[nodiscard]] Result<uint64_t> connect(std::string_view host, uint16_t port);
  [[nodiscard]] Result<SocketReadResult> read(uint64_t handle, std::span<std::byte> into);
  [[nodiscard]] Result<SocketWriteResult> write(uint64_t handle, std::span<const std::byte> data);
  /// socket-wait. False after `timeout`.
  [[nodiscard]] Result<bool> wait(uint64_t handle, SocketInterest interest, std::chrono::milliseconds timeout);
  /// Unknown handles are ignored.
  void close(uint64_t handle);
  /// The entry of `handle`, or INVALID_SOCKET. Valid until the next connect or close.
  [[nodiscard]] Result<SocketEntry*> find(uint64_t handle);
  [[nodiscard]] size_t open_count() const { return entries_.size(); }
  [[nodiscard]] const NetworkAcl& acl() const { return acl_; }

 private:
  NetworkAcl acl_;
  uint32_t max_open_;
  CancelEvent cancel_;
  std::shared_ptr<HostResolver> resolver_;
  std::map<uint64_t, SocketEntry> entries_;
  uint64_t next_handle_ = 1;
};

}  // namespace rapidbyte::runtime
