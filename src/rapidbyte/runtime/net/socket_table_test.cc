#include "rapidbyte/runtime/net/socket_table.h"

#include <gtest/gtest.h>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "rapidbyte/runtime/testing/loopback_peer.h"
#include "rapidbyte/runtime/testing/tls_peer.h"

namespace rapidbyte::runtime {
namespace {

TEST(SocketTable, CarriesBytesBothWays) {
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

TEST(SocketTable, UnknownAndClosedHandlesAreErrorsAndCloseIgnoresThem) {
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

TEST(SocketTable, LimitsTheSocketsThatAreOpen) {
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

TEST(SocketTable, ClosesItsSocketsWhenItGoes) {
  Listener listener;
  auto table = std::make_unique<SocketTable>(acl_of({"127.0.0.1"}), 2, CancelToken());
  ASSERT_TRUE(table->connect("127.0.0.1", listener.port()).ok());
  SocketEntry server = listener.accept();
  table.reset();
  std::array<std::byte, 8> room{};
  ASSERT_TRUE(*wait_socket_ready(server.fd(), SocketInterest::kReadable, milliseconds(5000), CancelToken()));
  EXPECT_EQ(server.read(room, CancelEvent(CancelToken()))->kind, SocketReadResult::Kind::kEof);
}

/// A table whose manifest has `policy`, connected to a peer that it can hear.
struct PolicyTable {
  explicit PolicyTable(TlsPolicy policy) : table(acl(policy), 4, CancelToken()) {
    Listener listener;
    handle = *table.connect("127.0.0.1", listener.port());
    server.emplace(listener.accept());
  }
  static NetworkAcl acl(TlsPolicy policy) {
    NetworkAcl acl = acl_of({"127.0.0.1"});
    acl.set_tls(policy);
    return acl;
  }
  /// The peer sends `text`, and the guest reads what it may of it.
  Result<SocketReadResult> hear(std::string_view text) {
    send_all(*server, text);
    RB_ASSIGN_OR_RETURN(const bool ready, table.wait(handle, SocketInterest::kReadable, milliseconds(10'000)));
    if (!ready) return internal_error("TEST", "nothing came");
    std::vector<std::byte> room(4096);
    return table.read(handle, room);
  }
  Status say(std::string_view text) { return table.write(handle, bytes_of(text)).status(); }

  SocketTable table;
  uint64_t handle = 0;
  std::optional<SocketEntry> server;
};

TEST(SocketTableTls, RequiredLetsARequestForTlsThroughAndNothingAfterItsAnswer) {
  PolicyTable plain(TlsPolicy::kRequired);
  ASSERT_TRUE(plain.say(std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)).ok()) << "PostgreSQL's SSLRequest";
  EXPECT_EQ(plain.hear("N")->size, 1U);
  const Status startup = plain.say("user");
  ASSERT_FALSE(startup.ok()) << "the server has no TLS, so the conversation ends here";
  EXPECT_EQ(startup.error().code, "TLS_REQUIRED");
  EXPECT_EQ(startup.error().category, ErrorCategory::kPermission);
}

TEST(SocketTableTls, RequiredAllowsAGreetingFirstAndLimitsBothDirections) {
  PolicyTable greeted(TlsPolicy::kRequired);
  EXPECT_EQ(greeted.hear("220 ready")->size, 9U);
  EXPECT_TRUE(greeted.say(std::string(30, 'a')).ok());
  EXPECT_TRUE(greeted.say(std::string(kMaxPlainWriteBytes - 30, 'a')).ok());
  EXPECT_EQ(greeted.say("b").error().code, "TLS_REQUIRED");

  PolicyTable large(TlsPolicy::kRequired);
  EXPECT_EQ(large.say(std::string(kMaxPlainWriteBytes + 1, 'a')).error().code, "TLS_REQUIRED");
  EXPECT_FALSE(*large.server->wait(SocketInterest::kReadable, milliseconds(0), CancelEvent(CancelToken())))
      << "nothing of a refused write is sent";

  PolicyTable reads(TlsPolicy::kRequired);
  EXPECT_EQ(reads.hear(std::string(kMaxPlainReadBytes + 500, 'a'))->size, kMaxPlainReadBytes);
  std::vector<std::byte> room(10);
  EXPECT_EQ(reads.table.read(reads.handle, room).error().code, "TLS_REQUIRED");
}

TEST(SocketTableTls, RequiredIsMetByTlsOfTheGuestsOwn) {
  PolicyTable own(TlsPolicy::kRequired);
  ASSERT_TRUE(own.say("request").ok());
  EXPECT_EQ(own.hear("S")->size, 1U);
  ASSERT_TRUE(own.say("\x16\x03\x01" + std::string(500, 'h')).ok());
  EXPECT_TRUE(own.say(std::string(5000, 'd')).ok());
  EXPECT_EQ(own.hear(std::string(2000, 'd'))->size, 2000U);
}

TEST(SocketTableTls, RequiredIsMetByStartTls) {
  const Identity identity = Identity::make({.common_name = "db", .alt_names = "IP:127.0.0.1"});
  PolicyTable encrypted(TlsPolicy::kRequired);
  TlsPeer peer(*std::move(encrypted.server), identity, {}, [](TlsPeer& p) { p.send(p.receive(5000)); });
  const TlsOptions options{"127.0.0.1", TlsVerify::kFull, identity.pem()};
  ASSERT_TRUE(encrypted.table.start_tls(encrypted.handle, options).ok());
  ASSERT_TRUE(encrypted.say(std::string(5000, 'd')).ok());
  std::vector<std::byte> room(5000);
  ASSERT_TRUE(*encrypted.table.wait(encrypted.handle, SocketInterest::kReadable, milliseconds(10'000)));
  EXPECT_EQ(encrypted.table.read(encrypted.handle, room)->size, 5000U);
}

TEST(SocketTableTls, ForbiddenRefusesTlsAndLeavesTheConnectionAsItIs) {
  PolicyTable forbidden(TlsPolicy::kForbidden);
  const Status refused = forbidden.table.start_tls(forbidden.handle, {"127.0.0.1", TlsVerify::kNone, std::nullopt});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "TLS_FORBIDDEN");
  EXPECT_EQ(refused.error().category, ErrorCategory::kPermission);
  EXPECT_TRUE(forbidden.say(std::string(5000, 'd')).ok());
  EXPECT_EQ(forbidden.table.start_tls(99, {}).error().code, "INVALID_SOCKET");
}

TEST(SocketTableTls, OptionalLimitsNothing) {
  PolicyTable optional(TlsPolicy::kOptional);
  EXPECT_TRUE(optional.say(std::string(5000, 'd')).ok());
  EXPECT_EQ(optional.hear(std::string(3000, 'd'))->size, 3000U);
  EXPECT_TRUE(optional.say("more").ok());
}

TEST(SocketTable, AConnectionThatWasNotMadeTakesNoPlace) {
  Listener listener;
  SocketTable table(acl_of({"127.0.0.1"}), 1, CancelToken());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(table.connect("evil.example", 1).error().code, "NETWORK_DENIED");
  EXPECT_TRUE(table.connect("127.0.0.1", listener.port()).ok());
}

TEST(SocketTable, EveryCallSeesCancellation) {
  Listener listener;
  const CancelToken cancel;
  SocketTable table(acl_of({"127.0.0.1"}), 4, cancel);
  const uint64_t handle = *table.connect("127.0.0.1", listener.port());
  cancel.cancel();
  std::array<std::byte, 8> room{};
  EXPECT_EQ(table.connect("127.0.0.1", listener.port()).error().code, "CANCELLED");
  EXPECT_EQ(table.read(handle, room).error().code, "CANCELLED");
  EXPECT_EQ(table.write(handle, bytes_of("x")).error().code, "CANCELLED");
  EXPECT_EQ(table.wait(handle, SocketInterest::kReadable, milliseconds(60'000)).error().code, "CANCELLED");
  EXPECT_EQ(table.start_tls(handle, {"127.0.0.1", TlsVerify::kNone, std::nullopt}).error().code, "CANCELLED");
  table.close(handle);
  EXPECT_EQ(table.open_count(), 0U);
}

}  // namespace
}  // namespace rapidbyte::runtime
