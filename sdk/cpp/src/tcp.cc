#include "rapidbyte/sdk/tcp.h"

#include <algorithm>
#include <chrono>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {

namespace {

// Blocks of 64 KiB: what one host call moves for 2.0 components, and large enough that the call itself does not count.
constexpr size_t kBlock = 64 << 10;
// Long waits are split, so that a limit of hours still fits the host's 32-bit milliseconds.
constexpr uint64_t kLongestWaitMs = 60'000;

uint64_t now_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

uint64_t deadline_after(uint32_t timeout_ms) { return timeout_ms == 0 ? UINT64_MAX : now_ms() + timeout_ms; }

}  // namespace

Result<TcpStream> TcpStream::connect(std::string_view host, uint16_t port) {
  RB_SDK_ASSIGN_OR_RETURN(const host::SocketHandle handle, host::connect_tcp(host, port));
  return TcpStream(handle, std::string(host) + ":" + std::to_string(port));
}

TcpStream::TcpStream(TcpStream&& other) noexcept
    : handle_(other.handle_),
      peer_(std::move(other.peer_)),
      open_(std::exchange(other.open_, false)),
      timeout_ms_(other.timeout_ms_),
      in_(std::move(other.in_)),
      in_start_(std::exchange(other.in_start_, 0)),
      out_(std::move(other.out_)) {}

TcpStream& TcpStream::operator=(TcpStream&& other) noexcept {
  if (this == &other) return *this;
  close();
  handle_ = other.handle_;
  peer_ = std::move(other.peer_);
  open_ = std::exchange(other.open_, false);
  timeout_ms_ = other.timeout_ms_;
  in_ = std::move(other.in_);
  in_start_ = std::exchange(other.in_start_, 0);
  out_ = std::move(other.out_);
  other.in_.clear();
  other.out_.clear();
  return *this;
}

void TcpStream::close() {
  if (std::exchange(open_, false)) host::socket_close(handle_);
  in_.clear();
  out_.clear();
  in_start_ = 0;
}

Status TcpStream::wait(host::SocketInterest interest, uint64_t deadline_ms) {
  for (;;) {
    const uint64_t now = now_ms();
    if (now >= deadline_ms) {
      return transient_network_error(
          codes::kSocketTimeout, peer_ + ": nothing " +
                                     (interest == host::SocketInterest::kReadable ? "came" : "went out") + " within " +
                                     std::to_string(timeout_ms_) + " ms");
    }
    const auto timeout = static_cast<uint32_t>(std::min(deadline_ms - now, kLongestWaitMs));
    RB_SDK_ASSIGN_OR_RETURN(const bool ready, host::socket_wait(handle_, interest, timeout));
    if (ready) return {};
  }
}

/// Reads once, waiting if needed, and appends to in_; 0 at the end of the connection.
Result<size_t> TcpStream::fill() {
  if (!open_) return internal_error(codes::kSocketClosed, peer_ + ": the stream was closed");
  // The peer may be waiting for data that is still queued here.
  RB_SDK_RETURN_NOT_OK(flush());
  if (in_start_ == in_.size()) {
    in_.clear();
    in_start_ = 0;
  }
  const uint64_t deadline = deadline_after(timeout_ms_);
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const host::SocketRead read, host::socket_read(handle_, kBlock));
    if (read.kind == host::SocketRead::Kind::kEof) return size_t{0};
    if (read.kind == host::SocketRead::Kind::kData && !read.data.empty()) {
      in_.append(read.data.data(), read.data.size());
      return read.data.size();
    }
    RB_SDK_RETURN_NOT_OK(wait(host::SocketInterest::kReadable, deadline));
  }
}

Result<size_t> TcpStream::read_some(std::span<uint8_t> out) {
  if (out.empty()) return size_t{0};
  if (in_start_ == in_.size()) {
    RB_SDK_ASSIGN_OR_RETURN(const size_t got, fill());
    if (got == 0) return size_t{0};
  }
  const size_t count = std::min(out.size(), in_.size() - in_start_);
  std::memcpy(out.data(), in_.data() + in_start_, count);
  in_start_ += count;
  return count;
}

Status TcpStream::read_exact(std::span<uint8_t> out) {
  const size_t wanted = out.size();
  while (!out.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const size_t got, read_some(out));
    if (got == 0) {
      return transient_network_error(codes::kSocketEof, peer_ + ": the connection ended after " +
                                                            std::to_string(wanted - out.size()) + " of " +
                                                            std::to_string(wanted) + " bytes");
    }
    out = out.subspan(got);
  }
  return {};
}

Result<std::span<const uint8_t>> TcpStream::peek(size_t min) {
  while (in_.size() - in_start_ < min) {
    if (in_start_ != 0) {
      // Make room by moving the unread rest to the front; it is shorter than `min`.
      const size_t rest = in_.size() - in_start_;
      std::memmove(in_.data(), in_.data() + in_start_, rest);
      in_.truncate(rest);
      in_start_ = 0;
    }
    RB_SDK_ASSIGN_OR_RETURN(const size_t got, fill());
    if (got == 0) break;
  }
  return in_.span().subspan(in_start_);
}

void TcpStream::consume(size_t count) { in_start_ += std::min(count, in_.size() - in_start_); }

Status TcpStream::send(std::span<const uint8_t> data) {
  if (!open_) return internal_error(codes::kSocketClosed, peer_ + ": the stream was closed");
  uint64_t deadline = deadline_after(timeout_ms_);
  while (!data.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> sent,
                            host::socket_write(handle_, data.first(std::min(data.size(), kBlock))));
    if (sent && *sent > data.size()) return internal_error(codes::kSocketWriteFailed, peer_ + ": more sent than given");
    if (sent && *sent != 0) {
      data = data.subspan(static_cast<size_t>(*sent));
      deadline = deadline_after(timeout_ms_);
      continue;
    }
    RB_SDK_RETURN_NOT_OK(wait(host::SocketInterest::kWritable, deadline));
  }
  return {};
}

Status TcpStream::write_all(std::span<const uint8_t> data) {
  if (out_.size() + data.size() >= kBlock) {
    RB_SDK_RETURN_NOT_OK(flush());
    if (data.size() >= kBlock) return send(data);
  }
  out_.append(data.data(), data.size());
  return {};
}

Status TcpStream::flush() {
  if (out_.empty()) return {};
  Status status = send(out_.span());
  out_.clear();
  return status;
}

Status TcpStream::start_tls(std::string_view server_name, host::TlsVerify verify,
                            std::optional<std::string_view> ca_pem) {
  RB_SDK_RETURN_NOT_OK(flush());
  if (in_start_ != in_.size()) {
    return internal_error(codes::kTlsFailed, peer_ + ": bytes of the plain connection are still unread");
  }
  return host::socket_start_tls(handle_, server_name, verify, ca_pem);
}

}  // namespace rapidbyte::sdk
