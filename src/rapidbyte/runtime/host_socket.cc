#include "rapidbyte/runtime/host_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;

// Without a cancel descriptor a wait looks at the token this often.
constexpr milliseconds kCancelSlice{100};
// One poll() at most; longer waits go on in a loop.
constexpr milliseconds kPollSlice{60'000};
// Name look-ups that may hang at the same time in the whole process: a guest that asks for names in a loop must not
// make a thread per question.
constexpr int kMaxPendingLookups = 32;
// Addresses of one name that are tried; more would only stretch the deadline thin.
constexpr size_t kMaxAddressesTried = 16;
// RFC 1035's limit on a name.
constexpr size_t kMaxHostBytes = 253;
constexpr int kMaxPollMs = 1000;

std::string errno_text(int error) { return std::generic_category().message(error); }

Status cancelled_error() {
  return make_error(ErrorCategory::kInternal, "CANCELLED",
                    "the wait on a socket was given up because the run was cancelled");
}

Status invalid_socket(std::string_view what) {
  return internal_error("INVALID_SOCKET",
                        fmt::format("{}; the connector used a socket that it has not opened or has closed", what));
}

short poll_events(SocketInterest interest) {
  return static_cast<short>(interest == SocketInterest::kReadable ? POLLIN | POLLRDHUP : POLLOUT);
}

// A host that holds anything else could mean one thing to the ACL and another to the resolver (an embedded NUL cuts
// it).
bool is_plain_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '%';
  });
}

// Guests choose the host, and it goes into messages.
std::string shown(std::string_view host) {
  std::string out;
  for (char c : host.substr(0, kMaxHostBytes)) out += (c >= ' ' && c <= '~') ? c : '?';
  return out;
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
      Status failed = make_retryable_error(ErrorCategory::kTransientNetwork, "DNS_RESOLUTION_FAILED",
                                           rc == EAI_SYSTEM ? errno_text(error) : gai_strerror(rc));
      // The name servers answered, and the answer is no: asking again would only delay the report of a typing error.
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

// One look-up on its way. Shared by the asking thread and the helper thread, since either may end first.
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
      ErrorCategory::kTransientNetwork, "DNS_RESOLUTION_FAILED",
      fmt::format(
          "cannot resolve host '{}': {}. Check the spelling of the host in the connector's config, and the DNS of "
          "this machine",
          shown(host), why));
  error.error().retryable = retryable;
  return error;
}

Status start_lookup(const std::shared_ptr<Lookup>& lookup, std::shared_ptr<HostResolver> resolver,
                    const std::string& host, uint16_t port) {
  if (pending_lookups().fetch_add(1) >= kMaxPendingLookups) {
    pending_lookups().fetch_sub(1);
    return dns_error(host, fmt::format("{} look-ups are still without an answer", kMaxPendingLookups));
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

Result<bool> poll_ready(int fd, SocketInterest interest, milliseconds timeout, int cancel_fd,
                        const CancelToken& cancel) {
  const Deadline deadline = Deadline::after(timeout);
  std::array<pollfd, 2> fds = {{{fd, poll_events(interest), 0}, {cancel_fd, POLLIN, 0}}};
  while (true) {
    if (cancel.cancelled()) return cancelled_error();
    const milliseconds slice = deadline.remaining(cancel_fd < 0 ? kCancelSlice : kPollSlice);
    // A negative descriptor is skipped by poll().
    const int rc = ::poll(fds.data(), fds.size(), static_cast<int>(slice.count()));
    if (rc < 0 && errno != EINTR) {
      return internal_error("INVALID_SOCKET", fmt::format("poll() on a socket failed: {}", errno_text(errno)));
    }
    if (rc > 0) {
      if ((fds[0].revents & POLLNVAL) != 0) return invalid_socket("the descriptor is not open");
      if (cancel.cancelled()) return cancelled_error();
      if (fds[0].revents != 0) return true;
    }
    if (deadline.expired()) return false;
  }
}

struct ConnectFailure {
  std::string address;
  std::string why;
};

Result<SocketEntry> connect_address(const SocketAddress& address, const Deadline& deadline, milliseconds share,
                                    const CancelEvent& cancel, ConnectFailure& failure) {
  failure.address = address_to_string(address.get());
  const auto failed = [&failure](std::string why) {
    failure.why = std::move(why);
    return make_error(ErrorCategory::kTransientNetwork, "TCP_CONNECT_FAILED", failure.why);
  };
  const int fd = ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(errno_text(errno));
  SocketEntry entry(fd);
  // Guests send whole messages; waiting for more of them only adds delay. Keep-alive ends connections whose peer is
  // gone.
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  if (::connect(fd, address.get(), address.length) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return failed(errno_text(errno));
    auto ready = wait_socket_ready(fd, SocketInterest::kWritable, deadline.remaining(share), cancel);
    if (!ready.ok()) return std::move(ready).status();
    if (!*ready) return failed("no answer in time");
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return failed(errno_text(error));
  }
  return entry;
}

}  // namespace

int socket_poll_timeout_ms() {
  const char* text = std::getenv("RAPIDBYTE_SOCKET_POLL_MS");
  if (text == nullptr) return kSocketReadyPollMs;
  const std::string_view value(text);
  int ms = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
  if (error == std::errc::result_out_of_range && value.front() != '-') return kMaxPollMs;
  if (error != std::errc() || end != value.data() + value.size()) return kSocketReadyPollMs;
  return std::clamp(ms, 0, kMaxPollMs);
}

uint64_t clamp_socket_read_len(uint64_t len, uint64_t cap) {
  return std::clamp<uint64_t>(len, 1, std::max<uint64_t>(cap, 1));
}

CancelEvent::CancelEvent(const CancelToken& cancel) : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), token_(cancel) {
  if (fd_ < 0) return;
  registration_ = token_.on_cancel([fd = fd_] {
    const uint64_t one = 1;
    // Can only fail when the counter is full, and then the descriptor is readable anyway.
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof(one));
  });
}

CancelEvent::~CancelEvent() {
  registration_ = {};  // first: a waker that is running must not write to a closed descriptor
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> wait_socket_ready(int fd, SocketInterest interest, milliseconds timeout, const CancelToken& cancel) {
  // Mostly the socket is ready already; then no descriptor has to be made.
  auto ready = poll_ready(fd, interest, milliseconds(0), -1, cancel);
  if (!ready.ok() || *ready || timeout <= milliseconds(0)) return ready;
  return wait_socket_ready(fd, interest, timeout, CancelEvent(cancel));
}

Result<bool> wait_socket_ready(int fd, SocketInterest interest, milliseconds timeout, const CancelEvent& cancel) {
  if (fd < 0) return invalid_socket("the descriptor is not open");
  return poll_ready(fd, interest, timeout, cancel.fd(), cancel.token());
}

std::shared_ptr<HostResolver> system_resolver() { return std::make_shared<SystemResolver>(); }

Result<std::vector<SocketAddress>> resolve_socket_addrs(std::string_view host, uint16_t port,
                                                        const std::shared_ptr<HostResolver>& resolver,
                                                        const Deadline& deadline, const CancelToken& cancel) {
  const std::string name = normalize_host(host);
  if (!is_plain_host(name)) return dns_error(host, "this is not the name of a host", false);
  if (cancel.cancelled()) return cancelled_error();
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
  if (lookup->cancelled) return cancelled_error();
  if (!lookup->result) return dns_error(host, "no answer in time");
  if (!lookup->result->ok()) {
    const ConnectorError& error = lookup->result->error();
    return dns_error(host, error.message, error.retryable);
  }
  if ((**lookup->result).empty()) return dns_error(host, "the name has no address");
  return *std::move(*lookup->result);
}

SocketEntry::SocketEntry(SocketEntry&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), read_streak_(other.read_streak_), write_streak_(other.write_streak_) {}

SocketEntry& SocketEntry::operator=(SocketEntry&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    read_streak_ = other.read_streak_;
    write_streak_ = other.write_streak_;
  }
  return *this;
}

SocketEntry::~SocketEntry() {
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> SocketEntry::poll_after_streak(uint32_t& streak, SocketInterest interest,
                                            const CancelEvent& cancel) const {
  if (streak < kSocketPollActivationThreshold) ++streak;
  if (streak < kSocketPollActivationThreshold) return false;
  return wait_socket_ready(fd_, interest, milliseconds(socket_poll_timeout_ms()), cancel);
}

Result<SocketReadResult> SocketEntry::read(std::span<std::byte> into, const CancelEvent& cancel) {
  using Kind = SocketReadResult::Kind;
  if (into.empty()) return internal_error("SOCKET_READ_FAILED", "a read needs room for at least one byte");
  bool polled = false;
  while (true) {
    if (cancel.token().cancelled()) return cancelled_error();
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    if (n > 0) {
      read_streak_ = 0;
      return SocketReadResult{Kind::kData, static_cast<size_t>(n)};
    }
    if (n == 0) {
      read_streak_ = 0;
      return SocketReadResult{Kind::kEof, 0};
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      return make_retryable_error(ErrorCategory::kTransientNetwork, "SOCKET_READ_FAILED",
                                  fmt::format("reading from the connection failed: {}", errno_text(errno)));
    }
    if (polled) return SocketReadResult{};
    RB_ASSIGN_OR_RETURN(const bool ready, poll_after_streak(read_streak_, SocketInterest::kReadable, cancel));
    if (!ready) return SocketReadResult{};
    polled = true;
  }
}

Result<SocketWriteResult> SocketEntry::write(std::span<const std::byte> data, const CancelEvent& cancel) {
  using Kind = SocketWriteResult::Kind;
  if (data.empty()) return SocketWriteResult{Kind::kWritten, 0};
  bool polled = false;
  while (true) {
    if (cancel.token().cancelled()) return cancelled_error();
    const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      write_streak_ = 0;
      return SocketWriteResult{Kind::kWritten, static_cast<size_t>(n)};
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      return make_retryable_error(ErrorCategory::kTransientNetwork, "SOCKET_WRITE_FAILED",
                                  fmt::format("writing to the connection failed: {}", errno_text(errno)));
    }
    if (polled) return SocketWriteResult{};
    RB_ASSIGN_OR_RETURN(const bool ready, poll_after_streak(write_streak_, SocketInterest::kWritable, cancel));
    if (!ready) return SocketWriteResult{};
    polled = true;
  }
}

Result<SocketEntry> connect_socket(const NetworkAcl& acl, std::string_view host, uint16_t port,
                                   const Deadline& deadline, const CancelToken& cancel,
                                   const std::shared_ptr<HostResolver>& resolver) {
  // The same normalized name is checked, resolved and shown, so that no two steps can read it differently.
  const std::string name = normalize_host(host);
  if (!acl.allows(name)) {
    return make_error(
        ErrorCategory::kPermission, "NETWORK_DENIED",
        fmt::format("connection to '{}' port {} refused: this connector may reach {}. Add the host to "
                    "permissions.network.allowed_domains of its manifest, or name it in the connector's config "
                    "if the manifest allows hosts from there",
                    shown(name), port, acl.describe()));
  }
  RB_ASSIGN_OR_RETURN(const auto addresses, resolve_socket_addrs(name, port, resolver, deadline, cancel));
  std::vector<SocketAddress> allowed;
  std::string refused;
  for (const auto& address : addresses) {
    if (allows_address(acl, address.get())) {
      allowed.push_back(address);
    } else {
      refused += (refused.empty() ? "" : ", ") + address_to_string(address.get());
    }
  }
  if (allowed.empty()) {
    return make_error(
        ErrorCategory::kPermission, "NETWORK_DENIED",
        fmt::format("connection to '{}' port {} refused: it leads to {}, which is link-local, multicast, "
                    "unspecified or a cloud metadata service. If it is meant, list that address itself as an "
                    "allowed host",
                    shown(name), port, refused));
  }
  if (allowed.size() > kMaxAddressesTried) allowed.resize(kMaxAddressesTried);
  const CancelEvent cancel_event(cancel);
  std::string tried;
  for (size_t i = 0; i < allowed.size(); ++i) {
    // Each address gets its part of the time that is left, so that a dead first one does not use it all.
    const auto share = deadline.remaining(kConnectTimeout) / static_cast<int64_t>(allowed.size() - i);
    ConnectFailure failure;
    auto entry = connect_address(allowed[i], deadline, share, cancel_event, failure);
    if (entry.ok()) return entry;
    if (entry.error().code != "TCP_CONNECT_FAILED") return std::move(entry).status();
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", failure.address, failure.why);
  }
  return make_retryable_error(
      ErrorCategory::kTransientNetwork, "TCP_CONNECT_FAILED",
      fmt::format("cannot connect to '{}' port {}: tried {}. Check that the server runs, listens on "
                  "that port and is reachable from this machine",
                  shown(name), port, tried));
}

SocketTable::SocketTable(NetworkAcl acl, uint32_t max_open, const CancelToken& cancel,
                         std::shared_ptr<HostResolver> resolver)
    : acl_(std::move(acl)), max_open_(max_open), cancel_(cancel), resolver_(std::move(resolver)) {}

Result<uint64_t> SocketTable::connect(std::string_view host, uint16_t port) {
  if (entries_.size() >= max_open_) {
    return make_error(
        ErrorCategory::kPermission, "SOCKET_LIMIT",
        fmt::format("the connector has {} sockets open, which is its limit; it must close one before it opens "
                    "another",
                    entries_.size()));
  }
  RB_ASSIGN_OR_RETURN(SocketEntry entry,
                      connect_socket(acl_, host, port, Deadline::after(kConnectTimeout), cancel_.token(), resolver_));
  const uint64_t handle = next_handle_++;
  entries_.emplace(handle, std::move(entry));
  return handle;
}

Result<SocketEntry*> SocketTable::find(uint64_t handle) {
  const auto it = entries_.find(handle);
  if (it == entries_.end()) return invalid_socket(fmt::format("socket handle {} is unknown", handle));
  return &it->second;
}

Result<SocketReadResult> SocketTable::read(uint64_t handle, std::span<std::byte> into) {
  RB_ASSIGN_OR_RETURN(SocketEntry * entry, find(handle));
  return entry->read(into, cancel_);
}

Result<SocketWriteResult> SocketTable::write(uint64_t handle, std::span<const std::byte> data) {
  RB_ASSIGN_OR_RETURN(SocketEntry * entry, find(handle));
  return entry->write(data, cancel_);
}

Result<bool> SocketTable::wait(uint64_t handle, SocketInterest interest, milliseconds timeout) {
  RB_ASSIGN_OR_RETURN(SocketEntry * entry, find(handle));
  return wait_socket_ready(entry->fd(), interest, timeout, cancel_);
}

void SocketTable::close(uint64_t handle) { entries_.erase(handle); }

}  // namespace rapidbyte::runtime
