#include "rapidbyte/runtime/net/dns_lookup.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/net/network_acl.h"
#include "rapidbyte/runtime/net/socket_wait.h"

namespace rapidbyte::runtime {
namespace {

// Maximum number of concurrent name look-ups in the whole process: a guest that asks for names in a loop must not
// create a thread per query.
constexpr int kMaxPendingLookups = 32;
// RFC 1035's limit on a name.
constexpr size_t kMaxHostBytes = 253;

// A host with any other character could mean one thing to the ACL and another to the resolver (an embedded NUL
// truncates it).
bool is_plain_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '%';
  });
}

class SystemResolver final : public HostResolver {
 public:
  Result<std::vector<SocketAddress>> resolve(const std::string& host, uint16_t port) override {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int rc = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (rc != 0) {
      const int error = errno;
      Status failed = make_retryable_error(ErrorCategory::kTransientNetwork, codes::kDnsResolutionFailed,
                                           rc == EAI_SYSTEM ? errno_text(error) : gai_strerror(rc));
      // The name servers answered that the name does not exist: a retry would only delay the report of a typing
      // mistake.
      failed.error().retryable = rc != EAI_NONAME;
      return failed;
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
    std::vector<SocketAddress> out;
    for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
      if (item->ai_addrlen > sizeof(sockaddr_storage)) continue;
      SocketAddress address;
      std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
      address.length = item->ai_addrlen;
      out.push_back(address);
    }
    return out;
  }
};

std::optional<SocketAddress> literal_address(const std::string& host, uint16_t port) {
  SocketAddress address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, sizeof(v4));
    address.length = sizeof(v4);
    return address;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, sizeof(v6));
    address.length = sizeof(v6);
    return address;
  }
  return std::nullopt;
}

// One look-up in progress. Shared by the calling thread and the helper thread, since either may end first.
struct Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<std::vector<SocketAddress>>> result;
  bool cancelled = false;
};

std::atomic<int>& pending_lookups() {
  static std::atomic<int> count{0};
  return count;
}

Status dns_error(std::string_view host, std::string_view why, bool retryable = true) {
  Status error = make_retryable_error(
      ErrorCategory::kTransientNetwork, codes::kDnsResolutionFailed,
      fmt::format(
          "cannot resolve host '{}': {}. Check the spelling of the host in the connector's config, and the DNS of "
          "this machine",
          shown_host(host), why));
  error.error().retryable = retryable;
  return error;
}

Status start_lookup(const std::shared_ptr<Lookup>& lookup, std::shared_ptr<HostResolver> resolver,
                    const std::string& host, uint16_t port) {
  if (pending_lookups().fetch_add(1) >= kMaxPendingLookups) {
    pending_lookups().fetch_sub(1);
    return dns_error(host, fmt::format("{} look-ups are still unanswered", kMaxPendingLookups));
  }
  try {
    std::thread([lookup, resolver = std::move(resolver), host, port] {
      std::optional<Result<std::vector<SocketAddress>>> result;
      try {
        result.emplace(resolver->resolve(host, port));
      } catch (const std::exception& error) {
        result.emplace(dns_error(host, error.what()));
      }
      pending_lookups().fetch_sub(1);
      std::lock_guard lock(lookup->mutex);
      lookup->result = std::move(result);
      lookup->changed.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    pending_lookups().fetch_sub(1);
    return dns_error(host, error.what());
  }
  return {};
}

}  // namespace

std::string shown_host(std::string_view host) {
  std::string out;
  for (char c : host.substr(0, kMaxHostBytes)) out += (c >= ' ' && c <= '~') ? c : '?';
  return out;
}

std::shared_ptr<HostResolver> system_resolver() { return std::make_shared<SystemResolver>(); }

Result<std::vector<SocketAddress>> resolve_socket_addrs(std::string_view host, uint16_t port,
                                                        const std::shared_ptr<HostResolver>& resolver,
                                                        const Deadline& deadline, const CancelToken& cancel) {
  const std::string name = normalize_host(host);
  if (!is_plain_host(name)) return dns_error(host, "this is not the name of a host", false);
  if (cancel.cancelled()) return socket_cancelled();
  if (auto literal = literal_address(name, port)) return std::vector<SocketAddress>{*literal};

  auto lookup = std::make_shared<Lookup>();
  RB_RETURN_NOT_OK(start_lookup(lookup, resolver, name, port));
  const auto registration = cancel.on_cancel([lookup] {
    std::lock_guard lock(lookup->mutex);
    lookup->cancelled = true;
    lookup->changed.notify_all();
  });
  std::unique_lock lock(lookup->mutex);
  const auto done = [&lookup] { return lookup->cancelled || lookup->result.has_value(); };
  if (deadline.is_never()) {
    lookup->changed.wait(lock, done);
  } else {
    lookup->changed.wait_until(lock, deadline.time_point(), done);
  }
  if (lookup->cancelled) return socket_cancelled();
  if (!lookup->result) return dns_error(host, "no answer in time");
  if (!lookup->result->ok()) {
    const ConnectorError& error = lookup->result->error();
    return dns_error(host, error.message, error.retryable);
  }
  if ((**lookup->result).empty()) return dns_error(host, "the name has no address");
  return *std::move(*lookup->result);
}

}  // namespace rapidbyte::runtime
