#include "rapidbyte/runtime/net/socket_wait.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <thread>

#include "rapidbyte/runtime/testing/loopback_peer.h"

namespace rapidbyte::runtime {
namespace {

TEST(WaitSocketReady, ReturnsTrueWhenDataIsAvailable) {
  Pair pair = connected_pair();
  send_all(pair.server, "x");
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok()) << ready.status().to_string();
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, ReturnsTrueWhenDataComesWhileItWaits) {
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

TEST(WaitSocketReady, ReturnsFalseOnTimeout) {
  Pair pair = connected_pair();
  for (const int ms : {0, 20}) {
    const auto start = steady_clock::now();
    auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(ms), CancelToken());
    ASSERT_TRUE(ready.ok());
    EXPECT_FALSE(*ready);
    EXPECT_GE(elapsed_since(start), milliseconds(ms));
  }
}

TEST(WaitSocketReady, IsWritableForAConnectedSocket) {
  Pair pair = connected_pair();
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kWritable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok());
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, SeesAPeerCloseAsReady) {
  Pair pair = connected_pair();
  {
    SocketEntry closed = std::move(pair.server);
  }
  auto ready = wait_socket_ready(pair.client.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken());
  ASSERT_TRUE(ready.ok());
  EXPECT_TRUE(*ready);
}

TEST(WaitSocketReady, WakesOnCancellationLongBeforeItsTimeout) {
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

TEST(WaitSocketReady, ADescriptorThatIsNotOpenIsAnError) {
  EXPECT_EQ(wait_socket_ready(-1, SocketInterest::kReadable, milliseconds(0), CancelEvent(CancelToken())).error().code,
            "INVALID_SOCKET");
  int closed = ::dup(0);
  ::close(closed);
  EXPECT_EQ(wait_socket_ready(closed, SocketInterest::kReadable, milliseconds(10), CancelToken()).error().code,
            "INVALID_SOCKET");
}

}  // namespace
}  // namespace rapidbyte::runtime
