#include "rapidbyte/runtime/net/socket_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;

Status tls_required(std::string_view what) {
  return make_error(
      ErrorCategory::kPermission, codes::kTlsRequired,
      fmt::format("{} refused: this connector's manifest requires TLS, and the connection is still plain. Set "
                  "the connector to use TLS (for example sslmode: require), and check that the server offers it",
                  what));
}

/// The first bytes of a TLS handshake (RFC 8446, section 5.1).
bool begins_tls(std::span<const std::byte> data) {
  return data.size() >= 3 && data[0] == std::byte{0x16} && data[1] == std::byte{0x03};
}

}  // namespace

SocketTable::SocketTable(NetworkAcl acl, uint32_t max_open, const CancelToken& cancel,
                         std::shared_ptr<HostResolver> resolver)
    : acl_(std::move(acl)), max_open_(max_open), cancel_(cancel), resolver_(std::move(resolver)) {}

Result<uint64_t> SocketTable::connect(std::string_view host, uint16_t port) {
  if (open_.size() >= max_open_) {
    return make_error(
        ErrorCategory::kPermission, codes::kSocketLimit,
        fmt::format("the connector has {} sockets open, which is its limit; it must close one before it opens "
                    "another",
                    open_.size()));
  }
  RB_ASSIGN_OR_RETURN(SocketEntry entry,
                      connect_socket(acl_, host, port, Deadline::after(kConnectTimeout), cancel_.token(), resolver_));
  const uint64_t handle = next_handle_++;
  open_.emplace(handle, std::move(entry));
  return handle;
}

Result<SocketTable::Open*> SocketTable::find(uint64_t handle) {
  const auto it = open_.find(handle);
  if (it == open_.end()) return invalid_socket(fmt::format("socket handle {} is unknown", handle));
  return &it->second;
}

bool SocketTable::must_become_tls(const Open& open) const {
  return acl_.tls() == TlsPolicy::kRequired && open.entry.tls() == nullptr && !open.own_tls;
}

Result<SocketReadResult> SocketTable::read(uint64_t handle, std::span<std::byte> into) {
  RB_ASSIGN_OR_RETURN(Open * open, find(handle));
  if (!must_become_tls(*open)) return open->entry.read(into, cancel_);
  if (open->plain_read >= kMaxPlainReadBytes) return tls_required("a read");
  RB_ASSIGN_OR_RETURN(
      const SocketReadResult result,
      open->entry.read(into.first(std::min(into.size(), kMaxPlainReadBytes - open->plain_read)), cancel_));
  open->plain_read += result.size;
  // Now the guest knows the answer to its request for TLS and needs no further plain text.
  if (result.size > 0 && open->plain_written > 0) open->answered = true;
  return result;
}

Result<SocketWriteResult> SocketTable::write(uint64_t handle, std::span<const std::byte> data) {
  RB_ASSIGN_OR_RETURN(Open * open, find(handle));
  if (must_become_tls(*open)) {
    if (begins_tls(data)) {
      open->own_tls = true;
    } else if (open->answered || data.size() > kMaxPlainWriteBytes - open->plain_written) {
      return tls_required("a write");
    }
  }
  RB_ASSIGN_OR_RETURN(const SocketWriteResult result, open->entry.write(data, cancel_));
  if (must_become_tls(*open)) open->plain_written += result.size;
  return result;
}

Result<bool> SocketTable::wait(uint64_t handle, SocketInterest interest, milliseconds timeout) {
  RB_ASSIGN_OR_RETURN(Open * open, find(handle));
  return open->entry.wait(interest, timeout, cancel_);
}

Status SocketTable::start_tls(uint64_t handle, const TlsOptions& options) {
  RB_ASSIGN_OR_RETURN(Open * open, find(handle));
  if (acl_.tls() == TlsPolicy::kForbidden) {
    return make_error(ErrorCategory::kPermission, codes::kTlsForbidden,
                      "socket-start-tls refused: this connector's manifest forbids TLS. Set the connector to connect "
                      "without it (for example sslmode: disable)");
  }
  return open->entry.start_tls(options, Deadline::after(kConnectTimeout), cancel_);
}

void SocketTable::close(uint64_t handle) {
  const auto it = open_.find(handle);
  if (it == open_.end()) return;
  it->second.entry.say_goodbye(cancel_);
  open_.erase(it);
}

}  // namespace rapidbyte::runtime
