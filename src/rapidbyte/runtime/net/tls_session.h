#pragma once
// TlsSession: the client's side of TLS on one connected, non-blocking socket (docs/protocol.md, socket-start-tls), with
// OpenSSL. Used on the thread of the instance that owns the socket. It borrows the descriptor. OpenSSL is not
// initialised before the first session of the process begins, so that programs without TLS start quickly.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/net/socket_wait.h"

namespace rapidbyte::runtime {

/// How far the server's certificate is checked: not at all, its chain up to a trusted CA, or also that it is for this
/// name.
enum class TlsVerify : uint8_t { kNone, kCa, kFull };

struct TlsOptions {
  /// The server as the user named it; sent to the server (SNI, names only) and compared with its certificate (kFull).
  std::string server_name;
  TlsVerify verify = TlsVerify::kFull;
  /// PEM certificates that are trusted instead of the system's. Each one is a trust anchor, whoever signed it.
  std::optional<std::string> ca_pem;
};

class TlsSession {
 public:
  /// Performs the handshake on `fd`; TLS 1.2 at least. TLS_FAILED: category config for a bad `options`, auth when the
  /// server's certificate is refused, else transient-network; CANCELLED. After an error the connection is unusable.
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> connect(int fd, const TlsOptions& options,
                                                                   const Deadline& deadline, const CancelEvent& cancel);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Reads what is there, at most `into.size()` (at least 1). End of file only after the peer has announced it; a
  /// connection that just ends is SOCKET_READ_FAILED, because somebody may have cut it.
  [[nodiscard]] Result<SocketReadResult> read(std::span<std::byte> into);
  /// Takes what fits. Up to kTlsBlockBytes of it wait for the socket and are sent with the next read, write, wait or
  /// close. SOCKET_WRITE_FAILED.
  [[nodiscard]] Result<SocketWriteResult> write(std::span<const std::byte> data);
  /// As wait_socket_ready(), but for application data: false also when only part of a record has arrived.
  [[nodiscard]] Result<bool> wait(SocketInterest interest, std::chrono::milliseconds timeout,
                                  const CancelEvent& cancel);
  /// Shuts down TLS. Bytes that were taken from the guest and not yet sent get up to kTlsLinger.
  void close(const CancelEvent& cancel);

  /// "TLSv1.3".
  [[nodiscard]] std::string version() const;

 private:
  class Impl;
  explicit TlsSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Encrypted at a time: four records. Larger blocks hardly save system calls and leave more unsent bytes.
inline constexpr size_t kTlsBlockBytes = size_t{64} << 10U;
/// How long close() waits for a peer that does not take the last bytes.
inline constexpr std::chrono::milliseconds kTlsLinger{1000};
/// Largest list of CA certificates, bytes. A system's whole trust store has a quarter of it.
inline constexpr size_t kMaxCaPemBytes = size_t{1} << 20U;

}  // namespace rapidbyte::runtime
