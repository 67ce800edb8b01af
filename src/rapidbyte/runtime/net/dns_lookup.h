#pragma once
// Names into addresses (docs/protocol.md, connect-tcp). The system's resolver cannot be interrupted, so each look-up
// runs on its own thread and the calling thread waits for it with a deadline and a CancelToken. The number of
// concurrent look-ups is limited for the whole process.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// One IPv4 or IPv6 address with port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Turns a name into addresses. May block as long as it likes: it runs on its own thread.
class HostResolver {
 public:
  virtual ~HostResolver() = default;
  virtual Result<std::vector<SocketAddress>> resolve(const std::string& host, uint16_t port) = 0;
};
/// getaddrinfo. Shared, because an abandoned resolution still runs.
[[nodiscard]] std::shared_ptr<HostResolver> system_resolver();

/// Addresses of `host`, at least one. IP literals never reach the resolver. DNS_RESOLUTION_FAILED (also when `deadline`
/// passes), CANCELLED. Neither waits for a resolver that hangs.
[[nodiscard]] Result<std::vector<SocketAddress>> resolve_socket_addrs(std::string_view host, uint16_t port,
                                                                      const std::shared_ptr<HostResolver>& resolver,
                                                                      const Deadline& deadline,
                                                                      const CancelToken& cancel);

/// A host as it may be shown in a message: guests choose it, so it is cut and sanitised.
[[nodiscard]] std::string shown_host(std::string_view host);

}  // namespace rapidbyte::runtime
