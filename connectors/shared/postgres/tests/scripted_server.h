#pragma once
// ScriptedServer: the other end of a connection, played by a test: it says what the script says, byte by byte if
// necessary, which a real server cannot be made to do. Each connection has a script; they are served one after the
// other on a separate thread. Also the messages of the backend as bytes.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "postgres/connection_options.h"

namespace rapidbyte::postgres::testing {

/// A message that the client sent.
struct ClientMessage {
  char type = '\0';  // '\0': the connection ended
  std::string body;
};

/// One accepted connection. Calls wait for the client; at most 10 s.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  /// A message without a type byte (startup, SSLRequest, cancel): its body.
  std::string receive_startup();
  ClientMessage receive();
  void send(std::string_view bytes) const;
  /// One byte per packet, with a pause in between.
  void trickle(std::string_view bytes) const;
  /// A login that lets everybody in: from the startup message, which it returns, up to ReadyForQuery.
  std::string log_in();
  /// As log_in(), followed by the client's first message.
  ClientMessage log_in_and_receive();
  /// Waits until the client closes, ignoring what it sends; returns the number of bytes.
  size_t drain() const;
  /// Makes close() a reset.
  void reset_on_close() const;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool receive_exactly(char* out, size_t size) const;
  int fd_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;
  explicit ScriptedServer(std::vector<Script> scripts);
  explicit ScriptedServer(Script script) : ScriptedServer(std::vector<Script>{std::move(script)}) {}
  /// Waits until the scripts that were reached have ended.
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// User "ann", password "canary", no TLS, time-outs of 5 s.
  [[nodiscard]] ConnectionOptions options() const;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

std::string be16(uint16_t value);
std::string be32(uint32_t value);
/// `text` and a zero byte.
std::string zero(std::string_view text);
std::string message(char type, std::string_view body);
std::string auth(uint32_t code, std::string_view more = {});
std::string ready(char status = 'I');
std::string command_complete(std::string_view tag);
std::string error_response(std::string_view severity, std::string_view sqlstate, std::string_view text);
std::string notice(std::string_view severity, std::string_view text, std::string_view sqlstate = "00000",
                   std::string_view hint = "");
/// RowDescription of text columns.
std::string row_description(const std::vector<std::string>& names);
std::string data_row(const std::vector<std::optional<std::string>>& values);
/// CopyOutResponse ('H') or CopyInResponse ('G').
std::string copy_response(char type, bool binary, uint16_t columns);
std::string copy_data(std::string_view data);

}  // namespace rapidbyte::postgres::testing
