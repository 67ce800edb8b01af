#pragma once
// SocketTable: the sockets of one instance by their handles, and the rules for all of them: how many may be open, and
// what the manifest's `network.tls` says about plain text (docs/protocol.md, "Network"). Used on the instance's thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/net/host_socket.h"
#include "rapidbyte/runtime/net/network_acl.h"

namespace rapidbyte::runtime {

/// With `tls: required`: how many bytes a guest may write before TLS. 64: every protocol's request to start TLS fits
/// (PostgreSQL 8, LDAP 31, MySQL 36); a login with its data hardly does.
inline constexpr size_t kMaxPlainWriteBytes = 64;
/// With `tls: required`: how many bytes a guest may read before TLS. 1 KiB: the greeting of a server, not its data.
inline constexpr size_t kMaxPlainReadBytes = 1024;

/// The sockets of one instance. Handles are never reused. Not thread safe.
class SocketTable {
 public:
  SocketTable(NetworkAcl acl, uint32_t max_open, const CancelToken& cancel,
              std::shared_ptr<HostResolver> resolver = system_resolver());
  SocketTable(const SocketTable&) = delete;
  SocketTable& operator=(const SocketTable&) = delete;
  ~SocketTable() = default;

  /// connect-tcp. SOCKET_LIMIT (permission) when `max_open` sockets are open already; else as connect_socket.
  [[nodiscard]] Result<uint64_t> connect(std::string_view host, uint16_t port);
  /// TLS_REQUIRED (permission) for more than the start of a conversation in plain text when the manifest requires TLS.
  [[nodiscard]] Result<SocketReadResult> read(uint64_t handle, std::span<std::byte> into);
  [[nodiscard]] Result<SocketWriteResult> write(uint64_t handle, std::span<const std::byte> data);
  /// socket-wait. False after `timeout`.
  [[nodiscard]] Result<bool> wait(uint64_t handle, SocketInterest interest, std::chrono::milliseconds timeout);
  /// socket-start-tls. TLS_FORBIDDEN (permission) when the manifest forbids it; else as SocketEntry::start_tls.
  [[nodiscard]] Status start_tls(uint64_t handle, const TlsOptions& options);
  /// Unknown handles are ignored.
  void close(uint64_t handle);
  [[nodiscard]] size_t open_count() const { return open_.size(); }
  [[nodiscard]] const NetworkAcl& acl() const { return acl_; }

 private:
  struct Open {
    explicit Open(SocketEntry socket) : entry(std::move(socket)) {}
    SocketEntry entry;
    // Before TLS; counted only when TLS is required.
    size_t plain_written = 0;
    size_t plain_read = 0;
    bool answered = false;
    // The guest has started its own TLS, inside the sandbox.
    bool own_tls = false;
  };
  /// The socket of `handle`, or INVALID_SOCKET.
  [[nodiscard]] Result<Open*> find(uint64_t handle);
  [[nodiscard]] bool must_become_tls(const Open& open) const;

  NetworkAcl acl_;
  uint32_t max_open_;
  CancelEvent cancel_;
  std::shared_ptr<HostResolver> resolver_;  // shared with the threads of abandoned look-ups
  std::map<uint64_t, Open> open_;
  uint64_t next_handle_ = 1;
};

}  // namespace rapidbyte::runtime
