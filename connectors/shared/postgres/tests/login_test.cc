// The login against scripted servers: every method, every refusal, and servers that lie.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "postgres/connection.h"
#include "postgres/crypto.h"
#include "postgres/tests/scripted_server.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::postgres {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class LoginTest : public ::testing::Test {
 protected:
  sdk::testing::FakeHost host_;

  /// Connects and gives the error, in which the password must not be.
  static sdk::Error refusal(const ConnectionOptions& options) {
    const auto connection = Connection::connect(options);
    EXPECT_FALSE(connection.ok());
    if (connection.ok()) return {};
    EXPECT_THAT(connection.error().message, Not(HasSubstr("canary")));
    EXPECT_THAT(connection.error().details_json.value_or(""), Not(HasSubstr("canary")));
    return connection.error();
  }
};

const std::string kLetIn = auth(0) + message('S', zero("TimeZone") + zero("UTC")) + ready();

TEST_F(LoginTest, TheStartupMessageNamesUserDatabaseAndEncoding) {
  std::string startup;
  {
    ScriptedServer server([&](Peer& peer) {
      startup = peer.log_in();
      peer.drain();
    });
    const auto connection = Connection::connect(server.options());
    ASSERT_TRUE(connection.ok()) << connection.status().to_string();
    EXPECT_EQ(connection->server_version(), 150004U);
    EXPECT_EQ(connection->backend_pid(), 4711U);
    EXPECT_EQ(connection->transaction_status(), TransactionStatus::kIdle);
    EXPECT_FALSE(connection->is_encrypted());
  }
  EXPECT_EQ(startup, be32(196608) + zero("user") + zero("ann") + zero("database") + zero("shop") +
                         zero("application_name") + zero("rapidbyte") + zero("client_encoding") + zero("UTF8") +
                         zero(""));
}

TEST_F(LoginTest, WeakMethodsNeedPermission) {
  struct Case {
    uint32_t code;
    WeakAuth allowed;
    const char* advice;
  };
  for (const Case& each :
       {Case{3, WeakAuth::kNone, "allow_weak_auth: cleartext"}, Case{3, WeakAuth::kMd5, "allow_weak_auth: cleartext"},
        Case{5, WeakAuth::kNone, "allow_weak_auth: md5"}}) {
    size_t sent = 0;
    {
      ScriptedServer server([&](Peer& peer) {
        peer.receive_startup();
        peer.send(auth(each.code, each.code == 5 ? "salt" : ""));
        sent = peer.drain();
      });
      ConnectionOptions options = server.options();
      options.weak_auth = each.allowed;
      const sdk::Error error = refusal(options);
      EXPECT_EQ(error.code, "AUTH_METHOD_REFUSED");
      EXPECT_EQ(error.category, sdk::ErrorCategory::kAuth);
      EXPECT_THAT(error.message, HasSubstr(each.advice));
    }
    EXPECT_EQ(sent, 0U) << "nothing of the password was sent";
  }
}

TEST_F(LoginTest, AllowedWeakMethodsSendWhatTheProtocolSays) {
  ClientMessage cleartext;
  ClientMessage md5;
  {
    ScriptedServer server({[&](Peer& peer) {
                             peer.receive_startup();
                             peer.send(auth(3));
                             cleartext = peer.receive();
                             peer.send(kLetIn);
                           },
                           [&](Peer& peer) {
                             peer.receive_startup();
                             peer.send(auth(5, "\1\2\3\4"));
                             md5 = peer.receive();
                             peer.send(kLetIn);
                           }});
    ConnectionOptions options = server.options();
    options.weak_auth = WeakAuth::kCleartext;
    EXPECT_TRUE(Connection::connect(options).ok());
    EXPECT_TRUE(Connection::connect(options).ok());
  }
  EXPECT_EQ(cleartext.type, 'p');
  EXPECT_EQ(cleartext.body, zero("canary"));
  const std::string inner = md5_hex(bytes_of("canaryann"));
  EXPECT_EQ(md5.body, zero("md5" + md5_hex(bytes_of(inner + "\1\2\3\4"))));
}

TEST_F(LoginTest, MethodsThatWeDoNotSpeakAreNamed) {
  for (const std::string& offer : {auth(7), auth(9), auth(2), auth(10, zero("OTHER") + zero(""))}) {
    ScriptedServer server([&](Peer& peer) {
      peer.receive_startup();
      peer.send(offer);
      peer.drain();
    });
    EXPECT_EQ(refusal(server.options()).code, "AUTH_METHOD_REFUSED");
  }
}

TEST_F(LoginTest, AMissingPasswordIsSaidBeforeAnythingIsSent) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send(auth(10, zero("SCRAM-SHA-256") + zero("")));
    peer.drain();
  });
  ConnectionOptions options = server.options();
  options.password.clear();
  EXPECT_EQ(refusal(options).code, "PASSWORD_MISSING");
}

TEST_F(LoginTest, AServerMustProveThatItKnowsThePassword) {
  // It plays SCRAM with its own password, or skips the proof.
  const auto play = [](Peer& peer, bool with_proof) {
    peer.receive_startup();
    peer.send(auth(10, zero("SCRAM-SHA-256-PLUS") + zero("SCRAM-SHA-256") + zero("")));
    const ClientMessage first = peer.receive();
    const std::string nonce = first.body.substr(first.body.find("r=") + 2);
    peer.send(auth(11, "r=" + nonce + "x,s=c2FsdA==,i=4096"));
    peer.receive();
    if (with_proof) peer.send(auth(12, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    peer.send(kLetIn);
    peer.drain();
  };
  for (const bool with_proof : {true, false}) {
    ScriptedServer server([&](Peer& peer) { play(peer, with_proof); });
    const sdk::Error error = refusal(server.options());
    EXPECT_EQ(error.code, "SCRAM_FAILED");
    EXPECT_THAT(error.message, HasSubstr("password"));
  }
}

TEST_F(LoginTest, ScramMessagesOutOfOrderAreProtocolErrors) {
  const std::string offer = auth(10, zero("SCRAM-SHA-256") + zero(""));
  for (const std::string& answer : {auth(11, "r=x"), auth(12, "v=x"), offer + offer, message('R', "\0"),
                                    message('D', "x"), auth(5, "sa"), std::string("HTTP/1.1 400 Bad Request\r\n")}) {
    ScriptedServer server([&](Peer& peer) {
      peer.receive_startup();
      peer.send(answer);
    });
    ConnectionOptions options = server.options();
    options.weak_auth = WeakAuth::kCleartext;
    const sdk::Error error = refusal(options);
    EXPECT_TRUE(error.code == "PROTOCOL" || error.code == "SERVER_CLOSED") << error.code;
  }
}

TEST_F(LoginTest, TheServersRefusalIsExplained) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send(error_response("FATAL", "53300", "sorry, too many clients already"));
  });
  const sdk::Error error = refusal(server.options());
  EXPECT_EQ(error.code, "TOO_MANY_CONNECTIONS");
  EXPECT_TRUE(error.retryable);
  EXPECT_EQ(error.backoff_class, sdk::BackoffClass::kSlow);
  EXPECT_THAT(error.message, HasSubstr("connect to 127.0.0.1:" + std::to_string(server.port()) + "/shop: sorry"));
}

TEST_F(LoginTest, ASilentServerIsGivenUp) {
  ScriptedServer server([](Peer& peer) { peer.drain(); });
  ConnectionOptions options = server.options();
  options.connect_timeout_ms = 50;
  const sdk::Error error = refusal(options);
  EXPECT_EQ(error.code, "CONNECT_TIMEOUT");
  EXPECT_TRUE(error.retryable);
  EXPECT_THAT(error.message, HasSubstr("connect_timeout_seconds"));
}

TEST_F(LoginTest, ATricklingServerCannotStretchTheTimeOut) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    for (int i = 0; i < 100; ++i) {
      peer.send(message('S', zero("a") + zero("b")));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  ConnectionOptions options = server.options();
  options.connect_timeout_ms = 200;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(options).code, "CONNECT_TIMEOUT");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(LoginTest, AServerThatNeverStopsTalkingIsGivenUp) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    std::string talk;
    for (int i = 0; i < 1000; ++i) talk += message('S', zero("a") + zero("b"));
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < std::chrono::seconds(5) &&
           ::send(peer.fd(), talk.data(), talk.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  ConnectionOptions options = server.options();
  options.connect_timeout_ms = 200;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(options).code, "CONNECT_TIMEOUT");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(LoginTest, AServerCannotAskForTheSameWorkTwice) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send(auth(10, zero("SCRAM-SHA-256") + zero("")));
    const ClientMessage first = peer.receive();
    const std::string challenge = auth(11, "r=" + first.body.substr(first.body.find("r=") + 2) + "x,s=c2FsdA==,i=4096");
    peer.send(challenge + challenge);
    peer.drain();
  });
  EXPECT_EQ(refusal(server.options()).code, "PROTOCOL");
}

TEST_F(LoginTest, NobodyThereAndNotAllowedAreDifferentErrors) {
  uint16_t port = 0;
  ConnectionOptions options;
  {
    ScriptedServer server([](Peer&) {});
    options = server.options();
    port = server.port();
  }
  const sdk::Error refused = refusal(options);
  EXPECT_EQ(refused.code, "TCP_CONNECT_FAILED");
  EXPECT_TRUE(refused.retryable);
  EXPECT_THAT(refused.message, HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(refused.message, HasSubstr("listen_addresses"));
  host_.allow_network = false;
  EXPECT_EQ(refusal(options).code, "NETWORK_DENIED");
}

TEST_F(LoginTest, AServerWithoutTlsIsTakenOnlyByPrefer) {
  for (const SslMode mode : {SslMode::kPrefer, SslMode::kRequire, SslMode::kVerifyCa, SslMode::kVerifyFull}) {
    std::string request;
    std::optional<sdk::Error> error;
    {
      ScriptedServer server([&](Peer& peer) {
        request = peer.receive_startup();
        peer.send("N");
        peer.receive_startup();
        peer.send(kLetIn);
        peer.drain();
      });
      ConnectionOptions options = server.options();
      options.ssl_mode = mode;
      const auto connection = Connection::connect(options);
      if (!connection.ok()) error = connection.error();
    }
    EXPECT_EQ(request, be32(80877103));
    EXPECT_EQ(error.has_value(), mode != SslMode::kPrefer);
    if (error) {
      EXPECT_EQ(error->code, "TLS_REFUSED");
      EXPECT_EQ(error->category, sdk::ErrorCategory::kConfig);
      EXPECT_THAT(error->message, HasSubstr(to_string(mode)));
    }
  }
}

TEST_F(LoginTest, AnErrorInsteadOfTlsIsNotRepeatedFromAnUnprotectedConnection) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send(error_response("FATAL", "XX000", "forged text"));
  });
  ConnectionOptions options = server.options();
  options.ssl_mode = SslMode::kRequire;
  const sdk::Error error = refusal(options);
  EXPECT_EQ(error.code, "TLS_REFUSED");
  EXPECT_TRUE(error.retryable);
  EXPECT_THAT(error.message, Not(HasSubstr("forged")));
}

TEST_F(LoginTest, BytesBeforeTlsAreNotTakenForTheServers) {
  // A man in the middle appends a login of his own to the server's unencrypted 'S'.
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send("S" + kLetIn);
    peer.drain();
  });
  ConnectionOptions options = server.options();
  options.ssl_mode = SslMode::kRequire;
  EXPECT_EQ(refusal(options).code, "TLS_FAILED");
}

TEST_F(LoginTest, PreferContinuesWithoutTlsWhenTlsFails) {
  ScriptedServer server({[](Peer& peer) {
                           peer.receive_startup();
                           peer.send("Snot TLS at all, not TLS at all");
                           peer.drain();
                         },
                         [](Peer& peer) {
                           peer.log_in();
                           peer.drain();
                         }});
  ConnectionOptions options = server.options();
  options.ssl_mode = SslMode::kPrefer;
  const auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok()) << connection.status().to_string();
  EXPECT_FALSE(connection->is_encrypted());
}

TEST_F(LoginTest, AnAnswerToTlsThatIsNeitherYesNorNoIsAProtocolError) {
  ScriptedServer server([](Peer& peer) {
    peer.receive_startup();
    peer.send("H");
  });
  ConnectionOptions options = server.options();
  options.ssl_mode = SslMode::kRequire;
  EXPECT_EQ(refusal(options).code, "PROTOCOL");
}

}  // namespace
}  // namespace rapidbyte::postgres
