// The set-up of a session, against a server that refuses it.
#include "src/session.h"

#include <gtest/gtest.h>

#include "fake_host.h"
#include "postgres/tests/scripted_server.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::testing::Peer;
using postgres::testing::ScriptedServer;
using namespace postgres::testing;  // NOLINT: messages as bytes

void refuse(Peer& peer, std::string_view sqlstate) {
  EXPECT_EQ(peer.log_in_and_receive().type, 'Q');
  peer.send(error_response("ERROR", sqlstate, "SET is not for you") + ready());
  peer.drain();
}
void accept(Peer& peer) {
  EXPECT_EQ(peer.log_in_and_receive().type, 'Q');
  peer.send(command_complete("SET") + ready());
  peer.drain();
}

// Rows would be read with the role's own DateStyle, IntervalStyle and TimeZone, and cut off by its statement_timeout.
TEST(SessionTest, ASessionThatCouldNotBeSetUpIsNotUsed) {
  for (const bool ahead : {false, true}) {
    for (const char* sqlstate : {"42501", "42704"}) {
      SCOPED_TRACE(std::string(sqlstate) + (ahead ? ", ahead" : ""));
      ScriptedServer server({[&](Peer& peer) { refuse(peer, sqlstate); }, accept});
      sdk::native::FakeHost host;
      Session session(server.options());
      if (ahead) session.open_ahead();
      const Status failed = session.open();
      ASSERT_FALSE(failed.ok());
      EXPECT_NE(failed.error().message.find("SET is not for you"), std::string::npos) << failed.to_string();
      EXPECT_FALSE(session.is_open());
      const Status opened = session.open();
      EXPECT_TRUE(opened.ok()) << opened.to_string();
      EXPECT_TRUE(session.is_open());
      session.close();
    }
  }
}

// A platform without TCP keepalives says so with an error of class 22; the rest is set all the same.
TEST(SessionTest, SettingsOfThePlatformMayBeMissing) {
  ScriptedServer server([](Peer& peer) {
    EXPECT_NE(peer.log_in_and_receive().body.find("tcp_keepalives_idle"), std::string::npos);
    peer.send(error_response("ERROR", "22023", "not on this platform") + ready());
    const auto again = peer.receive();
    EXPECT_EQ(again.body.find("tcp_keepalives_idle"), std::string::npos);
    EXPECT_NE(again.body.find("DateStyle"), std::string::npos);
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  sdk::native::FakeHost host;
  Session session(server.options());
  const Status opened = session.open();
  EXPECT_TRUE(opened.ok()) << opened.to_string();
  session.close();
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
