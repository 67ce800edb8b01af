#pragma once
// TcpStream: a blocking connection over the host's sockets. Waiting happens in the host (socket-wait), which uses no
// core and ends at the deadline or when the run is cancelled. Reads are buffered; writes are collected until flush() or
// until 64 KiB have accumulated. Closes its socket when it goes out of scope.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk {

class TcpStream {
 public:
  /// NETWORK_DENIED, DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED.
  static Result<TcpStream> connect(std::string_view host, uint16_t port);
  TcpStream(TcpStream&& other) noexcept;
  TcpStream& operator=(TcpStream&& other) noexcept;
  ~TcpStream() { close(); }

  /// Longest wait of one read or write call, milliseconds; SOCKET_TIMEOUT (transient-network) beyond. 0: no limit.
  /// Default 60 s.
  void set_timeout_ms(uint32_t timeout_ms) { timeout_ms_ = timeout_ms; }

  /// At least one byte into `out`; 0 at the end of the connection.
  Result<size_t> read_some(std::span<uint8_t> out);
  /// Exactly out.size() bytes; SOCKET_EOF (transient-network) when the connection ends earlier.
  Status read_exact(std::span<uint8_t> out);
  /// Bytes already received, waiting for at least `min` of them: a view into the buffer, valid until the next read;
  /// consume() what was used. Shorter than `min` only at the end of the connection.
  Result<std::span<const uint8_t>> peek(size_t min);
  void consume(size_t count);

  /// Queues bytes; sends once 64 KiB have accumulated. Large blocks are sent without being copied.
  Status write_all(std::span<const uint8_t> data);
  Status write_all(std::string_view text) {
    return write_all({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  Status flush();
  /// From here on the host encrypts the connection. Requires that nothing is buffered.
  Status start_tls(std::string_view server_name, host::TlsVerify verify,
                   std::optional<std::string_view> ca_pem = std::nullopt);
  /// Closes without flushing; also done by the destructor.
  void close();
  [[nodiscard]] bool is_open() const { return open_; }

 private:
  TcpStream(host::SocketHandle handle, std::string peer) : handle_(handle), peer_(std::move(peer)), open_(true) {}

  Result<size_t> fill();
  Status send(std::span<const uint8_t> data);
  Status wait(host::SocketInterest interest, uint64_t deadline_ms);

  host::SocketHandle handle_ = 0;
  std::string peer_;  // for messages
  bool open_ = false;
  uint32_t timeout_ms_ = 60'000;
  ByteBuffer in_;
  size_t in_start_ = 0;
  ByteBuffer out_;
};

}  // namespace rapidbyte::sdk
