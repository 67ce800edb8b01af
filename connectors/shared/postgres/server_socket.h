#pragma once
// ServerSocket: a host socket for bulk data. Unlike the SDK's TcpStream it returns the host's own block of a read
// instead of copying it into a buffer, moves up to 512 KiB per call, and while it waits for room to write it checks for
// incoming data: a server that stopped accepting data may be waiting for us to read its error or notices.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::postgres {

class ServerSocket {
 public:
  /// Bytes requested by one read. Below the host's limit of 1 MiB, and small enough that the block is still in the
  /// cache when it is decoded.
  static constexpr size_t kReadBytes = 512 << 10;

  /// NETWORK_DENIED, DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED.
  static sdk::Result<ServerSocket> connect(std::string_view host, uint16_t port);
  ServerSocket(ServerSocket&& other) noexcept;
  ServerSocket& operator=(ServerSocket&& other) noexcept;
  ~ServerSocket() { close(); }

  /// Longest wait for one read or for room to write, ms; SOCKET_TIMEOUT (transient-network) beyond. 0: no limit.
  void set_timeout_ms(uint32_t timeout_ms) { timeout_ms_ = timeout_ms; }
  /// All waits together end `from_now_ms` from now; 0 removes the limit.
  void set_deadline_ms(uint32_t from_now_ms);

  /// The available data, waiting for at least one byte; empty at the end of the connection.
  sdk::Result<sdk::Bytes> read(size_t max_bytes = kReadBytes);
  /// The available data, waiting at most `wait_ms`; nullopt when there is none. Empty at the end of the connection.
  sdk::Result<std::optional<sdk::Bytes>> read_available(uint32_t wait_ms = 0);
  /// Sends all of `data`. While there is no room, `on_incoming` gets what the server has sent meanwhile; its error ends
  /// the write, and so does the end of the connection (SERVER_CLOSED). May be null: then nothing is read.
  using Incoming = std::function<sdk::Status(sdk::Bytes&&)>;
  sdk::Status write(std::span<const uint8_t> data, const Incoming& on_incoming);
  sdk::Status start_tls(std::string_view server_name, sdk::host::TlsVerify verify,
                        std::optional<std::string_view> ca_pem);
  void close();
  [[nodiscard]] bool is_open() const { return open_; }
  /// SERVER_CLOSED (transient-network).
  [[nodiscard]] sdk::Status server_closed() const;

 private:
  ServerSocket(sdk::host::SocketHandle handle, std::string peer)
      : handle_(handle), peer_(std::move(peer)), open_(true) {}
  [[nodiscard]] uint64_t limit_of_wait() const;
  [[nodiscard]] sdk::Status timed_out(std::string_view what) const;
  sdk::Result<bool> wait(sdk::host::SocketInterest interest, uint64_t limit_ms, uint64_t longest_ms);

  sdk::host::SocketHandle handle_ = 0;
  std::string peer_;  // for messages
  bool open_ = false;
  uint32_t timeout_ms_ = 0;
  uint64_t deadline_ms_ = UINT64_MAX;  // of the steady clock
};

}  // namespace rapidbyte::postgres
