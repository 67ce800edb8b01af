#include "rapidbyte/runtime/net/tls_session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "rapidbyte/runtime/testing/loopback_peer.h"
#include "rapidbyte/runtime/testing/tls_peer.h"

namespace rapidbyte::runtime {
namespace {

using Kind = SocketReadResult::Kind;

const Identity& test_ca() {
  static const Identity ca = Identity::make({.common_name = "Test CA", .alt_names = "", .is_ca = true});
  return ca;
}
const Identity& local_server() {
  static const Identity server =
      Identity::make({.common_name = "db", .alt_names = "DNS:localhost,DNS:*.example.com,IP:127.0.0.1"}, &test_ca());
  return server;
}

/// The process's trust store is read once, so the CA that "the system" trusts is put in place before any test.
class SystemTrust : public ::testing::Environment {
 public:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("rapidbyte-trust-" + std::to_string(::getpid()) + ".pem");
    ca_.emplace(Identity::make({.common_name = "System CA", .alt_names = "", .is_ca = true}));
    std::ofstream(path_) << ca_->pem();
    ::setenv("SSL_CERT_FILE", path_.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] const Identity& ca() const { return *ca_; }

 private:
  std::filesystem::path path_;
  std::optional<Identity> ca_;
};
SystemTrust* const system_trust = static_cast<SystemTrust*>(::testing::AddGlobalTestEnvironment(new SystemTrust));

class TlsSessionTest : public ::testing::Test {
 protected:
  TlsOptions trusting(std::string name, TlsVerify verify = TlsVerify::kFull) const {
    return {std::move(name), verify, test_ca().pem()};
  }
  /// Connects to a peer with `identity` that does `talk` after the handshake.
  Status connect(const TlsOptions& options, const Identity& identity, TlsPeer::Talk talk = nullptr,
                 TlsPeer::Options peer_options = {}) {
    Pair pair = connected_pair();
    client_.emplace(std::move(pair.client));
    peer_ = std::make_unique<TlsPeer>(std::move(pair.server), identity, peer_options, std::move(talk));
    return client_->start_tls(options, Deadline::after(milliseconds(10'000)), cancel_);
  }
  /// Reads until `size` bytes have come, the end, or an error.
  Result<std::string> receive(size_t size) {
    std::string out;
    std::vector<std::byte> room(size_t{256} << 10U);
    while (out.size() < size) {
      RB_ASSIGN_OR_RETURN(const auto got,
                          client_->read(std::span(room).first(std::min(room.size(), size - out.size())), cancel_));
      if (got.kind == Kind::kEof) break;
      if (got.kind == Kind::kData) {
        out.append(reinterpret_cast<const char*>(room.data()), got.size);
        continue;
      }
      RB_ASSIGN_OR_RETURN(const bool ready, client_->wait(SocketInterest::kReadable, milliseconds(20'000), cancel_));
      if (!ready) return internal_error("TEST", "nothing came");
    }
    return out;
  }
  Status send(std::string_view text) {
    auto data = bytes_of(text);
    while (!data.empty()) {
      RB_ASSIGN_OR_RETURN(const auto wrote, client_->write(data, cancel_));
      data = data.subspan(wrote.size);
      if (wrote.kind == SocketWriteResult::Kind::kWritten) continue;
      RB_ASSIGN_OR_RETURN(const bool ready, client_->wait(SocketInterest::kWritable, milliseconds(20'000), cancel_));
      if (!ready) return internal_error("TEST", "nothing was taken");
    }
    return {};
  }
  void drop_client() { client_.reset(); }

  CancelToken token_;
  CancelEvent cancel_{token_};
  std::optional<SocketEntry> client_;
  std::unique_ptr<TlsPeer> peer_;
};

/// Bytes in which every position differs from its neighbours and from what is 16 KiB (a record) away.
std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 2654435761U) >> 11U);
  return out;
}

TEST_F(TlsSessionTest, ACheckedServerIsTalkedToInTls13AndHearsItsName) {
  const Status status =
      connect(trusting("localhost"), local_server(), [](TlsPeer& peer) { peer.send("echo " + peer.receive(4)); });
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(client_->tls()->version(), "TLSv1.3");
  ASSERT_TRUE(send("ping").ok());
  EXPECT_EQ(*receive(9), "echo ping");
  peer_->join();
  EXPECT_EQ(peer_->asked_name, "localhost");
}

TEST_F(TlsSessionTest, NamesAreComparedAsNamesAre) {
  for (const char* name : {"localhost", "LOCALHOST", "localhost.", "db.example.com", "127.0.0.1"}) {
    const Status status = connect(trusting(name), local_server());
    EXPECT_TRUE(status.ok()) << name << ": " << status.to_string();
    drop_client();
    peer_->join();
    EXPECT_EQ(peer_->asked_name.empty(), std::string_view(name) == "127.0.0.1") << "an address is no SNI";
  }
  for (const char* name : {"example.com", "a.b.example.com", "localhos", "127.0.0.2", "::1", "db", "evil.org"}) {
    const Status status = connect(trusting(name), local_server());
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_EQ(status.error().code, "TLS_FAILED");
    EXPECT_EQ(status.error().category, ErrorCategory::kAuth);
    EXPECT_FALSE(status.error().retryable);
    EXPECT_NE(status.error().message.find("is for localhost, *.example.com, 127.0.0.1, not for " + std::string(name)),
              std::string::npos)
        << status.error().message;
  }
}

TEST_F(TlsSessionTest, TheDegreeOfCheckingDecidesWhatIsAccepted) {
  const Identity stranger = Identity::make({.common_name = "stranger", .alt_names = "DNS:localhost"});
  const Identity other_name = Identity::make({.common_name = "x", .alt_names = "DNS:other.org"}, &test_ca());
  struct Case {
    const Identity& identity;
    TlsVerify verify;
    bool accepted;
  };
  for (const auto& [identity, verify, accepted] :
       {Case{stranger, TlsVerify::kNone, true}, Case{stranger, TlsVerify::kCa, false},
        Case{stranger, TlsVerify::kFull, false}, Case{other_name, TlsVerify::kNone, true},
        Case{other_name, TlsVerify::kCa, true}, Case{other_name, TlsVerify::kFull, false}}) {
    const Status status = connect(trusting("localhost", verify), identity);
    EXPECT_EQ(status.ok(), accepted) << static_cast<int>(verify) << ": " << status.to_string();
    EXPECT_TRUE(status.ok() || status.error().category == ErrorCategory::kAuth) << status.to_string();
    drop_client();
  }
}

TEST_F(TlsSessionTest, AnUnknownCaIsNamedWithWhatToDo) {
  const Identity other_ca = Identity::make({.common_name = "Other CA", .alt_names = "", .is_ca = true});
  const Identity server = Identity::make({.common_name = "db", .alt_names = "DNS:localhost"}, &other_ca);
  const Status status = connect(trusting("localhost"), server);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(
      status.error().message,
      "no TLS with 'localhost': the certificate of CN = db (issued by CN = Other CA) is not signed by a CA that the "
      "connector's config trusts. Give the certificate of the CA that signed it");
}

TEST_F(TlsSessionTest, ACertificateOutOfItsTimeIsRefusedWithTheDate) {
  const Identity expired = Identity::make(
      {.common_name = "old", .alt_names = "DNS:localhost", .valid_from = -7200, .valid_to = -3600}, &test_ca());
  const Identity future = Identity::make(
      {.common_name = "new", .alt_names = "DNS:localhost", .valid_from = 3600, .valid_to = 7200}, &test_ca());
  Status status = connect(trusting("localhost"), expired);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("CN = old (issued by CN = Test CA) expired on "), std::string::npos)
      << status.error().message;
  status = connect(trusting("localhost"), future);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("is not valid before "), std::string::npos) << status.error().message;
}

TEST_F(TlsSessionTest, WithoutACaOfItsOwnTheSystemsTrustStoreCounts) {
  const Identity server = Identity::make({.common_name = "db", .alt_names = "DNS:localhost"}, &system_trust->ca());
  EXPECT_TRUE(connect({"localhost", TlsVerify::kFull, std::nullopt}, server).ok());
  drop_client();
  EXPECT_FALSE(connect(trusting("localhost"), server).ok()) << "a CA of its own replaces the system's";
  drop_client();
  const Status status = connect({"localhost", TlsVerify::kFull, std::nullopt}, local_server());
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("is not signed by a CA that this machine trusts"), std::string::npos);
}

TEST_F(TlsSessionTest, SeveralCasAnIntermediateOrTheServersOwnCertificateMayBeTrusted) {
  const Identity middle = Identity::make({.common_name = "Middle", .alt_names = "", .is_ca = true}, &test_ca());
  const Identity below = Identity::make({.common_name = "db", .alt_names = "DNS:localhost"}, &middle);
  const Identity alone = Identity::make({.common_name = "alone", .alt_names = "DNS:localhost"});
  const Identity unused = Identity::make({.common_name = "Unused", .alt_names = "", .is_ca = true});
  EXPECT_TRUE(connect({"localhost", TlsVerify::kFull, middle.pem()}, below).ok());
  drop_client();
  EXPECT_TRUE(connect({"localhost", TlsVerify::kFull, unused.pem() + "some text between\n" + alone.pem()}, alone).ok());
}

TEST_F(TlsSessionTest, ACaThatIsNoCertificateIsAConfigErrorBeforeAnythingIsSent) {
  const std::string good = test_ca().pem();
  const std::string encrypted =
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
      "AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
      "-----END CERTIFICATE-----\n";
  for (const std::string& pem : {std::string(), std::string("/etc/ssl/ca.pem"), good.substr(0, good.size() / 2),
                                 good + good.substr(0, good.size() / 2) + "-----END CERTIFICATE-----\n", encrypted,
                                 std::string(kMaxCaPemBytes + 1, 'x')}) {
    Pair pair = connected_pair();
    const Status status =
        pair.client.start_tls({"localhost", TlsVerify::kCa, pem}, Deadline::after(milliseconds(1000)), cancel_);
    ASSERT_FALSE(status.ok()) << pem.size();
    EXPECT_EQ(status.error().code, "TLS_FAILED");
    EXPECT_EQ(status.error().category, ErrorCategory::kConfig) << status.to_string();
    EXPECT_FALSE(*wait_socket_ready(pair.server.fd(), SocketInterest::kReadable, milliseconds(0), cancel_));
  }
}

TEST_F(TlsSessionTest, ANameThatIsNoneIsAConfigError) {
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string(300, 'a')}) {
    Pair pair = connected_pair();
    const Status status = pair.client.start_tls(trusting(name), Deadline::after(milliseconds(1000)), cancel_);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().category, ErrorCategory::kConfig) << status.to_string();
  }
}

TEST_F(TlsSessionTest, Tls12IsSpokenAndOlderVersionsAreNot) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [](TlsPeer& peer) { peer.send("hello"); },
                      {.max_version = TLS1_2_VERSION})
                  .ok());
  EXPECT_EQ(client_->tls()->version(), "TLSv1.2");
  EXPECT_EQ(*receive(5), "hello");
  drop_client();
  const Status status = connect(trusting("localhost"), local_server(), nullptr,
                                {.min_version = TLS1_VERSION, .max_version = TLS1_1_VERSION});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "TLS_FAILED");
  EXPECT_EQ(status.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_FALSE(status.error().retryable) << status.to_string();
}

TEST_F(TlsSessionTest, AServerThatSpeaksNoTlsIsSaidSo) {
  Pair pair = connected_pair();
  send_all(pair.server, "HTTP/1.1 400 Bad Request\r\n\r\n");
  const Status status = pair.client.start_tls(trusting("localhost"), Deadline::after(milliseconds(10'000)), cancel_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().category, ErrorCategory::kTransientNetwork);
  EXPECT_NE(status.error().message.find("does not speak TLS"), std::string::npos) << status.error().message;
  // Whatever the guest makes of the error, nothing goes over that connection in plain.
  std::array<std::byte, 16> into{};
  EXPECT_FALSE(pair.client.write(std::as_bytes(std::span("secret")), cancel_).ok());
  const auto read = pair.client.read(into, cancel_);
  EXPECT_TRUE(!read.ok() || read->kind != SocketReadResult::Kind::kWouldBlock);
}

TEST_F(TlsSessionTest, AServerThatGoesAwayInTheHandshakeIsWorthAnotherTry) {
  for (const bool hard : {false, true}) {
    Pair pair = connected_pair();
    const linger reset{hard ? 1 : 0, 0};
    ASSERT_EQ(::setsockopt(pair.server.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    {
      SocketEntry gone = std::move(pair.server);
    }
    const Status status = pair.client.start_tls(trusting("localhost"), Deadline::after(milliseconds(10'000)), cancel_);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "TLS_FAILED");
    EXPECT_EQ(status.error().category, ErrorCategory::kTransientNetwork);
    EXPECT_TRUE(status.error().retryable) << status.to_string();
  }
}

TEST_F(TlsSessionTest, AServerThatStallsInTheHandshakeEndsAtTheDeadlineOrOnCancellation) {
  Pair pair = connected_pair();
  auto start = steady_clock::now();
  Status status = pair.client.start_tls(trusting("localhost"), Deadline::after(milliseconds(60)), cancel_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "TLS_FAILED");
  EXPECT_NE(status.error().message.find("in time"), std::string::npos);
  EXPECT_GE(elapsed_since(start), milliseconds(60));

  Pair other = connected_pair();
  std::thread canceller([this] {
    std::this_thread::sleep_for(milliseconds(30));
    token_.cancel();
  });
  start = steady_clock::now();
  status = other.client.start_tls(trusting("localhost"), Deadline::after(milliseconds(60'000)), cancel_);
  canceller.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "CANCELLED");
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
}

TEST_F(TlsSessionTest, TlsIsStartedOnce) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server()).ok());
  const Status again = client_->start_tls(trusting("localhost"), Deadline::after(milliseconds(1000)), cancel_);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().category, ErrorCategory::kInternal);
}

TEST_F(TlsSessionTest, MegabytesArriveUnchangedBothWays) {
  const std::string data = pattern(size_t{12} << 20U);
  std::string arrived;
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [&](TlsPeer& peer) {
                arrived = peer.receive(data.size());
                for (size_t at = 0; at < arrived.size(); at += 100'000) peer.send(arrived.substr(at, 100'000));
              }).ok());
  ASSERT_TRUE(send(data).ok());
  const auto back = receive(data.size());
  peer_->join();
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_TRUE(arrived == data);
  EXPECT_TRUE(*back == data);
}

TEST_F(TlsSessionTest, BytesThatAreDecryptedAlreadyMakeTheSocketReadable) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [](TlsPeer& peer) { peer.send(pattern(10'000)); }).ok());
  std::array<std::byte, 10> room{};
  ASSERT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(10'000), cancel_));
  ASSERT_EQ(client_->read(room, cancel_)->size, 10U);
  peer_->join();
  // The record has left the socket; 9,990 of its bytes are still to be read.
  EXPECT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(0), cancel_));
  EXPECT_EQ(receive(9'990)->size(), 9'990U);
  EXPECT_FALSE(*client_->wait(SocketInterest::kReadable, milliseconds(0), cancel_));
}

TEST_F(TlsSessionTest, TheEndIsAnEndOnlyWhenThePeerSaysSo) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [](TlsPeer& peer) {
                peer.send("all");
                peer.send_end();
              }).ok());
  EXPECT_EQ(*receive(100), "all");
  std::array<std::byte, 4> room{};
  EXPECT_EQ(client_->read(room, cancel_)->kind, Kind::kEof);
  EXPECT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(0), cancel_)) << "the end is there to be read";
  EXPECT_EQ(client_->read(room, cancel_)->kind, Kind::kEof);
  drop_client();

  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [](TlsPeer& peer) {
                peer.send("part");
                ::shutdown(peer.fd(), SHUT_RDWR);
              }).ok());
  EXPECT_EQ(*receive(4), "part");
  ASSERT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(10'000), cancel_));
  for (int i = 0; i < 2; ++i) {
    const auto cut = client_->read(room, cancel_);
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().code, "SOCKET_READ_FAILED");
    EXPECT_NE(cut.error().message.find("may be truncated"), std::string::npos) << cut.error().message;
  }
}

TEST_F(TlsSessionTest, APeerThatSaidItsLastWordStillListens) {
  std::string heard;
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [&](TlsPeer& peer) {
                peer.send_end();
                heard = peer.receive(4);
              }).ok());
  EXPECT_EQ(*receive(10), "");
  ASSERT_TRUE(send("last").ok());
  peer_->join();
  EXPECT_EQ(heard, "last");
}

TEST_F(TlsSessionTest, AResetIsAnErrorOfReadsAndWrites) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [](TlsPeer& peer) {
                const linger reset{1, 0};
                ::setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
              }).ok());
  peer_.reset();
  ASSERT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(10'000), cancel_));
  const auto read = receive(1);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, "SOCKET_READ_FAILED");
  const Status wrote = send("x");
  ASSERT_FALSE(wrote.ok());
  EXPECT_EQ(wrote.error().code, "SOCKET_WRITE_FAILED");
}

TEST_F(TlsSessionTest, AWriteThatWouldBlockMayBeFollowedByAnotherOne) {
  std::promise<void> read_now;
  std::string arrived;
  size_t expected = 0;
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [&](TlsPeer& peer) {
                read_now.get_future().wait();
                arrived = peer.receive(expected);
              }).ok());
  const std::string block = pattern(300'000);
  std::string taken;
  while (true) {
    const auto wrote = client_->write(bytes_of(block), cancel_);
    ASSERT_TRUE(wrote.ok());
    if (wrote->kind == SocketWriteResult::Kind::kWouldBlock) break;
    taken += block.substr(0, wrote->size);
    ASSERT_LT(taken.size(), size_t{32} << 20U);
  }
  EXPECT_FALSE(*client_->wait(SocketInterest::kWritable, milliseconds(20), cancel_)) << "the peer does not read";
  const std::string tail = "something else, and shorter";
  expected = taken.size() + tail.size();
  read_now.set_value();
  ASSERT_TRUE(send(tail).ok());
  peer_->join();
  EXPECT_TRUE(arrived == taken + tail);
}

TEST_F(TlsSessionTest, WhatWasTakenGoesOutWhileTheGuestWaitsForTheAnswer) {
  // A request larger than the socket's buffers: its rest leaves during the wait for readable.
  std::promise<void> read_now;
  size_t expected = 0;
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), [&](TlsPeer& peer) {
                read_now.get_future().wait();
                peer.send(peer.receive(expected).size() == expected ? "yes" : "no");
              }).ok());
  const std::string block = pattern(100'000);
  while (true) {
    const auto wrote = client_->write(bytes_of(block), cancel_);
    ASSERT_TRUE(wrote.ok());
    if (wrote->kind == SocketWriteResult::Kind::kWouldBlock) break;
    expected += wrote->size;
  }
  read_now.set_value();
  EXPECT_EQ(*receive(3), "yes");
}

TEST_F(TlsSessionTest, GoodbyeSendsWhatWasTakenButDoesNotWaitForEver) {
  for (const bool reads : {true, false}) {
    std::promise<void> proceed;
    std::string arrived;
    std::string taken;
    ASSERT_TRUE(connect(trusting("localhost"), local_server(), [&](TlsPeer& peer) {
                  proceed.get_future().wait();
                  arrived = peer.receive(size_t{32} << 20U);
                }).ok());
    const std::string block = pattern(100'000);
    while (true) {
      const auto wrote = client_->write(bytes_of(block), cancel_);
      ASSERT_TRUE(wrote.ok());
      if (wrote->kind == SocketWriteResult::Kind::kWouldBlock) break;
      taken += block.substr(0, wrote->size);
    }
    if (reads) proceed.set_value();
    const auto start = steady_clock::now();
    client_->say_goodbye(cancel_);
    drop_client();
    EXPECT_LT(elapsed_since(start), kTlsLinger + milliseconds(4000));
    if (!reads) proceed.set_value();
    peer_->join();
    EXPECT_TRUE(!reads || arrived == taken) << arrived.size() << " of " << taken.size();
    EXPECT_TRUE(reads || elapsed_since(start) >= kTlsLinger);
  }
}

/// Carries bytes between two pairs of sockets, `step` bytes at a time.
class SlowWire {
 public:
  explicit SlowWire(size_t step) : near_(connected_pair()), far_(connected_pair()) {
    thread_ = std::thread([this, step] { run(step); });
  }
  ~SlowWire() {
    stop_.cancel();
    thread_.join();
  }
  SlowWire(const SlowWire&) = delete;
  SlowWire& operator=(const SlowWire&) = delete;
  SocketEntry take_client() { return std::move(near_.client); }
  SocketEntry take_server() { return std::move(far_.client); }

 private:
  void run(size_t step) {
    const CancelEvent cancel{stop_};
    std::vector<std::byte> room(step);
    while (!stop_.cancelled()) {
      bool moved = false;
      for (auto [from, to] : {std::pair(&near_.server, &far_.server), std::pair(&far_.server, &near_.server)}) {
        const auto got = from->read(room, cancel);
        if (!got.ok() || got->kind != Kind::kData) continue;
        moved = to->write(std::span(room).first(got->size), cancel).ok();
      }
      if (!moved) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  Pair near_;
  Pair far_;
  CancelToken stop_;
  std::thread thread_;
};

TEST_F(TlsSessionTest, APeerThatTricklesAByteAtATimeIsWaitedForWithoutSpinning) {
  SlowWire wire(1);
  client_.emplace(wire.take_client());
  TlsPeer peer(wire.take_server(), local_server(), {}, [](TlsPeer& p) { p.send(p.receive(3)); });
  ASSERT_TRUE(client_->start_tls(trusting("localhost"), Deadline::after(milliseconds(20'000)), cancel_).ok());
  ASSERT_TRUE(send("abc").ok());
  // Readable only when the record is complete: one wait, one read.
  ASSERT_TRUE(*client_->wait(SocketInterest::kReadable, milliseconds(20'000), cancel_));
  std::array<std::byte, 16> room{};
  const auto got = client_->read(room, cancel_);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->kind, Kind::kData);
  EXPECT_EQ(got->size, 3U);
}

TEST_F(TlsSessionTest, AWaitWakesOnCancellation) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server()).ok());
  std::thread canceller([this] {
    std::this_thread::sleep_for(milliseconds(30));
    token_.cancel();
  });
  const auto start = steady_clock::now();
  const auto ready = client_->wait(SocketInterest::kReadable, milliseconds(60'000), cancel_);
  canceller.join();
  EXPECT_LT(elapsed_since(start), milliseconds(5000));
  ASSERT_FALSE(ready.ok());
  EXPECT_EQ(ready.error().code, "CANCELLED");
  std::array<std::byte, 4> room{};
  EXPECT_EQ(client_->read(room, cancel_).error().code, "CANCELLED");
  EXPECT_EQ(client_->write(bytes_of("x"), cancel_).error().code, "CANCELLED");
}

TEST_F(TlsSessionTest, AServerThatWantsTheClientsCertificateIsUnderstood) {
  ASSERT_TRUE(connect(trusting("localhost"), local_server(), nullptr, {.asks_for_certificate = true}).ok());
  const auto read = receive(1);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("requires a client certificate"), std::string::npos) << read.error().message;
}

}  // namespace
}  // namespace rapidbyte::runtime
