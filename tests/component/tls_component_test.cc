// TLS as a guest sees it: every parameter of socket-start-tls arrives, bytes go both ways, and a refusal is the guest's
// error.

#include "guest_fixture.h"
#include "rapidbyte/runtime/testing/loopback_peer.h"
#include "rapidbyte/runtime/testing/tls_peer.h"

namespace rapidbyte::runtime {
namespace {

class TlsGuest : public GuestTest {
 protected:
  /// What the guest hears from a server with `identity_`, which echoes four bytes and ends the conversation.
  Result<std::string> hear(nlohmann::json config) {
    Listener listener;
    std::optional<TlsPeer> peer;
    std::thread server([&] {
      if (!*wait_socket_ready(listener.fd(), SocketInterest::kReadable, milliseconds(20'000), CancelToken())) return;
      peer.emplace(listener.accept(), identity_, TlsPeer::Options{}, [](TlsPeer& p) {
        p.send("you said " + p.receive(4));
        p.send_end();
      });
    });
    config["port"] = listener.port();
    auto heard = perform(config, "tls-source");
    server.join();
    if (!heard.ok()) return heard;
    return nlohmann::json::parse(*heard)["streams"][0]["name"].get<std::string>();
  }

  Identity ca_ = Identity::make({.common_name = "Test CA", .alt_names = "", .is_ca = true});
  Identity identity_ = Identity::make({.common_name = "db", .alt_names = "DNS:db.example.com"}, &ca_);
};

TEST_F(TlsGuest, ACheckedServerIsTalkedTo) {
  const auto heard = hear({{"server_name", "db.example.com"}, {"verify", "full"}, {"ca", ca_.pem()}});
  ASSERT_TRUE(heard.ok()) << heard.status().to_string();
  EXPECT_EQ(*heard, "you said ping");
}

TEST_F(TlsGuest, TheDegreeOfCheckingTheNameAndTheCaArrive) {
  EXPECT_TRUE(hear({{"server_name", "other"}, {"verify", "ca"}, {"ca", ca_.pem()}}).ok());
  EXPECT_TRUE(hear({{"server_name", "other"}, {"verify", "none"}}).ok());
  for (const nlohmann::json& config : {nlohmann::json{{"server_name", "other"}, {"verify", "full"}, {"ca", ca_.pem()}},
                                       nlohmann::json{{"server_name", "db.example.com"}, {"verify", "ca"}}}) {
    const auto refused = hear(config);
    ASSERT_FALSE(refused.ok()) << config;
    EXPECT_EQ(refused.error().code, "TLS_FAILED");
    EXPECT_EQ(refused.error().category, ErrorCategory::kAuth);
    EXPECT_FALSE(refused.error().retryable);
    EXPECT_NE(refused.error().message.find("the certificate of CN = db"), std::string::npos) << refused.error().message;
  }
}

}  // namespace
}  // namespace rapidbyte::runtime
