#include "postgres/tests/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "postgres/message.h"

namespace rapidbyte::postgres::testing {

bool Peer::receive_exactly(char* out, size_t size) const {
  while (size != 0) {
    const ssize_t got = ::recv(fd_, out, size, 0);
    if (got <= 0) return false;
    out += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

std::string Peer::receive_startup() {
  char length[4];
  if (!receive_exactly(length, sizeof length)) return {};
  std::string body(load_be<uint32_t>(reinterpret_cast<const uint8_t*>(length)) - 4, '\0');
  return receive_exactly(body.data(), body.size()) ? body : std::string();
}

ClientMessage Peer::receive() {
  ClientMessage out;
  char header[5];
  if (!receive_exactly(header, sizeof header)) return out;
  out.body.resize(load_be<uint32_t>(reinterpret_cast<const uint8_t*>(header + 1)) - 4);
  if (receive_exactly(out.body.data(), out.body.size())) out.type = header[0];
  return out;
}

void Peer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void Peer::trickle(std::string_view bytes) const {
  for (const char byte : bytes) {
    send({&byte, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
}

std::string Peer::log_in() {
  std::string startup = receive_startup();
  send(auth(0) + message('S', zero("server_version") + zero("15.4 (Debian)")) +
       message('K', be32(4711) + be32(0xC0FFEE)) + ready());
  return startup;
}

ClientMessage Peer::log_in_and_receive() {
  log_in();
  return receive();
}

size_t Peer::drain() const {
  size_t bytes = 0;
  char buffer[65536];
  for (ssize_t got = 0; (got = ::recv(fd_, buffer, sizeof buffer, 0)) > 0;) bytes += static_cast<size_t>(got);
  return bytes;
}

void Peer::reset_on_close() const {
  const linger now{1, 0};
  (void)::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

ScriptedServer::ScriptedServer(std::vector<Script> scripts) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (listener_ < 0) std::abort();
  // Small buffers, so that a test need not send megabytes to fill them.
  const int small = 64 << 10;
  (void)::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  (void)::setsockopt(listener_, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this, scripts = std::move(scripts)] {
    for (const Script& script : scripts) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const int one = 1;
      (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      const timeval limit{10, 0};
      (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      Peer peer(fd);
      script(peer);
      ::close(fd);
    }
  });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

ConnectionOptions ScriptedServer::options() const {
  ConnectionOptions out;
  out.host = "127.0.0.1";
  out.port = port_;
  out.user = "ann";
  out.password = "canary";
  out.database = "shop";
  out.ssl_mode = SslMode::kDisable;
  out.connect_timeout_ms = 5000;
  out.read_timeout_ms = 5000;
  return out;
}

std::string be16(uint16_t value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 255U)}; }

std::string be32(uint32_t value) {
  return be16(static_cast<uint16_t>(value >> 16U)) + be16(static_cast<uint16_t>(value & 65535U));
}

std::string zero(std::string_view text) { return std::string(text) + '\0'; }

std::string message(char type, std::string_view body) {
  return type + be32(static_cast<uint32_t>(body.size() + 4)) + std::string(body);
}

std::string auth(uint32_t code, std::string_view more) { return message('R', be32(code) + std::string(more)); }

std::string ready(char status) { return message('Z', std::string(1, status)); }

std::string command_complete(std::string_view tag) { return message('C', zero(tag)); }

std::string error_response(std::string_view severity, std::string_view sqlstate, std::string_view text) {
  return message('E', "V" + zero(severity) + "C" + zero(sqlstate) + "M" + zero(text) + '\0');
}

std::string notice(std::string_view severity, std::string_view text, std::string_view sqlstate, std::string_view hint) {
  const std::string advice = hint.empty() ? "" : "H" + zero(hint);
  return message('N', "V" + zero(severity) + "C" + zero(sqlstate) + "M" + zero(text) + advice + '\0');
}

std::string row_description(const std::vector<std::string>& names) {
  std::string body = be16(static_cast<uint16_t>(names.size()));
  for (const std::string& name : names) {
    body += zero(name) + be32(0) + be16(0) + be32(25) + be16(0xFFFF) + be32(0xFFFFFFFF) + be16(0);
  }
  return message('T', body);
}

std::string data_row(const std::vector<std::optional<std::string>>& values) {
  std::string body = be16(static_cast<uint16_t>(values.size()));
  for (const auto& value : values) {
    body += value ? be32(static_cast<uint32_t>(value->size())) + *value : be32(0xFFFFFFFF);
  }
  return message('D', body);
}

std::string copy_response(char type, bool binary, uint16_t columns) {
  std::string body = (binary ? '\1' : '\0') + be16(columns);
  for (uint16_t i = 0; i < columns; ++i) body += be16(binary ? 1 : 0);
  return message(type, body);
}

std::string copy_data(std::string_view data) { return message('d', data); }

}  // namespace rapidbyte::postgres::testing
