// COPY in both directions against scripted servers: framing to the byte, and refusals in the middle of the data.

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

class CopyTest : public ::testing::Test {
 protected:
  sdk::testing::FakeHost host_;

  static Connection connect(const ScriptedServer& server) {
    auto connection = Connection::connect(server.options());
    EXPECT_TRUE(connection.ok()) << connection.status().to_string();
    return std::move(*connection);
  }
};

/// Messages assembled from their chunks.
std::vector<std::string> read_all(CopyOut& copy) {
  std::vector<std::string> out;
  std::string part;
  for (CopyChunk chunk; copy.next(chunk);) {
    part += text_of(chunk.bytes);
    if (chunk.rest != 0) continue;
    out.push_back(std::move(part));
    part.clear();
  }
  return out;
}

const std::string kTwoRows = copy_data("first row") + copy_data("") + copy_data("second") + message('c', "") +
                             command_complete("COPY 2") + ready();

TEST_F(CopyTest, OutGivesEachMessageInPlace) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 3) + kTwoRows);
    peer.receive();
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  {
    auto copy = connection.copy_out("COPY t TO STDOUT (FORMAT binary)");
    ASSERT_TRUE(copy.ok()) << copy.status().to_string();
    EXPECT_TRUE(copy->is_binary());
    EXPECT_EQ(copy->column_count(), 3);
    EXPECT_EQ(read_all(*copy), (std::vector<std::string>{"first row", "second"}));
    EXPECT_TRUE(copy->status().ok()) << copy->status().to_string();
    EXPECT_EQ(copy->result().affected_rows, 2U);
    CopyChunk chunk;
    EXPECT_FALSE(copy->next(chunk)) << "the end stays the end";
  }
  EXPECT_TRUE(connection.exec("SET x").ok());
}

// Views read under their users' path: it is set in the same text.
TEST_F(CopyTest, OutMayFollowOtherStatements) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(command_complete("SET") + copy_response('H', true, 1) + kTwoRows);
    peer.receive();
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("SET LOCAL search_path = s; COPY t TO STDOUT (FORMAT binary)");
  ASSERT_TRUE(copy.ok()) << copy.status().to_string();
  EXPECT_EQ(read_all(*copy), (std::vector<std::string>{"first row", "second"}));
  EXPECT_EQ(connection.copy_out("SET x").error().code, "NOT_A_COPY");
}

TEST_F(CopyTest, OutTakesNothingThatComesAfterItsEnd) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 1) + kTwoRows + copy_data("stray"));
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("COPY t TO STDOUT");
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(read_all(*copy).size(), 2U);
  CopyChunk chunk;
  EXPECT_FALSE(copy->next(chunk));
  EXPECT_EQ(connection.exec("SET x").error().code, "PROTOCOL");
}

TEST_F(CopyTest, OutMayComeByteByByte) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.trickle(copy_response('H', false, 1) + notice("NOTICE", "n") + kTwoRows);
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("COPY t TO STDOUT");
  ASSERT_TRUE(copy.ok());
  EXPECT_FALSE(copy->is_binary());
  EXPECT_EQ(read_all(*copy), (std::vector<std::string>{"first row", "second"}));
  EXPECT_TRUE(copy->status().ok());
}

TEST_F(CopyTest, OutHandsOutALargeMessageInPieces) {
  const std::string large(5 << 20, 'x');
  ScriptedServer server([&](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 1) + copy_data(large) + copy_data("after") + message('c', "") +
              command_complete("COPY 1") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("COPY t TO STDOUT (FORMAT binary)");
  ASSERT_TRUE(copy.ok());
  size_t pieces = 0;
  size_t bytes = 0;
  CopyChunk chunk;
  do {
    ASSERT_TRUE(copy->next(chunk));
    ++pieces;
    bytes += chunk.bytes.size();
    EXPECT_EQ(bytes + chunk.rest, large.size());
    EXPECT_LE(chunk.bytes.size(), ServerSocket::kReadBytes);
  } while (chunk.rest != 0);
  EXPECT_GT(pieces, 8U);
  EXPECT_EQ(read_all(*copy), (std::vector<std::string>{"after"}));
  EXPECT_TRUE(copy->status().ok());
}

// A cell may be larger than any assembled message.
TEST_F(CopyTest, ANoticeDoesNotMakeTheNextPieceOfOutComeWhole) {
  const std::string large(size_t{3} << 20U, 'x');
  ScriptedServer server([&](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 1));
    peer.send(message('S', std::string("TimeZone\0UTC\0", 13)) + copy_data(large));
    peer.send(message('c', "") + command_complete("COPY 1") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("COPY t TO STDOUT (FORMAT binary)");
  ASSERT_TRUE(copy.ok()) << copy.status().to_string();
  CopyChunk chunk;
  ASSERT_TRUE(copy->next(chunk)) << copy->status().to_string();
  EXPECT_LT(chunk.bytes.size(), large.size());
  size_t size = chunk.bytes.size();
  while (copy->next(chunk)) size += chunk.bytes.size();
  EXPECT_EQ(size, large.size());
}

TEST_F(CopyTest, AnErrorInTheMiddleOfOutEndsItAndTheConnectionStaysUsable) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 1) + copy_data("row") + error_response("ERROR", "57014", "canceling") + ready());
    peer.receive();
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_out("COPY t TO STDOUT");
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(read_all(*copy).size(), 1U);
  ASSERT_FALSE(copy->status().ok());
  EXPECT_EQ(copy->status().error().code, "QUERY_CANCELED");
  EXPECT_TRUE(connection.exec("SET x").ok());
}

TEST_F(CopyTest, OutThatIsCutOrBrokenIsAnError) {
  const std::string all = copy_response('H', true, 1) + kTwoRows;
  for (size_t length = copy_response('H', true, 1).size(); length < all.size(); length += 3) {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(all.substr(0, length));
    });
    Connection connection = connect(server);
    auto copy = connection.copy_out("COPY t TO STDOUT");
    ASSERT_TRUE(copy.ok()) << length;
    read_all(*copy);
    ASSERT_FALSE(copy->status().ok()) << length;
    EXPECT_EQ(copy->status().error().code, "SERVER_CLOSED") << length;
  }
  for (const std::string& broken : {std::string("d") + be32(3), std::string("d") + be32(0x80000000), message('D', "x"),
                                    message('c', "") + message('D', "x"), ready()}) {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(copy_response('H', true, 1) + broken);
    });
    Connection connection = connect(server);
    auto copy = connection.copy_out("COPY t TO STDOUT");
    ASSERT_TRUE(copy.ok());
    read_all(*copy);
    ASSERT_FALSE(copy->status().ok());
    EXPECT_EQ(copy->status().error().code, "PROTOCOL");
    EXPECT_TRUE(connection.is_broken());
  }
}

TEST_F(CopyTest, AnUnfinishedOutBreaksTheConnectionOff) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('H', true, 1) + copy_data("row"));
    peer.drain();
  });
  Connection connection = connect(server);
  {
    auto copy = connection.copy_out("COPY t TO STDOUT");
  }
  EXPECT_TRUE(connection.is_broken());
}

TEST_F(CopyTest, AStatementThatIsNoCopyIsSaid) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(command_complete("SELECT 1") + ready());
  });
  Connection connection = connect(server);
  EXPECT_EQ(connection.copy_out("SELECT 1").error().code, "NOT_A_COPY");
}

TEST_F(CopyTest, ARefusedCopyIsTheServersErrorAndTheConnectionStaysUsable) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(error_response("ERROR", "42501", "permission denied for table t") + ready());
    peer.receive();
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok()) << "nobody waits for the server";
  copy->out().append("row\n", 4);
  EXPECT_EQ(copy->finish().error().code, "PERMISSION_DENIED");
  EXPECT_TRUE(connection.exec("SET x").ok());
}

// A savepoint around a COPY needs no extra round trips.
TEST_F(CopyTest, InMayStandBetweenOtherStatements) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(command_complete("SAVEPOINT") + copy_response('G', true, 1));
    while (peer.receive().type != 'c') {
    }
    peer.send(command_complete("COPY 5") + command_complete("RELEASE") + ready());
    peer.receive();
    peer.send(command_complete("SAVEPOINT") + error_response("ERROR", "42P01", "relation \"t\" does not exist") +
              ready('E'));
    peer.receive();
    peer.send(command_complete("SAVEPOINT") + copy_response('G', true, 1));
    while (peer.receive().type != 'c') {
    }
    peer.send(command_complete("COPY 5") + error_response("ERROR", "3B001", "no such savepoint") + ready('E'));
    peer.drain();
  });
  Connection connection = connect(server);
  const char* statements = "SAVEPOINT s; COPY t FROM STDIN (FORMAT binary); RELEASE SAVEPOINT s";
  auto copy = connection.copy_in(statements);
  ASSERT_TRUE(copy.ok()) << copy.status().to_string();
  const auto done = copy->finish();
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->tag, "COPY 5");
  EXPECT_EQ(done->affected_rows, 5U);
  auto refused = connection.copy_in(statements);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->finish().error().code, "TABLE_MISSING");
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
  auto again = connection.copy_in(statements);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_NE(again->finish().status().to_string().find("no such savepoint"), std::string::npos);
}

/// What a server receives during COPY, up to CopyDone or CopyFail.
struct Received {
  std::string data;
  size_t messages = 0;
  size_t first = 0;  // bytes of the first message
  size_t largest = 0;
  ClientMessage end;
};

Received receive_copy(Peer& peer) {
  Received out;
  for (;;) {
    ClientMessage next = peer.receive();
    if (next.type != 'd') {
      out.end = std::move(next);
      return out;
    }
    if (out.messages++ == 0) out.first = next.body.size();
    out.largest = std::max(out.largest, next.body.size());
    out.data += next.body;
  }
}

TEST_F(CopyTest, InSendsWhatWasAppendedInLargeMessages) {
  Received received;
  std::string expected;
  {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(copy_response('G', true, 2));
      received = receive_copy(peer);
      peer.send(command_complete("COPY 77") + ready());
      peer.drain();
    });
    Connection connection = connect(server);
    auto copy = connection.copy_in("COPY t FROM STDIN (FORMAT binary)");
    ASSERT_TRUE(copy.ok()) << copy.status().to_string();
    for (int i = 0; i < 100'000; ++i) {
      const std::string row = "row " + std::to_string(i) + ";";
      const size_t start = copy->out().size();
      copy->out().append(row.data(), row.size());
      if (i % 10 == 3) {
        copy->out().truncate(start);
      } else {
        expected += row;
      }
      ASSERT_TRUE(copy->send_if_full().ok());
    }
    const auto done = copy->finish();
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    EXPECT_EQ(done->affected_rows, 77U);
    EXPECT_EQ(copy->bytes_sent(), expected.size());
    EXPECT_EQ(copy->send().error().code, "COPY_OVER");
  }
  EXPECT_TRUE(received.data == expected);
  EXPECT_LT(received.messages, expected.size() / CopyIn::kSendBytes + 3);
  EXPECT_GE(received.first, CopyIn::kFirstSendBytes - kMessageHeaderBytes);
  EXPECT_LT(received.first, CopyIn::kFirstSendBytes + 20) << "the server waits for the first rows";
  EXPECT_EQ(received.end.type, 'c');
}

TEST_F(CopyTest, LargeValuesAreCutIntoMessagesThatAServerLikes) {
  Received received;
  const std::string large(9'000'001, 'L');
  {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(copy_response('G', false, 1));
      received = receive_copy(peer);
      peer.send(command_complete("COPY 1") + ready());
      peer.drain();
    });
    Connection connection = connect(server);
    auto copy = connection.copy_in("COPY t FROM STDIN");
    ASSERT_TRUE(copy.ok());
    copy->out().append("before", 6);
    ASSERT_TRUE(copy->write(bytes_of(large)).ok());
    ASSERT_TRUE(copy->write(bytes_of("between")).ok());
    copy->out().append(large.data(), large.size());
    ASSERT_TRUE(copy->send_if_full().ok());
    ASSERT_TRUE(copy->finish().ok());
  }
  EXPECT_TRUE(received.data == "before" + large + "between" + large);
  EXPECT_LE(received.largest, size_t{5} << 20U);
}

// A trigger that raises a notice before it refuses the first row: all of it comes in one block.
TEST_F(CopyTest, AnErrorAfterTheBeginningAndANoticeIsSeenSoon) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(command_complete("COMMIT") + copy_response('G', true, 1) +
              message('N', error_response("NOTICE", "00000", "look").substr(5)) +
              error_response("ERROR", "23514", "not this one") + ready('E'));
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COMMIT AND CHAIN; COPY t FROM STDIN (FORMAT binary)");
  ASSERT_TRUE(copy.ok());
  const std::string row(1000, 'r');
  size_t sent = 0;
  sdk::Status status;
  for (; sent < 100'000 && status.ok(); ++sent) {
    copy->out().append(row.data(), row.size());
    status = copy->send_if_full();
  }
  EXPECT_EQ(status.error().code, "CONSTRAINT_VIOLATED") << status.to_string();
  EXPECT_LT(sent, 10'000U) << "not at the end of 100 MB";
}

TEST_F(CopyTest, NothingElseRunsMeanwhile) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    receive_copy(peer);
    peer.send(command_complete("COPY 1") + ready());
    peer.receive();
    peer.send(command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  copy->out().append("row\n", 4);
  EXPECT_EQ(connection.query("SELECT 1").error().code, "COPY_RUNNING");
  EXPECT_EQ(connection.copy_in("COPY u FROM STDIN").error().code, "COPY_RUNNING");
  EXPECT_TRUE(copy->finish().ok());
  EXPECT_TRUE(connection.exec("SET x").ok());
}

TEST_F(CopyTest, NoDataIsNoMessage) {
  Received received;
  {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(copy_response('G', false, 1));
      received = receive_copy(peer);
      peer.send(command_complete("COPY 0") + ready());
      peer.drain();
    });
    Connection connection = connect(server);
    auto copy = connection.copy_in("COPY t FROM STDIN");
    ASSERT_TRUE(copy.ok() && copy->send().ok());
    EXPECT_TRUE(copy->finish().ok());
  }
  EXPECT_EQ(received.messages, 0U);
  EXPECT_EQ(received.end.type, 'c');
}

TEST_F(CopyTest, GivingUpTellsTheServerWhy) {
  Received received;
  ScriptedServer server([&](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    received = receive_copy(peer);
    peer.send(error_response("ERROR", "57014", "COPY from stdin failed: no more") + ready('E'));
    peer.receive();
    peer.send(command_complete("ROLLBACK") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  copy->out().append("unsent", 6);
  EXPECT_TRUE(copy->fail("no more").ok());
  EXPECT_TRUE(connection.exec("ROLLBACK").ok());
  EXPECT_EQ(received.end.type, 'f');
  EXPECT_EQ(received.end.body, zero("no more"));
  EXPECT_EQ(received.data, "");
}

TEST_F(CopyTest, AnUnfinishedInBreaksTheConnectionOff) {
  Received received;
  {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(copy_response('G', false, 1));
      received = receive_copy(peer);
    });
    Connection connection = connect(server);
    {
      auto copy = connection.copy_in("COPY t FROM STDIN");
    }
    EXPECT_TRUE(connection.is_broken());
  }
  EXPECT_EQ(received.end.type, '\0') << "the server saw the connection end and not the data";
}

/// Sends data until a send fails; returns the error and how many bytes were sent.
sdk::Status send_until_refused(CopyIn& copy, uint64_t& bytes) {
  const std::string block(100'000, 'x');
  for (int i = 0; i < 2000; ++i) {
    copy.out().append(block.data(), block.size());
    sdk::Status status = copy.send_if_full();
    bytes = copy.bytes_sent();
    if (!status.ok()) return status;
  }
  sdk::Status ended = copy.finish().status();
  bytes = copy.bytes_sent();
  return ended;
}

TEST_F(CopyTest, ARefusedLoadStopsSoon) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    for (int i = 0; i < 20; ++i) peer.receive();
    // Like PostgreSQL: the error at once, then whatever still arrives is ignored.
    peer.send(error_response("ERROR", "22P02", "invalid input syntax") + ready('E'));
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  uint64_t bytes = 0;
  const sdk::Status status = send_until_refused(*copy, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "VALUE_REFUSED");
  EXPECT_LT(bytes, 20U << 20U) << "of 200 MB";
  EXPECT_FALSE(connection.is_broken());
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
}

TEST_F(CopyTest, TheServersErrorIsNotMaskedByTheSockets) {
  // The server says why and goes away with a reset while we are sending.
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    peer.receive();
    peer.send(error_response("FATAL", "57P01", "terminating connection due to administrator command"));
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  uint64_t bytes = 0;
  const sdk::Status status = send_until_refused(*copy, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "SESSION_ENDED") << status.to_string();
  EXPECT_TRUE(connection.is_broken());
}

TEST_F(CopyTest, AResetWithoutWordsIsANetworkError) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    peer.receive();
    peer.reset_on_close();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  uint64_t bytes = 0;
  const sdk::Status status = send_until_refused(*copy, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().category, sdk::ErrorCategory::kTransientNetwork) << status.to_string();
  EXPECT_TRUE(status.error().retryable);
}

TEST_F(CopyTest, AServerThatTalksWhileWeSendDoesNotDeadlock) {
  // A trigger raises a notice per row: the server stops reading until its notices are read.
  constexpr size_t kNotices = 60'000;
  size_t received = 0;
  ScriptedServer server([&](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    std::string talk;
    for (size_t i = 0; i < kNotices; ++i) talk += notice("NOTICE", std::string(200, 'n'));
    peer.send(talk);  // blocks until the client reads
    received = receive_copy(peer).data.size();
    peer.send(command_complete("COPY 1") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  uint64_t bytes = 0;
  const sdk::Status status = send_until_refused(*copy, bytes);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(bytes, 200'000'000U);
  connection.close();
}

TEST_F(CopyTest, AServerThatTakesNothingIsGivenUp) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
  });
  ConnectionOptions options = server.options();
  options.read_timeout_ms = 100;
  auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok());
  auto copy = connection->copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  uint64_t bytes = 0;
  EXPECT_EQ(send_until_refused(*copy, bytes).error().code, "SOCKET_TIMEOUT");
}

TEST_F(CopyTest, CancellationEndsTheWaitForRoom) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(copy_response('G', false, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  Connection connection = connect(server);
  auto copy = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(copy.ok());
  host_.cancel();
  uint64_t bytes = 0;
  EXPECT_EQ(send_until_refused(*copy, bytes).error().code, "CANCELLED");
}

}  // namespace
}  // namespace rapidbyte::postgres
