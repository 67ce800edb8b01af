#include "rapidbyte/runtime/net/dns_lookup.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <memory>
#include <thread>

#include "rapidbyte/runtime/testing/loopback_peer.h"

namespace rapidbyte::runtime {
namespace {

TEST(ResolveSocketAddrs, AnswersIpLiteralsWithoutTheResolver) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1"});
  for (const char* host : {"127.0.0.1", "::1", "[::1]"}) {
    auto addresses = resolve_socket_addrs(host, 5432, resolver, Deadline::after(milliseconds(1000)), CancelToken());
    ASSERT_TRUE(addresses.ok()) << host;
    ASSERT_EQ(addresses->size(), 1U);
  }
  EXPECT_EQ(resolver->calls, 0);
}

TEST(ResolveSocketAddrs, ReturnsEveryAddressWithThePort) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{"10.0.0.1", "2001:db8::1"});
  auto addresses =
      resolve_socket_addrs("DB.example.com", 5432, resolver, Deadline::after(milliseconds(5000)), CancelToken());
  ASSERT_TRUE(addresses.ok());
  ASSERT_EQ(addresses->size(), 2U);
  EXPECT_EQ(address_to_string((*addresses)[0].get()), "10.0.0.1");
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>((*addresses)[0].get())->sin_port), 5432);
  EXPECT_EQ(resolver->last_host, "db.example.com");
}

TEST(ResolveSocketAddrs, FailsWhenThereIsNoAddress) {
  auto resolver = std::make_shared<FakeResolver>(std::vector<std::string>{});
  auto addresses =
      resolve_socket_addrs("db.example.com", 1, resolver, Deadline::after(milliseconds(5000)), CancelToken());
  ASSERT_FALSE(addresses.ok());
  EXPECT_EQ(addresses.error().code, "DNS_RESOLUTION_FAILED");
  EXPECT_EQ(addresses.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_NE(addresses.error().message.find("db.example.com"), std::string::npos);
}

TEST(ResolveSocketAddrs, RefusesWhatTwoParsersCouldReadDifferently) {
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

TEST(ResolveSocketAddrs, AResolverThatHangsBlocksNeitherTheDeadlineNorCancellation) {
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

TEST(ResolveSocketAddrs, LookUpsThatHangAreBounded) {
  auto resolver = std::make_shared<HangingResolver>();
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    auto result = resolve_socket_addrs("db.example.com", 1, resolver, Deadline::after(milliseconds(1)), CancelToken());
    ASSERT_FALSE(result.ok());
    if (result.error().message.find("unanswered") != std::string::npos) ++refused;
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

TEST(ResolveSocketAddrs, TheSystemKnowsLocalhost) {
  auto addresses =
      resolve_socket_addrs("localhost", 80, system_resolver(), Deadline::after(milliseconds(10000)), CancelToken());
  ASSERT_TRUE(addresses.ok()) << addresses.status().to_string();
  EXPECT_FALSE(addresses->empty());
}

}  // namespace
}  // namespace rapidbyte::runtime
