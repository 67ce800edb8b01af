#pragma once
// Results of non-blocking socket calls, and how to wait for a socket without using a core. Shared by plain sockets
// (host_socket) and TLS (tls_session). Every wait has a deadline and ends early when the instance's CancelToken fires.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// kEither: readable or writable, whichever comes first.
enum class SocketInterest : uint8_t { kReadable, kWritable, kEither };

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
  /// -1 when the system has none; waits then check the token every 100 ms.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const CancelToken& token() const { return token_; }

 private:
  int fd_ = -1;
  CancelToken token_;
  CancelToken::Registration registration_;
};

/// Waits in poll() until `fd` is ready. A closed or broken connection counts as ready, since the next read or write
/// reports it. False after `timeout`; CANCELLED; INVALID_SOCKET when `fd` is not open.
[[nodiscard]] Result<bool> wait_socket_ready(int fd, SocketInterest interest, std::chrono::milliseconds timeout,
                                             const CancelToken& cancel);
[[nodiscard]] Result<bool> wait_socket_ready(int fd, SocketInterest interest, std::chrono::milliseconds timeout,
                                             const CancelEvent& cancel);

/// The result of every wait once the token has fired.
[[nodiscard]] Status socket_cancelled();
/// INVALID_SOCKET: `what`, and whose mistake it is.
[[nodiscard]] Status invalid_socket(std::string_view what);
/// The system's text for an errno value.
[[nodiscard]] std::string errno_text(int error);

}  // namespace rapidbyte::runtime
