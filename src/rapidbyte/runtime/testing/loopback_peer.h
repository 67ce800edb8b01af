#pragma once
// Loopback peers for socket tests: listeners, connected pairs, resolvers that answer from a table, and helpers to send
// and measure.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/runtime/net/host_socket.h"

namespace rapidbyte::runtime {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline SocketAddress make_address(const std::string& ip, uint16_t port) {
  SocketAddress address;
  if (ip.find(':') != std::string::npos) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET6, ip.c_str(), &in.sin6_addr), 1);
    std::memcpy(&address.storage, &in, sizeof(in));
    address.length = sizeof(in);
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, ip.c_str(), &in.sin_addr), 1);
    std::memcpy(&address.storage, &in, sizeof(in));
    address.length = sizeof(in);
  }
  return address;
}

/// A server on 127.0.0.1, any port.
class Listener {
 public:
  explicit Listener(int backlog = 8) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SocketAddress address = make_address("127.0.0.1", 0);
    if (fd_ < 0) {
      ADD_FAILURE() << "no socket";
      return;
    }
    EXPECT_EQ(::bind(fd_, address.get(), address.length), 0);
    EXPECT_EQ(::listen(fd_, backlog), 0);
    sockaddr_in in{};
    socklen_t size = sizeof(in);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&in), &size), 0);
    port_ = ntohs(in.sin_port);
  }
  ~Listener() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] SocketEntry accept() const {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    EXPECT_GE(fd, 0);
    return SocketEntry(fd);
  }

 private:
  int fd_;
  uint16_t port_ = 0;
};

/// Answers from a table, or hangs until released.
class FakeResolver final : public HostResolver {
 public:
  explicit FakeResolver(std::vector<std::string> ips) : ips_(std::move(ips)) {}
  Result<std::vector<SocketAddress>> resolve(const std::string& host, uint16_t port) override {
    ++calls;
    last_host = host;
    std::vector<SocketAddress> out;
    for (const auto& ip : ips_) out.push_back(make_address(ip, port));
    return out;
  }
  std::atomic<int> calls = 0;
  std::string last_host;

 private:
  std::vector<std::string> ips_;
};

class HangingResolver final : public HostResolver {
 public:
  ~HangingResolver() override = default;
  Result<std::vector<SocketAddress>> resolve(const std::string&, uint16_t) override {
    released_.wait();
    return std::vector<SocketAddress>{};
  }
  void release() { release_.set_value(); }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

struct Pair {
  SocketEntry client;
  SocketEntry server;
};

inline NetworkAcl acl_of(const std::vector<std::string>& rules) {
  NetworkAcl acl;
  for (const auto& rule : rules) acl.add_rule(rule);
  return acl;
}

inline Result<SocketEntry> connect_local(uint16_t port) {
  return connect_socket(acl_of({"127.0.0.1"}), "127.0.0.1", port, Deadline::after(kConnectTimeout), CancelToken(),
                        system_resolver());
}

inline Pair connected_pair() {
  Listener listener;
  auto client = connect_local(listener.port());
  EXPECT_TRUE(client.ok()) << client.status().to_string();
  SocketEntry server = listener.accept();
  return {std::move(*client), std::move(server)};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline void send_all(const SocketEntry& entry, std::string_view text) {
  ASSERT_EQ(::send(entry.fd(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

inline milliseconds elapsed_since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

}  // namespace rapidbyte::runtime
