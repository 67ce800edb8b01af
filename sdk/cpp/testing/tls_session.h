#pragma once
// TlsSession: TLS on a socket of the FakeHost, by OpenSSL, with the meaning of socket-start-tls in docs/protocol.md.
// Reads and writes never block, as those of the plain sockets beside it. Does not own the socket.

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk::testing {

class TlsSession {
 public:
  /// Does the handshake on the non-blocking socket `fd`, waiting at most 10 s. TLS_FAILED: auth for a certificate that
  /// does not pass, else transient-network.
  static Result<TlsSession> start(int fd, std::string_view server_name, host::TlsVerify verify,
                                  std::optional<std::string_view> ca_pem);

  /// At most out.size() bytes that are here; see host::SocketRead.
  Result<host::SocketRead> read(std::span<uint8_t> out);
  /// Bytes written, or nullopt when it would block.
  Result<std::optional<uint64_t>> write(std::span<const uint8_t> data);
  /// Whether decrypted bytes wait inside, which poll() on the socket does not see.
  [[nodiscard]] bool has_pending() const { return ::SSL_pending(ssl_.get()) > 0; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };
  using Context = std::unique_ptr<SSL_CTX, Free>;
  using Session = std::unique_ptr<SSL, Free>;
  explicit TlsSession(Session ssl) : ssl_(std::move(ssl)) {}
  static Status shake_hands(SSL* ssl, int fd);

  Session ssl_;
};

}  // namespace rapidbyte::sdk::testing
