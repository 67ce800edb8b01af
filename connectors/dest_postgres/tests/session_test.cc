// The set-up of a session, against a server that refuses it.
#include "src/session.h"

#include <gtest/gtest.h>

#include "postgres/tests/scripted_server.h"
#include "rapidbyte/testing/fake_host.h"

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
  EXPECT_EQ(peer.receive().type, 'Q');
  peer.send(command_complete("SELECT 1") + ready());
  peer.drain();
}

// Rows would be read with the role's own DateStyle, IntervalStyle and TimeZone, and cut off by its statement_timeout.
TEST(SessionTest, ASessionThatCouldNotBeSetUpIsNotUsed) {
  for (const bool ahead : {false, true}) {
    for (const char* sqlstate : {"42501", "42704"}) {
      SCOPED_TRACE(std::string(sqlstate) + (ahead ? ", ahead" : ""));
      ScriptedServer server({[&](Peer& peer) { refuse(peer, sqlstate); }, accept});
      sdk::testing::FakeHost host;
      Session session(server.options());
      if (ahead) session.open_ahead();
      ASSERT_TRUE(session.open().ok()) << "nobody waits for the settings";
      const Status failed = session.exec("SELECT 1");
      ASSERT_FALSE(failed.ok());
      EXPECT_NE(failed.error().message.find("SET is not for you"), std::string::npos) << failed.to_string();
      EXPECT_FALSE(session.is_open()) << "other settings would give texts another meaning";
      const Status opened = session.open();
      EXPECT_TRUE(opened.ok()) << opened.to_string();
      EXPECT_TRUE(session.exec("SELECT 1").ok());
      EXPECT_TRUE(session.is_open());
      session.close();
    }
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
