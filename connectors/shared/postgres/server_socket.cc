#include "postgres/server_socket.h"

#include <algorithm>
#include <chrono>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

namespace {

namespace host = sdk::host;
using sdk::Bytes;
using sdk::Result;
using sdk::Status;

// The most that one host call writes: it is copied once on its way, and larger blocks do not fit the socket.
constexpr size_t kWriteBytes = 256 << 10;
// How often a write that waits for room looks for something to read: the delay of what would otherwise be a deadlock.
constexpr uint64_t kLookForIncomingMs = 20;
// Long waits are split, so that a limit of days still fits the host's 32-bit milliseconds.
constexpr uint64_t kLongestWaitMs = 60'000;

uint64_t now_ms() {
  using std::chrono::milliseconds;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace

Result<ServerSocket> ServerSocket::connect(std::string_view host, uint16_t port) {
  RB_SDK_ASSIGN_OR_RETURN(const host::SocketHandle handle, host::connect_tcp(host, port));
  return ServerSocket(handle, std::string(host) + ":" + std::to_string(port));
}

ServerSocket::ServerSocket(ServerSocket&& other) noexcept
    : handle_(other.handle_),
      peer_(std::move(other.peer_)),
      open_(std::exchange(other.open_, false)),
      timeout_ms_(other.timeout_ms_),
      deadline_ms_(other.deadline_ms_) {}

ServerSocket& ServerSocket::operator=(ServerSocket&& other) noexcept {
  if (this == &other) return *this;
  close();
  handle_ = other.handle_;
  peer_ = std::move(other.peer_);
  open_ = std::exchange(other.open_, false);
  timeout_ms_ = other.timeout_ms_;
  deadline_ms_ = other.deadline_ms_;
  return *this;
}

void ServerSocket::close() {
  if (std::exchange(open_, false)) host::socket_close(handle_);
}

void ServerSocket::set_deadline_ms(uint32_t from_now_ms) {
  deadline_ms_ = from_now_ms == 0 ? UINT64_MAX : now_ms() + from_now_ms;
}

Status ServerSocket::server_closed() const {
  return sdk::transient_network_error(codes::kServerClosed, peer_ + ": the server closed the connection");
}

uint64_t ServerSocket::limit_of_wait() const {
  const uint64_t by_timeout = timeout_ms_ == 0 ? UINT64_MAX : now_ms() + timeout_ms_;
  return std::min(by_timeout, deadline_ms_);
}

Status ServerSocket::timed_out(std::string_view what) const {
  return sdk::transient_network_error(codes::kSocketTimeout, peer_ + ": " + std::string(what));
}

/// True when ready, false after `longest_ms`; SOCKET_TIMEOUT at `limit_ms`.
Result<bool> ServerSocket::wait(host::SocketInterest interest, uint64_t limit_ms, uint64_t longest_ms) {
  const uint64_t now = now_ms();
  if (now >= limit_ms) {
    return timed_out(interest == host::SocketInterest::kReadable
                         ? "the server owes an answer and was silent for longer than read_timeout_seconds. It may wait "
                           "for a lock that another session holds (see pg_locks), or be out of reach"
                         : "the server took no data for longer than read_timeout_seconds");
  }
  const auto timeout = static_cast<uint32_t>(std::min(limit_ms - now, longest_ms));
  return host::socket_wait(handle_, interest, timeout);
}

Result<Bytes> ServerSocket::read(size_t max_bytes) {
  const uint64_t limit = limit_of_wait();
  // A server that never stops talking would never make us wait.
  if (deadline_ms_ != UINT64_MAX && now_ms() >= deadline_ms_) return timed_out("the server did not finish");
  for (;;) {
    if (!open_) return server_closed();
    RB_SDK_ASSIGN_OR_RETURN(host::SocketRead got, host::socket_read(handle_, max_bytes));
    if (got.kind == host::SocketRead::Kind::kEof) return Bytes();
    if (got.kind == host::SocketRead::Kind::kData && !got.data.empty()) return std::move(got.data);
    RB_SDK_RETURN_NOT_OK(wait(host::SocketInterest::kReadable, limit, kLongestWaitMs).status());
  }
}

Result<std::optional<Bytes>> ServerSocket::read_available(uint32_t wait_ms) {
  if (!open_) return server_closed();
  if (wait_ms != 0) {
    RB_SDK_ASSIGN_OR_RETURN(const bool ready, host::socket_wait(handle_, host::SocketInterest::kReadable, wait_ms));
    if (!ready) return std::optional<Bytes>();
  }
  RB_SDK_ASSIGN_OR_RETURN(host::SocketRead got, host::socket_read(handle_, kReadBytes));
  if (got.kind == host::SocketRead::Kind::kWouldBlock) return std::optional<Bytes>();
  if (got.kind == host::SocketRead::Kind::kEof) return std::optional<Bytes>(Bytes());
  if (got.data.empty()) return std::optional<Bytes>();
  return std::optional<Bytes>(std::move(got.data));
}

Status ServerSocket::write(std::span<const uint8_t> data, const Incoming& on_incoming) {
  uint64_t limit = limit_of_wait();
  while (!data.empty()) {
    if (!open_) return server_closed();
    const auto block = data.first(std::min(data.size(), kWriteBytes));
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> sent, host::socket_write(handle_, block));
    if (sent && *sent > block.size()) {
      return sdk::internal_error(codes::kSocketWriteFailed,
                                 peer_ + ": the host says that it sent more than it was given");
    }
    if (sent && *sent != 0) {
      data = data.subspan(static_cast<size_t>(*sent));
      limit = limit_of_wait();
      continue;
    }
    if (on_incoming) {
      RB_SDK_ASSIGN_OR_RETURN(std::optional<Bytes> came, read_available());
      if (came && came->empty()) return server_closed();
      if (came) {
        RB_SDK_RETURN_NOT_OK(on_incoming(std::move(*came)));
        limit = limit_of_wait();
      }
    }
    RB_SDK_RETURN_NOT_OK(
        wait(host::SocketInterest::kWritable, limit, on_incoming ? kLookForIncomingMs : kLongestWaitMs).status());
  }
  return {};
}

Status ServerSocket::start_tls(std::string_view server_name, host::TlsVerify verify,
                               std::optional<std::string_view> ca_pem) {
  return host::socket_start_tls(handle_, server_name, verify, ca_pem);
}

}  // namespace rapidbyte::postgres
