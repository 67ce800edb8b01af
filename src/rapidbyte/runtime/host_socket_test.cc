#include "rapidbyte/runtime/host_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

SocketAddress make_address(const std::string& ip, uint16_t port) {
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

NetworkAcl acl_of(const std::vector<std::string>& rules) {
  NetworkAcl acl;
  for (const auto& rule : rules) acl.add_rule(rule);
  return acl;
}

Result<SocketEntry> connect_local(uint16_t port) {
  return connect_socket(acl_of({"127.0.0.1"}), "127.0.0.1", port, Deadline::after(kConnectTimeout), CancelToken(),
                        system_resolver());
}

Pair connected_pair() {
  Listener listener;
  auto client = connect_local(listener.port());
  EXPECT_TRUE(client.ok()) << client.status().to_string();
  SocketEntry server = listener.accept();
  return {std::move(*client), std::move(server)};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void send_all(const SocketEntry& entry, std::string_view text) {
  ASSERT_EQ(::send(entry.fd(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

milliseconds elapsed_since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

class PollMsVariable {
 public:
  explicit PollMsVariable(const char* value) { ::setenv("RAPIDBYTE_SOCKET_POLL_MS", value, 1); }
  ~PollMsVariable() { ::unsetenv("RAPIDBYTE_SOCKET_POLL_MS"); }
};

TEST(WaitSocketReady, returns_true_when_data_is_available) {
  Pair pair = connected_pair();
  send_all(pair.server, "x");
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok()) << ready.status().to_string();
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, returns_true_when_data_comes_while_it_waits) {
  Pair pair = connected_pair();
  std::thread sender([&] {
    std::this_thread::sleep_for(milliseconds(30));
    send_all(pair.server, "x");
  });
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(10000), CancelToken());
  sender.join();
  ASSERT_TRUE(ready.ok());
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, returns_false_on_timeout) {
  Pair pair = connected_pair();
  for (const int ms : {0, 20}) {
    const auto start = steady_clock::now();
    auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(ms), CancelToken());
    ASSERT_TRUE(ready.ok());
    EXPECT_FALSE(*ready);
    EXPECT_GE(elapsed_since(start), milliseconds(ms));
  }
}

TEST(WaitSocketReady, is_writable_for_a_connected_socket) {
  Pair pair = connected_pair();
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kWritable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok());
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, sees_a_peer_close_as_ready) {
  Pair pair = connected_pair();
  {
    SocketEntry closed = std::move(pair.server);
  }
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok());
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, wakes_on_cancellation_long_before_its_timeout) {
  Pair pair = connected_pair();
  const CancelToken cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(30));
    cancel.cancel();
  });
  const auto start = steady_clock::now();
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(60000), cancel);
  canceller.join();
  ASSERT_FALSE(ready.ok());
  EXPECT_EQ(ready.error().code, "CANCELLED");
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
  // And a token that was cancelled before.
  EXPECT_EQ(wait_socket_ready(pair.client.fd(), SocketInterest::kWritable, milliseconds(0), cancel).error().code,
            "CANCELLED");
}

TEST(WaitSocketReady, a_descriptor_that_is_not_open_is_an_error) {
  EXPECT_EQ(wait_socket_ready(-1, SocketInterest::kReadable, milliseconds(0), CancelEvent(CancelToken())).error().code,
            "INVALID_SOCKET");
  int closed = ::dup(0);
  ::close(closed);
  EXPECT_EQ(wait_socket_ready(closed, SocketInterest::kReadable, milliseconds(10), CancelToken()).error().code,
            "INVALID_SOCKET");
}

TEST(SocketPollTimeout, is_one_millisecond_unless_the_environment_says_otherwise) {
  ::unsetenv("RAPIDBYTE_SOCKET_POLL_MS");
  EXPECT_EQ(socket_poll_timeout_ms(), 1);
  for (const auto& [text, want] : std::vector<std::pair<const char*, int>>{{"25", 25},
                                                                           {"0", 0},
                                                                           {"-3", 0},
                                                                           {"5000", 1000},
                                                                           {"99999999999999", 1000},
                                                                           {"", 1},
                                                                           {"fast", 1},
                                                                           {"5ms", 1}}) {
    const PollMsVariable variable(text);
    EXPECT_EQ(socket_poll_timeout_ms(), want) << text;
  }
}

TEST(SocketReadLength, is_clamped) {
  EXPECT_EQ(clamp_socket_read_len(0), 1U);
  EXPECT_EQ(clamp_socket_read_len(100), 100U);
  EXPECT_EQ(clamp_socket_read_len(UINT64_MAX), 65536U);
  EXPECT_EQ(clamp_socket_read_len(UINT64_MAX, 1 << 20), uint64_t{1} << 20U);
}

TEST(SocketEntry, reads_data_then_the_end) {
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  std::array<std::byte, 16> room{};
  EXPECT_EQ(pair.client.read(room, cancel)->kind, SocketReadResult::Kind::kWouldBlock);
  send_all(pair.server, "hello");
  ASSERT_TRUE(*wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  auto data = pair.client.read(room, cancel);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->kind, SocketReadResult::Kind::kData);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(room.data()), data->size), "hello");
  {
    SocketEntry closed = std::move(pair.server);
  }
  ASSERT_TRUE(*wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  EXPECT_EQ(pair.client.read(room, cancel)->kind, SocketReadResult::Kind::kEof);
  EXPECT_EQ(pair.client.read({}, cancel).error().code, "SOCKET_READ_FAILED");
}

TEST(SocketEntry, polls_only_after_1024_would_blocks_in_a_row) {
  const PollMsVariable variable("40");
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  std::array<std::byte, 4> room{};
  auto start = steady_clock::now();
  for (uint32_t i = 0; i + 1 < kSocketPollActivationThreshold; ++i) {
    ASSERT_EQ(pair.client.read(room, cancel)->kind, SocketReadResult::Kind::kWouldBlock);
  }
  EXPECT_EQ(pair.client.read_streak(), kSocketPollActivationThreshold - 1);
  start = steady_clock::now();
  ASSERT_EQ(pair.client.read(room, cancel)->kind, SocketReadResult::Kind::kWouldBlock);
  EXPECT_GE(elapsed_since(start), milliseconds(39)) << "the 1024th would-block polls first";
  // Data that comes within the poll is returned at once, and resets the streak.
  std::thread sender([&] {
    std::this_thread::sleep_for(milliseconds(5));
    send_all(pair.server, "abcd");
  });
  auto data = pair.client.read(room, cancel);
  sender.join();
  if (data->kind == SocketReadResult::Kind::kWouldBlock) data = pair.client.read(room, cancel);  // a very slow machine
  EXPECT_EQ(data->kind, SocketReadResult::Kind::kData);
  EXPECT_EQ(pair.client.read_streak(), 0U);
}

TEST(SocketEntry, writes_until_the_buffers_are_full_and_keeps_its_own_streak) {
  const PollMsVariable variable("0");
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  const std::vector<std::byte> block(256 * 1024);
  EXPECT_EQ(pair.client.write({}, cancel)->kind, SocketWriteResult::Kind::kWritten);
  size_t total = 0;
  while (true) {
    auto result = pair.client.write(block, cancel);
    ASSERT_TRUE(result.ok());
    if (result->kind == SocketWriteResult::Kind::kWouldBlock) break;
    total += result->size;
    ASSERT_LT(total, size_t{1} << 30U);
  }
  EXPECT_GT(total, 0U);
  EXPECT_EQ(pair.client.write_streak(), 1U);
  EXPECT_EQ(pair.client.read_streak(), 0U);
}

TEST(SocketEntry, a_write_to_a_closed_connection_is_an_error_and_no_signal) {
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  const linger hard{1, 0};
  ASSERT_EQ(::setsockopt(pair.server.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
  {
    SocketEntry closed = std::move(pair.server);
  }
  ASSERT_TRUE(*wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  std::array<std::byte, 4> room{};
  auto read = pair.client.read(room, cancel);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, "SOCKET_READ_FAILED");
  EXPECT_EQ(read.error().category, ErrorCategory::kTransientNetwork);
  auto write = pair.client.write(bytes_of("x"), cancel);
  ASSERT_FALSE(write.ok());
  EXPECT_EQ(write.error().code, "SOCKET_WRITE_FAILED");
}

TEST(SocketEntry, a_cancelled_run_ends_a_guest_that_spins_on_reads) {
  Pair pair = connected_pair();
  const CancelToken token;
  const CancelEvent cancel{token};
  token.cancel();
  std::array<std::byte, 4> room{};
  EXPECT_EQ(pair.client.read(room, cancel).error().code, "CANCELLED");
  EXPECT_EQ(pair.client.write(bytes_of("x"), cancel).error().code, "CANCELLED");
}

TEST(ResolveSocketAddrs, answers_ip_literals_without_the_resolver) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1"});
  for (const char* host : {"127.0.0.1", "::1", "[::1]"}) {
    auto addresses = resolve_socket_addrs(host, 5432, resolver, Deadline::after(milliseconds(1000)), CancelToken());
    ASSERT_TRUE(addresses.ok()) << host;
    ASSERT_EQ(addresses->size(), 1U);
  }
  EXPECT_EQ(resolver->calls, 0);
}

TEST(ResolveSocketAddrs, returns_every_address_with_the_port) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1", "2001:db8::1"});
  auto addresses =
      resolve_socket_addrs("DB.example.com", 5432, resolver, Deadline::after(milliseconds(5000)), CancelToken());
  ASSERT_TRUE(addresses.ok());
  ASSERT_EQ(addresses->size(), 2U);
  EXPECT_EQ(address_to_string((*addresses)[0].get()), "10.0.0.1");
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>((*addresses)[0].get())->sin_port), 5432);
  EXPECT_EQ(resolver->last_host, "db.example.com");
}

TEST(ResolveSocketAddrs, fails_when_there_is_no_address) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{});
  auto addresses =
      resolve_socket_addrs("db.example.com", 1, resolver, Deadline::after(milliseconds(5000)), CancelToken());
  ASSERT_FALSE(addresses.ok());
  EXPECT_EQ(addresses.error().code, "DNS_RESOLUTION_FAILED");
  EXPECT_EQ(addresses.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_NE(addresses.error().message.find("db.example.com"), std::string::npos);
}

TEST(ResolveSocketAddrs, refuses_what_two_parsers_could_read_differently) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1"});
  for (const std::string& host : {std::string("evil.org\0.example.com", 21), std::string("a b"), std::string("a/b"),
                                  std::string("a@b"), std::string(""), std::string("a\nb"), std::string(300, 'a')}) {
    auto addresses = resolve_socket_addrs(host, 1, resolver, Deadline::after(milliseconds(5000)), CancelToken());
    ASSERT_FALSE(addresses.ok());
    EXPECT_EQ(addresses.error().code, "DNS_RESOLUTION_FAILED");
    EXPECT_EQ(addresses.error().message.find('\n'), std::string::npos);
    EXPECT_FALSE(addresses.error().retryable);
  }
  EXPECT_EQ(resolver->calls, 0);
}

TEST(ResolveSocketAddrs, a_resolver_that_hangs_blocks_neither_the_deadline_nor_cancellation) {
  auto resolver = std::make_shared<HangingResolver>();
  auto timed_out =
      resolve_socket_addrs("db.example.com", 1, resolver, Deadline::after(milliseconds(30)), CancelToken());
  ASSERT_FALSE(timed_out.ok());
  EXPECT_EQ(timed_out.error().code, "DNS_RESOLUTION_FAILED");

  const CancelToken cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(30));
    cancel.cancel();
  });
  const auto start = steady_clock::now();
  auto cancelled = resolve_socket_addrs("db.example.com", 1, resolver, Deadline::never(), cancel);
  canceller.join();
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, "CANCELLED");
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
  resolver->release();
}

TEST(ResolveSocketAddrs, look_ups_that_hang_are_bounded) {
  auto resolver = std::make_shared<HangingResolver>();
  std::string last;
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    auto result = resolve_socket_addrs("db.example.com", 1, resolver, Deadline::after(milliseconds(1)), CancelToken());
    ASSERT_FALSE(result.ok());
    if (result.error().message.find("without an answer") != std::string::npos) ++refused;
  }
  EXPECT_GE(refused, 1);
  resolver->release();
  // The slots come back.
  auto answer = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1"});
  const auto give_up = Deadline::after(milliseconds(10000));
  while (!resolve_socket_addrs("db", 1, answer, Deadline::after(milliseconds(2000)), CancelToken()).ok()) {
    ASSERT_FALSE(give_up.expired());
    std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST(ResolveSocketAddrs, the_system_knows_localhost) {
  auto addresses =
      resolve_socket_addrs("localhost", 80, system_resolver(), Deadline::after(milliseconds(10000)), CancelToken());
  ASSERT_TRUE(addresses.ok()) << addresses.status().to_string();
  EXPECT_FALSE(addresses->empty());
}

TEST(ConnectSocket, connects_without_blocking_mode_and_without_delay) {
  Listener listener;
  auto client = connect_local(listener.port());
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  EXPECT_NE(::fcntl(client->fd(), F_GETFL) & O_NONBLOCK, 0);
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(::getsockopt(client->fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_NE(no_delay, 0);
}

TEST(ConnectSocket, asks_the_acl_before_the_resolver) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"127.0.0.1"});
  auto result = connect_socket(acl_of({"good.example"}), "evil.example", 80, Deadline::after(kConnectTimeout),
                               CancelToken(), resolver);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "NETWORK_DENIED");
  EXPECT_EQ(result.error().category, ErrorCategory::kPermission);
  EXPECT_FALSE(result.error().retryable);
  EXPECT_NE(result.error().message.find("evil.example"), std::string::npos);
  EXPECT_NE(result.error().message.find("good.example"), std::string::npos);
  EXPECT_EQ(resolver->calls, 0) << "a refused name must not even leak into DNS";
}

TEST(ConnectSocket, an_allowed_name_does_not_lead_to_a_forbidden_address) {
  for (const char* ip : {"169.254.169.254", "0.0.0.0", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1"}) {
    auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{ip});
    auto result =
        connect_socket(acl_of({"*"}), "rebound.example", 80, Deadline::after(kConnectTimeout), CancelToken(), resolver);
    ASSERT_FALSE(result.ok()) << ip;
    EXPECT_EQ(result.error().code, "NETWORK_DENIED") << ip;
  }
}

TEST(ConnectSocket, odd_spellings_of_the_metadata_address_are_refused) {
  for (const char* host : {"169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
                           "169.254.169.254.", "0xA9.0xFE.0xA9.0xFE", "[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254"}) {
    auto result = connect_socket(NetworkAcl::allow_all(), host, 80, Deadline::after(kConnectTimeout), CancelToken(),
                                 system_resolver());
    ASSERT_FALSE(result.ok()) << host;
    EXPECT_TRUE(result.error().code == "NETWORK_DENIED" || result.error().code == "DNS_RESOLUTION_FAILED")
        << host << ": " << result.status().to_string();
  }
}

TEST(ConnectSocket, skips_forbidden_and_dead_addresses_of_a_name_that_has_good_ones) {
  Listener listener;
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"169.254.169.254", "127.0.0.2", "127.0.0.1"});
  auto result = connect_socket(acl_of({"db.example"}), "db.example", listener.port(), Deadline::after(kConnectTimeout),
                               CancelToken(), resolver);
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  sockaddr_in peer{};
  socklen_t size = sizeof(peer);
  ASSERT_EQ(::getpeername(result->fd(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
}

TEST(ConnectSocket, a_closed_port_names_host_port_and_address) {
  Listener listener;
  const uint16_t port = listener.port();
  listener.close();
  auto result = connect_local(port);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "TCP_CONNECT_FAILED");
  EXPECT_EQ(result.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_NE(result.error().message.find("127.0.0.1"), std::string::npos);
  EXPECT_NE(result.error().message.find(std::to_string(port)), std::string::npos);
}

// A listener whose backlog is full lets further connections hang.
class FullListener {
 public:
  FullListener() : listener_(0) {
    for (int i = 0; i < 8; ++i) {
      auto entry = connect_socket(acl_of({"127.0.0.1"}), "127.0.0.1", listener_.port(),
                                  Deadline::after(milliseconds(100)), CancelToken(), system_resolver());
      if (!entry.ok()) return;
      fillers_.push_back(std::move(*entry));
    }
    ADD_FAILURE() << "the backlog never filled";
  }
  [[nodiscard]] uint16_t port() const { return listener_.port(); }

 private:
  Listener listener_;
  std::vector<SocketEntry> fillers_;
};

TEST(ConnectSocket, a_server_that_does_not_answer_ends_at_the_deadline_or_on_cancellation) {
  const FullListener listener;
  const auto acl = acl_of({"127.0.0.1"});
  auto timed_out = connect_socket(acl, "127.0.0.1", listener.port(), Deadline::after(milliseconds(50)), CancelToken(),
                                  system_resolver());
  ASSERT_FALSE(timed_out.ok());
  EXPECT_EQ(timed_out.error().code, "TCP_CONNECT_FAILED");

  const CancelToken cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(30));
    cancel.cancel();
  });
  const auto start = steady_clock::now();
  auto cancelled =
      connect_socket(acl, "127.0.0.1", listener.port(), Deadline::after(kConnectTimeout), cancel, system_resolver());
  canceller.join();
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, "CANCELLED");
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
}

TEST(SocketTable, carries_bytes_both_ways) {
  Listener listener;
  SocketTable table(acl_of({"localhost", "127.0.0.1"}), 4, CancelToken());
  auto handle = table.connect("127.0.0.1", listener.port());
  ASSERT_TRUE(handle.ok()) << handle.status().to_string();
  SocketEntry server = listener.accept();
  const CancelEvent cancel{CancelToken()};
  ASSERT_EQ(table.write(*handle, bytes_of("ping"))->size, 4U);
  std::array<std::byte, 8> room{};
  ASSERT_TRUE(*wait_socket_ready(server.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  EXPECT_EQ(server.read(room, cancel)->size, 4U);
  send_all(server, "pong");
  ASSERT_TRUE(*table.wait(*handle, SocketInterest::kReadable, milliseconds(5000)));
  EXPECT_EQ(table.read(*handle, room)->size, 4U);
  EXPECT_FALSE(*table.wait(*handle, SocketInterest::kReadable, milliseconds(1)));
}

TEST(SocketTable, unknown_and_closed_handles_are_errors_and_close_ignores_them) {
  Listener listener;
  SocketTable table(acl_of({"127.0.0.1"}), 4, CancelToken());
  const uint64_t handle = *table.connect("127.0.0.1", listener.port());
  table.close(handle);
  table.close(handle);
  std::array<std::byte, 8> room{};
  for (const uint64_t bad : {handle, uint64_t{0}, uint64_t{99}, UINT64_MAX}) {
    EXPECT_EQ(table.read(bad, room).error().code, "INVALID_SOCKET");
    EXPECT_EQ(table.write(bad, bytes_of("x")).error().code, "INVALID_SOCKET");
    EXPECT_EQ(table.wait(bad, SocketInterest::kReadable, milliseconds(1)).error().code, "INVALID_SOCKET");
    table.close(bad);
  }
  EXPECT_NE(*table.connect("127.0.0.1", listener.port()), handle) << "a handle is never given twice";
}

TEST(SocketTable, limits_the_sockets_that_are_open) {
  Listener listener;
  SocketTable table(acl_of({"127.0.0.1"}), 2, CancelToken());
  const uint64_t first = *table.connect("127.0.0.1", listener.port());
  ASSERT_TRUE(table.connect("127.0.0.1", listener.port()).ok());
  auto third = table.connect("127.0.0.1", listener.port());
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, "SOCKET_LIMIT");
  table.close(first);
  EXPECT_TRUE(table.connect("127.0.0.1", listener.port()).ok());
  EXPECT_EQ(table.open_count(), 2U);
}

TEST(SocketTable, closes_its_sockets_when_it_goes) {
  Listener listener;
  auto table = std::make_unique<SocketTable>(acl_of({"127.0.0.1"}), 2, CancelToken());
  ASSERT_TRUE(table->connect("127.0.0.1", listener.port()).ok());
  SocketEntry server = listener.accept();
  table.reset();
  std::array<std::byte, 8> room{};
  ASSERT_TRUE(*wait_socket_ready(server.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  EXPECT_EQ(server.read(room, CancelEvent(CancelToken()))->kind, SocketReadResult::Kind::kEof);
}

}  // namespace
}  // namespace rapidbyte::runtime
