#include "rapidbyte/runtime/net/host_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "rapidbyte/runtime/testing/loopback_peer.h"

namespace rapidbyte::runtime {
namespace {

class PollMsVariable {
 public:
  explicit PollMsVariable(const char* value) { ::setenv("RAPIDBYTE_SOCKET_POLL_MS", value, 1); }
  ~PollMsVariable() { ::unsetenv("RAPIDBYTE_SOCKET_POLL_MS"); }
};

TEST(SocketPollTimeout, IsOneMillisecondUnlessTheEnvironmentSaysOtherwise) {
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

TEST(SocketReadLength, IsClamped) {
  EXPECT_EQ(clamp_socket_read_len(0), 1U);
  EXPECT_EQ(clamp_socket_read_len(100), 100U);
  EXPECT_EQ(clamp_socket_read_len(UINT64_MAX), 65536U);
  EXPECT_EQ(clamp_socket_read_len(UINT64_MAX, 1 << 20), uint64_t{1} << 20U);
}

TEST(SocketEntry, ReadsDataThenTheEnd) {
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

TEST(SocketEntry, PollsOnlyAfter1024WouldBlocksInARow) {
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

// A stream's pieces are gathered for a millisecond; whatever comes, and be it little, is not missed and not waited for
// long.
TEST(SocketEntry, WhatFollowsALargePieceIsHeardOfSoon) {
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  std::vector<std::byte> room(1 << 20);
  const auto wait = [&](milliseconds timeout) { return pair.client.wait(SocketInterest::kReadable, timeout, cancel); };
  const auto read = [&] { return pair.client.read(room, cancel)->size; };
  send_all(pair.server, std::string(8192, 'x'));
  ASSERT_TRUE(*wait(milliseconds(5000)));
  ASSERT_EQ(read(), 8192U);
  EXPECT_FALSE(*wait(milliseconds(20))) << "nothing has come";
  send_all(pair.server, "y");
  ASSERT_TRUE(*wait(milliseconds(60'000))) << "one byte is readable, too";
  ASSERT_EQ(read(), 1U);
  // Far more than a receive buffer, in small pieces: every byte arrives.
  constexpr size_t kPieces = 2000;
  std::thread sender([&] {
    const CancelEvent never{CancelToken()};
    const std::vector<std::byte> piece(8192);
    for (size_t sent = 0; sent < kPieces * piece.size();) {
      const size_t left = std::min(piece.size(), kPieces * piece.size() - sent);
      const auto written = pair.server.write(std::span(piece).first(left), never);
      if (!written.ok()) return;
      sent += written->size;
      if (written->size == 0) (void)pair.server.wait(SocketInterest::kWritable, milliseconds(5000), never);
    }
  });
  size_t total = 0;
  size_t reads = 0;
  while (total < kPieces * 8192 && *wait(milliseconds(20'000))) {
    total += read();
    ++reads;
  }
  sender.join();
  EXPECT_EQ(total, kPieces * 8192);
  EXPECT_LT(reads, kPieces) << "pieces come together";
  // The end is heard of at once, also behind a large piece.
  send_all(pair.server, std::string(8192, 'x'));
  ASSERT_TRUE(*wait(milliseconds(5000)));
  ASSERT_EQ(read(), 8192U);
  {
    SocketEntry closed = std::move(pair.server);
  }
  ASSERT_TRUE(*wait(milliseconds(60'000)));
  EXPECT_EQ(pair.client.read(room, cancel)->kind, SocketReadResult::Kind::kEof);
}

TEST(SocketEntry, WritesUntilTheBuffersAreFullAndKeepsItsOwnStreak) {
  const PollMsVariable variable("0");
  Pair pair = connected_pair();
  const CancelEvent cancel{CancelToken()};
  const std::vector<std::byte> block(size_t{256} * 1024);
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

TEST(SocketEntry, AWriteToAClosedConnectionIsAnErrorAndNoSignal) {
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

TEST(SocketEntry, ACancelledRunEndsAGuestThatSpinsOnReads) {
  Pair pair = connected_pair();
  const CancelToken token;
  const CancelEvent cancel{token};
  token.cancel();
  std::array<std::byte, 4> room{};
  EXPECT_EQ(pair.client.read(room, cancel).error().code, "CANCELLED");
  EXPECT_EQ(pair.client.write(bytes_of("x"), cancel).error().code, "CANCELLED");
}

TEST(ConnectSocket, ConnectsWithoutBlockingModeAndWithoutDelay) {
  Listener listener;
  auto client = connect_local(listener.port());
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  EXPECT_NE(::fcntl(client->fd(), F_GETFL) & O_NONBLOCK, 0);
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(::getsockopt(client->fd(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPINTVL) * option(IPPROTO_TCP, TCP_KEEPCNT),
            30)
      << "seconds until a machine that is gone is noticed";
}

TEST(ConnectSocket, AsksTheAclBeforeTheResolver) {
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

TEST(ConnectSocket, AnAllowedNameDoesNotLeadToAForbiddenAddress) {
  for (const char* ip : {"169.254.169.254", "0.0.0.0", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1"}) {
    auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{ip});
    auto result =
        connect_socket(acl_of({"*"}), "rebound.example", 80, Deadline::after(kConnectTimeout), CancelToken(), resolver);
    ASSERT_FALSE(result.ok()) << ip;
    EXPECT_EQ(result.error().code, "NETWORK_DENIED") << ip;
  }
}

// Every way to write an address that the C library or a URL parser somewhere understands.
std::vector<std::string> metadata_spellings() {
  return {"169.254.169.254",
          "169.254.169.254.",
          " 169.254.169.254 ",
          "169.254.169.254:80",
          "[169.254.169.254]",
          "2852039166",
          "0xa9fea9fe",
          "0XA9FEA9FE",
          "025177524776",
          "0251.0376.0251.0376",
          "0xA9.0xFE.0xA9.0xFE",
          "0xa9.254.0251.0xfe",
          "169.254.43518",
          "169.16689662",
          "[::ffff:a9fe:a9fe]",
          "::ffff:169.254.169.254",
          "::FFFF:A9FE:A9FE",
          "0:0:0:0:0:ffff:a9fe:a9fe",
          "::169.254.169.254",
          "::ffff:0:169.254.169.254",
          "64:ff9b::a9fe:a9fe",
          "2002:a9fe:a9fe::",
          "fe80::a9fe:a9fe%lo",
          "fe80::a9fe:a9fe%1",
          "169.254.169.254%lo",
          "fd00:ec2::254",
          "FD00:0EC2:0:0:0:0:0:254"};
}
std::vector<std::string> loopback_spellings() {
  return {"localhost",   "LOCALHOST",        "localhost.",    "127.0.0.1",   "127.0.0.1.", "127.1",
          "127.0.1",     "127.255.255.254",  "2130706433",    "0x7f000001",  "0X7F.1",     "017700000001",
          "0177.0.0.1",  "0x7f.0.0.1",       "::1",           "[::1]",       "[::1]:5432", "0:0:0:0:0:0:0:1",
          "::0001",      "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::1%lo",     "localhost:5432",
          " localhost ", "ip6-localhost"};
}

TEST(ConnectSocket, NoSpellingOfTheMetadataAddressIsReachedEvenWhenEveryHostIsAllowed) {
  ASSERT_GE(metadata_spellings().size(), 20U);
  for (const std::string& host : metadata_spellings()) {
    // The deadline is for a machine whose DNS does not answer; what the C library reads as an address needs none.
    const auto result = connect_socket(NetworkAcl::allow_all(), host, 80, Deadline::after(milliseconds(1500)),
                                       CancelToken(), system_resolver());
    ASSERT_FALSE(result.ok()) << host;
    EXPECT_TRUE(result.error().code == "NETWORK_DENIED" || result.error().code == "DNS_RESOLUTION_FAILED")
        << host << ": " << result.status().to_string();
  }
}

TEST(ConnectSocket, NoSpellingOfLoopbackGetsPastAListThatDoesNotNameIt) {
  ASSERT_GE(loopback_spellings().size(), 20U);
  const auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"127.0.0.1"});
  for (const std::string& host : loopback_spellings()) {
    const auto result = connect_socket(acl_of({"db.example.com", "*.example.org"}), host, 80,
                                       Deadline::after(kConnectTimeout), CancelToken(), resolver);
    ASSERT_FALSE(result.ok()) << host;
    EXPECT_EQ(result.error().code, "NETWORK_DENIED") << host;
  }
  EXPECT_EQ(resolver->calls, 0) << "refused by name, before any look-up";
}

TEST(ConnectSocket, AListThatNamesLoopbackMeansTheSpellingsOfThatAddressOnly) {
  const NetworkAcl acl = acl_of({"127.0.0.1"});
  for (const char* host : {"127.0.0.1", "127.0.0.1:5432", "127.0.0.1.", "::ffff:127.0.0.1", "[::ffff:7f00:1]"}) {
    EXPECT_TRUE(acl.allows(host)) << host;
  }
  // What only the resolver would turn into the address is another name, and the list does not have it.
  for (const char* host : {"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "127.0.0.2", "::1"}) {
    EXPECT_FALSE(acl.allows(host)) << host;
  }
}

/// Answers with the next address of its list each time.
class ChangingResolver final : public HostResolver {
 public:
  explicit ChangingResolver(std::vector<std::string> ips) : ips_(std::move(ips)) {}
  Result<std::vector<SocketAddress>> resolve(const std::string& /*host*/, uint16_t port) override {
    const size_t answer = std::min<size_t>(static_cast<size_t>(calls++), ips_.size() - 1);
    return std::vector<SocketAddress>{make_address(ips_[answer], port)};
  }
  std::atomic<int> calls = 0;

 private:
  std::vector<std::string> ips_;
};

TEST(ConnectSocket, TheConnectionGoesToTheAddressThatWasCheckedThoughASecondAnswerDiffers) {
  Listener listener;
  const auto resolver = std::make_shared<ChangingResolver>(std::vector<std::string>{"127.0.0.1", "169.254.169.254"});
  const auto connect = [&] {
    return connect_socket(acl_of({"rebinding.example"}), "rebinding.example", listener.port(),
                          Deadline::after(kConnectTimeout), CancelToken(), resolver);
  };
  const auto first = connect();
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ(resolver->calls, 1) << "one look-up: what was checked is what is used";
  sockaddr_in peer{};
  socklen_t size = sizeof(peer);
  ASSERT_EQ(::getpeername(first->fd(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
  // The next connection asks again and checks the new answer.
  const auto second = connect();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, "NETWORK_DENIED");
}

TEST(ConnectSocket, SkipsForbiddenAndDeadAddressesOfANameThatHasGoodOnes) {
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

TEST(ConnectSocket, AClosedPortNamesHostPortAndAddress) {
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

TEST(ConnectSocket, AServerThatDoesNotAnswerEndsAtTheDeadlineOrOnCancellation) {
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

}  // namespace
}  // namespace rapidbyte::runtime
