#include "rapidbyte/sdk/tcp.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using ::testing::HasSubstr;

/// Listens on a free port and serves one connection on its own thread.
class OneShotServer {
 public:
  explicit OneShotServer(std::function<void(int fd)> serve) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      serve(fd);
      ::close(fd);
    });
  }
  ~OneShotServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

void send_text(int fd, std::string_view text) {
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

std::string receive_until_close(int fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) out.append(buffer, static_cast<size_t>(got));
  return out;
}

TEST(TcpStreamTest, WritesAreGatheredAndGoOutBeforeARead) {
  FakeHost host;
  OneShotServer server([](int fd) {
    char buffer[16]{};
    ASSERT_EQ(::recv(fd, buffer, 10, MSG_WAITALL), 10);
    EXPECT_STREQ(buffer, "helloworld");
    send_text(fd, "answer");
  });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok()) << stream.status().to_string();
  ASSERT_TRUE(stream->write_all("hello").ok());
  ASSERT_TRUE(stream->write_all("world").ok());
  EXPECT_EQ(host.calls("socket-write"), 0U);
  uint8_t answer[6];
  ASSERT_TRUE(stream->read_exact(answer).ok());
  EXPECT_EQ(host.calls("socket-write"), 1U);
  EXPECT_EQ(std::string(answer, answer + 6), "answer");
  const auto end = stream->read_some(answer);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, 0U);
}

TEST(TcpStreamTest, WaitsInTheHostInsteadOfSpinning) {
  FakeHost host;
  OneShotServer server([](int fd) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    send_text(fd, "x");
  });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  uint8_t byte = 0;
  ASSERT_TRUE(stream->read_exact({&byte, 1}).ok());
  EXPECT_LE(host.calls("socket-read"), 3U);
  EXPECT_GE(host.calls("socket-wait"), 1U);
}

TEST(TcpStreamTest, LargeWritesSurviveAFullSocketBuffer) {
  FakeHost host;
  std::string received;
  std::string sent(5 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 251);
  {
    OneShotServer server([&received](int fd) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      received = receive_until_close(fd);
    });
    auto stream = TcpStream::connect("127.0.0.1", server.port());
    ASSERT_TRUE(stream.ok());
    for (size_t at = 0; at < sent.size();) {
      const size_t count = std::min<size_t>(sent.size() - at, at % 3 == 0 ? 100'000 : 777);
      ASSERT_TRUE(stream->write_all(std::string_view(sent).substr(at, count)).ok());
      at += count;
    }
    ASSERT_TRUE(stream->flush().ok());
    stream->close();
  }
  EXPECT_TRUE(received == sent);
}

TEST(TcpStreamTest, PeekGrowsUntilEnoughIsHere) {
  FakeHost host;
  OneShotServer server([](int fd) {
    send_text(fd, "abc");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    send_text(fd, "defgh");
  });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(stream->peek(2).ok());
  stream->consume(2);
  const auto more = stream->peek(6);
  ASSERT_TRUE(more.ok());
  EXPECT_EQ(std::string(more->begin(), more->end()), "cdefgh");
  stream->consume(6);
  const auto end = stream->peek(1);
  ASSERT_TRUE(end.ok());
  EXPECT_TRUE(end->empty());
}

TEST(TcpStreamTest, AnEarlyEndSaysHowFarItCame) {
  FakeHost host;
  OneShotServer server([](int fd) { send_text(fd, "abc"); });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  uint8_t out[8];
  const Status status = stream->read_exact(out);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "SOCKET_EOF");
  EXPECT_TRUE(status.error().retryable);
  EXPECT_THAT(status.error().message, HasSubstr("after 3 of 8 bytes"));
}

TEST(TcpStreamTest, AWaitHasADeadline) {
  FakeHost host;
  OneShotServer server([](int fd) { (void)receive_until_close(fd); });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  stream->set_timeout_ms(30);
  uint8_t byte = 0;
  const Status status = stream->read_exact({&byte, 1});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "SOCKET_TIMEOUT");
  EXPECT_THAT(status.error().message, HasSubstr("127.0.0.1:"));
}

TEST(TcpStreamTest, CancellationEndsAWait) {
  FakeHost host;
  OneShotServer server([](int fd) { (void)receive_until_close(fd); });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  host.cancel();
  uint8_t byte = 0;
  EXPECT_EQ(stream->read_exact({&byte, 1}).error().code, "CANCELLED");
}

TEST(TcpStreamTest, RefusedConnectionsAreTypedErrors) {
  FakeHost host;
  uint16_t free_port = 0;
  {
    free_port = OneShotServer([](int) {}).port();
  }
  const auto refused = TcpStream::connect("127.0.0.1", free_port);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "TCP_CONNECT_FAILED");
  host.allow_network = false;
  EXPECT_EQ(TcpStream::connect("127.0.0.1", free_port).error().code, "NETWORK_DENIED");
}

TEST(TcpStreamTest, AMovedFromStreamDoesNotCloseTheSocket) {
  FakeHost host;
  OneShotServer server([](int fd) { send_text(fd, "k"); });
  auto stream = TcpStream::connect("127.0.0.1", server.port());
  ASSERT_TRUE(stream.ok());
  TcpStream second = std::move(*stream);
  {
    TcpStream third = std::move(*stream);
  }
  EXPECT_EQ(host.calls("socket-close"), 0U);
  uint8_t byte = 0;
  EXPECT_TRUE(second.read_exact({&byte, 1}).ok());
  second.close();
  second.close();
  EXPECT_EQ(host.calls("socket-close"), 1U);
  EXPECT_EQ(second.read_exact({&byte, 1}).error().code, "SOCKET_CLOSED");
}

}  // namespace
}  // namespace rapidbyte::sdk
