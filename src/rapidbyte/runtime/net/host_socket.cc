#include "rapidbyte/runtime/net/host_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;

// Addresses of one name that are tried; more would leave too little time for each.
constexpr size_t kMaxAddressesTried = 16;
constexpr int kMaxPollMs = 1000;
// Keep-alive: seconds of silence before the first probe, seconds between probes, and number of unanswered probes. With
// the system's defaults, a connection waits two hours for a machine that is gone.
constexpr int kKeepAliveIdle = 15;
constexpr int kKeepAliveInterval = 5;
constexpr int kKeepAliveCount = 3;

struct ConnectFailure {
  std::string address;
  std::string why;
};

Result<SocketEntry> connect_address(const SocketAddress& address, const Deadline& deadline, milliseconds share,
                                    const CancelEvent& cancel, ConnectFailure& failure) {
  failure.address = address_to_string(address.get());
  const auto failed = [&failure](std::string why) {
    failure.why = std::move(why);
    return make_error(ErrorCategory::kTransientNetwork, codes::kTcpConnectFailed, failure.why);
  };
  const int fd = ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(errno_text(errno));
  SocketEntry entry(fd);
  // Guests send whole messages; waiting for more only adds delay. Keep-alive ends connections whose peer is gone,
  // however long a guest waits; the kernel of a busy peer answers.
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdle, sizeof(kKeepAliveIdle));
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveInterval, sizeof(kKeepAliveInterval));
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepAliveCount, sizeof(kKeepAliveCount));
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

// A streaming server (COPY sends 8 KiB at a time) would wake its reader for each piece. A reader that got this much at
// once is not waiting for an answer, so it can wait for more: a tenth of the calls and context switches.
constexpr ssize_t kBulkBytes = 4096;
constexpr int kGatherBytes = 64 << 10;
// Maximum delay of the last piece of a stream.
constexpr milliseconds kGatherTime{1};

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

SocketEntry::SocketEntry(SocketEntry&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      tls_(std::move(other.tls_)),
      read_streak_(other.read_streak_),
      write_streak_(other.write_streak_),
      in_bulk_(other.in_bulk_),
      low_water_(other.low_water_) {}

SocketEntry& SocketEntry::operator=(SocketEntry&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    tls_ = std::move(other.tls_);
    read_streak_ = other.read_streak_;
    write_streak_ = other.write_streak_;
    in_bulk_ = other.in_bulk_;
    low_water_ = other.low_water_;
  }
  return *this;
}

SocketEntry::~SocketEntry() {
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> SocketEntry::wait(SocketInterest interest, milliseconds timeout, const CancelEvent& cancel) {
  if (tls_) return tls_->wait(interest, timeout, cancel);
  if (interest == SocketInterest::kReadable) {
    if (in_bulk_ && timeout > kGatherTime) {
      RB_ASSIGN_OR_RETURN(const bool ready, gather(cancel));
      if (ready) return true;
    }
    set_low_water(1);
  }
  return wait_socket_ready(fd_, interest, timeout, cancel);
}

Result<bool> SocketEntry::gather(const CancelEvent& cancel) {
  set_low_water(kGatherBytes);
  return wait_socket_ready(fd_, SocketInterest::kReadable, kGatherTime, cancel);
}

void SocketEntry::set_low_water(int bytes) {
  if (low_water_ == bytes) return;
  if (::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)) == 0) low_water_ = bytes;
}

Status SocketEntry::start_tls(const TlsOptions& options, const Deadline& deadline, const CancelEvent& cancel) {
  if (tls_) return internal_error(codes::kTlsFailed, "socket-start-tls: this connection already uses TLS");
  set_low_water(1);
  auto session = TlsSession::connect(fd_, options, deadline, cancel);
  if (session.ok()) {
    tls_ = std::move(*session);
    return {};
  }
  // After a failed handshake nothing may be sent in plain text, whatever the guest does with the error.
  if (session.error().category != ErrorCategory::kConfig) ::shutdown(fd_, SHUT_RDWR);
  return std::move(session).status();
}

void SocketEntry::say_goodbye(const CancelEvent& cancel) {
  if (tls_) tls_->close(cancel);
}

Result<bool> SocketEntry::poll_after_streak(uint32_t& streak, SocketInterest interest, const CancelEvent& cancel) {
  if (streak < kSocketPollActivationThreshold) ++streak;
  if (streak < kSocketPollActivationThreshold) return false;
  return wait(interest, milliseconds(socket_poll_timeout_ms()), cancel);
}

Result<SocketReadResult> SocketEntry::try_read(std::span<std::byte> into) {
  using Kind = SocketReadResult::Kind;
  if (tls_) return tls_->read(into);
  while (true) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    if (n > 0) {
      in_bulk_ = n >= kBulkBytes;
      return SocketReadResult{Kind::kData, static_cast<size_t>(n)};
    }
    if (n == 0) return SocketReadResult{Kind::kEof, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return SocketReadResult{};
    if (errno == EINTR) continue;
    return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kSocketReadFailed,
                                fmt::format("reading from the connection failed: {}", errno_text(errno)));
  }
}

Result<SocketWriteResult> SocketEntry::try_write(std::span<const std::byte> data) {
  using Kind = SocketWriteResult::Kind;
  if (tls_) return tls_->write(data);
  while (true) {
    const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (n >= 0) return SocketWriteResult{Kind::kWritten, static_cast<size_t>(n)};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return SocketWriteResult{};
    if (errno == EINTR) continue;
    return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kSocketWriteFailed,
                                fmt::format("writing to the connection failed: {}", errno_text(errno)));
  }
}

Result<SocketReadResult> SocketEntry::read(std::span<std::byte> into, const CancelEvent& cancel) {
  if (into.empty()) return internal_error(codes::kSocketReadFailed, "a read needs room for at least one byte");
  for (bool polled = false;; polled = true) {
    if (cancel.token().cancelled()) return socket_cancelled();
    RB_ASSIGN_OR_RETURN(const SocketReadResult result, try_read(into));
    if (result.kind != SocketReadResult::Kind::kWouldBlock) {
      read_streak_ = 0;
      return result;
    }
    if (polled) return result;
    RB_ASSIGN_OR_RETURN(const bool ready, poll_after_streak(read_streak_, SocketInterest::kReadable, cancel));
    if (!ready) return result;
  }
}

Result<SocketWriteResult> SocketEntry::write(std::span<const std::byte> data, const CancelEvent& cancel) {
  if (data.empty()) return SocketWriteResult{SocketWriteResult::Kind::kWritten, 0};
  for (bool polled = false;; polled = true) {
    if (cancel.token().cancelled()) return socket_cancelled();
    RB_ASSIGN_OR_RETURN(const SocketWriteResult result, try_write(data));
    if (result.kind != SocketWriteResult::Kind::kWouldBlock) {
      write_streak_ = 0;
      return result;
    }
    if (polled) return result;
    RB_ASSIGN_OR_RETURN(const bool ready, poll_after_streak(write_streak_, SocketInterest::kWritable, cancel));
    if (!ready) return result;
  }
}

Result<SocketEntry> connect_socket(const NetworkAcl& acl, std::string_view host, uint16_t port,
                                   const Deadline& deadline, const CancelToken& cancel,
                                   const std::shared_ptr<HostResolver>& resolver) {
  // The same normalised name is checked, resolved and shown, so that no two steps can read it differently.
  const std::string name = normalize_host(host);
  if (!acl.allows(name)) {
    return make_error(
        ErrorCategory::kPermission, codes::kNetworkDenied,
        fmt::format("connection to '{}' port {} refused: this connector may reach {}. Add the host to "
                    "permissions.network.allowed_domains of its manifest, or name it in the connector's config "
                    "if the manifest allows hosts from there",
                    shown_host(name), port, acl.describe()));
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
        ErrorCategory::kPermission, codes::kNetworkDenied,
        fmt::format("connection to '{}' port {} refused: it leads to {}, which is link-local, multicast, unspecified "
                    "or a cloud metadata service. If this is intended, list that address itself as an allowed host",
                    shown_host(name), port, refused));
  }
  if (allowed.size() > kMaxAddressesTried) allowed.resize(kMaxAddressesTried);
  const CancelEvent cancel_event(cancel);
  std::string tried;
  for (size_t i = 0; i < allowed.size(); ++i) {
    // Each address gets its share of the remaining time, so that a dead first one does not use it up.
    const auto share = deadline.remaining(kConnectTimeout) / static_cast<int64_t>(allowed.size() - i);
    ConnectFailure failure;
    auto entry = connect_address(allowed[i], deadline, share, cancel_event, failure);
    if (entry.ok()) return entry;
    if (entry.error().code != codes::kTcpConnectFailed) return std::move(entry).status();
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", failure.address, failure.why);
  }
  return make_retryable_error(
      ErrorCategory::kTransientNetwork, codes::kTcpConnectFailed,
      fmt::format("cannot connect to '{}' port {}: tried {}. Check that the server runs, listens on "
                  "that port and is reachable from this machine",
                  shown_host(name), port, tried));
}

}  // namespace rapidbyte::runtime
