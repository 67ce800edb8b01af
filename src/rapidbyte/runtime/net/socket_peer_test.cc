// What peers do to a plain connection: reset, stall, trickle, half-close; over IPv4 and IPv6. The same for TLS stands
// in tls_session_test.cc.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "rapidbyte/runtime/net/host_socket.h"
#include "rapidbyte/runtime/testing/loopback_peer.h"

namespace rapidbyte::runtime {
namespace {

using Kind = SocketReadResult::Kind;

class SocketPeer : public ::testing::Test {
 protected:
  Result<SocketReadResult> read_when_ready() {
    RB_ASSIGN_OR_RETURN(const bool ready, pair_.client.wait(SocketInterest::kReadable, milliseconds(10'000), cancel_));
    if (!ready) return internal_error("TEST", "nothing came");
    return pair_.client.read(room_, cancel_);
  }

  CancelToken token_;
  CancelEvent cancel_{token_};
  Pair pair_ = connected_pair();
  std::array<std::byte, 64> room_{};
};

TEST_F(SocketPeer, AResetIsATransientErrorAfterWhatHadComeBeforeIt) {
  const linger hard{1, 0};
  ASSERT_EQ(::setsockopt(pair_.server.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
  {
    SocketEntry gone = std::move(pair_.server);
  }
  const auto read = read_when_ready();
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, "SOCKET_READ_FAILED");
  EXPECT_EQ(read.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_TRUE(read.error().retryable);
  EXPECT_NE(read.error().message.find("reset"), std::string::npos) << read.error().message;
}

TEST_F(SocketPeer, AStalledPeerIsWouldBlockAndAWaitThatEndsInTime) {
  EXPECT_EQ(pair_.client.read(room_, cancel_)->kind, Kind::kWouldBlock);
  const auto start = steady_clock::now();
  EXPECT_FALSE(*pair_.client.wait(SocketInterest::kReadable, milliseconds(50), cancel_));
  EXPECT_GE(elapsed_since(start), milliseconds(50));
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
}

TEST_F(SocketPeer, APeerThatTricklesGivesAByteAtATime) {
  const std::string text = "one byte at a time";
  std::thread sender([&] {
    for (const char c : text) {
      send_all(pair_.server, std::string_view(&c, 1));
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  std::string got;
  while (got.size() < text.size()) {
    const auto read = read_when_ready();
    if (!read.ok() || read->kind == Kind::kEof) break;
    got.append(reinterpret_cast<const char*>(room_.data()), read->size);
  }
  sender.join();
  EXPECT_EQ(got, text);
}

TEST_F(SocketPeer, AHalfClosedPeerStillHears) {
  ASSERT_EQ(::shutdown(pair_.server.fd(), SHUT_WR), 0);
  EXPECT_EQ(read_when_ready()->kind, Kind::kEof);
  EXPECT_EQ(read_when_ready()->kind, Kind::kEof) << "the end stays the end";
  ASSERT_EQ(pair_.client.write(bytes_of("last words"), cancel_)->size, 10U);
  ASSERT_TRUE(*pair_.server.wait(SocketInterest::kReadable, milliseconds(10'000), cancel_));
  EXPECT_EQ(pair_.server.read(room_, cancel_)->size, 10U);
}

TEST_F(SocketPeer, APeerThatTakesNothingIsNotWritableUntilItDoes) {
  const std::vector<std::byte> block(size_t{1} << 20U);
  while (pair_.client.write(block, cancel_)->kind == SocketWriteResult::Kind::kWritten) {
  }
  EXPECT_FALSE(*pair_.client.wait(SocketInterest::kWritable, milliseconds(20), cancel_));
  std::thread reader([&] {
    std::vector<std::byte> room(size_t{1} << 20U);
    while (pair_.server.read(room, cancel_)->kind == Kind::kData) {
    }
  });
  EXPECT_TRUE(*pair_.client.wait(SocketInterest::kWritable, milliseconds(10'000), cancel_));
  reader.join();
}

TEST(SocketIpv6, IsReachedByLiteralAndByName) {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SocketAddress address = make_address("::1", 0);
  if (fd < 0 || ::bind(fd, address.get(), address.length) != 0) {
    if (fd >= 0) ::close(fd);
    GTEST_SKIP() << "this machine has no IPv6";
  }
  ASSERT_EQ(::listen(fd, 8), 0);
  sockaddr_in6 in{};
  socklen_t size = sizeof(in);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size), 0);
  const uint16_t port = ntohs(in.sin6_port);
  for (const char* host : {"::1", "[::1]", "0:0:0:0:0:0:0:1", "0000::0001"}) {
    const auto entry = connect_socket(acl_of({"::1"}), host, port, Deadline::after(kConnectTimeout), CancelToken(),
                                      std::make_shared<FakeResolver>(std::vector<std::string>{}));
    EXPECT_TRUE(entry.ok()) << host << ": " << entry.status().to_string();
  }
  const auto by_name =
      connect_socket(acl_of({"db.example"}), "db.example", port, Deadline::after(kConnectTimeout), CancelToken(),
                     std::make_shared<FakeResolver>(std::vector<std::string>{"fe80::1", "::1"}));
  EXPECT_TRUE(by_name.ok()) << by_name.status().to_string();
  ::close(fd);
}

}  // namespace
}  // namespace rapidbyte::runtime
