// Statements against scripted servers: answers in every shape, and servers that break the protocol.

#include "postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/tests/scripted_server.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::postgres {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class ConnectionTest : public ::testing::Test {
 protected:
  sdk::testing::FakeHost host_;

  static Connection connect(const ScriptedServer& server) {
    auto connection = Connection::connect(server.options());
    EXPECT_TRUE(connection.ok()) << connection.status().to_string();
    return std::move(*connection);
  }
  /// One query to a server that answers with `answer` and closes.
  static sdk::Result<QueryResult> ask(const std::string& answer) {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in_and_receive();
      peer.send(answer);
    });
    return connect(server).query("SELECT 1");
  }
};

const std::string kAnswer = row_description({"a", "b"}) + data_row({"1", std::nullopt}) + data_row({"", "x\ty"}) +
                            command_complete("SELECT 2") + ready('T');

TEST_F(ConnectionTest, AQueryGivesColumnsRowsAndTag) {
  ClientMessage sent;
  ScriptedServer server([&](Peer& peer) {
    sent = peer.log_in_and_receive();
    peer.send(kAnswer);
    peer.drain();
  });
  Connection connection = connect(server);
  const auto result = connection.query("SELECT a, b FROM t");
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(sent.type, 'Q');
  EXPECT_EQ(sent.body, zero("SELECT a, b FROM t"));
  ASSERT_EQ(result->columns.size(), 2U);
  EXPECT_EQ(result->columns[1].name, "b");
  EXPECT_EQ(result->columns[1].type, kOidText);
  EXPECT_EQ(result->columns[1].type_modifier, -1);
  EXPECT_EQ(result->rows, (std::vector<Row>{{"1", std::nullopt}, {"", "x\ty"}}));
  EXPECT_EQ(result->command.tag, "SELECT 2");
  EXPECT_EQ(result->command.affected_rows, 2U);
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kInTransaction);
}

TEST_F(ConnectionTest, AnAnswerMayComeByteByByte) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.trickle(kAnswer);
    peer.drain();
  });
  const auto result = connect(server).query("SELECT a, b FROM t");
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(result->rows.size(), 2U);
}

TEST_F(ConnectionTest, AnErrorLeavesTheConnectionUsable) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(error_response("ERROR", "42P01", "relation \"t\" does not exist") + ready('E'));
    peer.receive();
    peer.send(command_complete("ROLLBACK") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  const auto failed = connection.query("SELECT 1");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, "TABLE_MISSING");
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
  EXPECT_FALSE(connection.is_broken());
  EXPECT_TRUE(connection.exec("ROLLBACK").ok());
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kIdle);
}

TEST_F(ConnectionTest, AFatalErrorClosesTheConnectionAndIsTheOneReported) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(error_response("FATAL", "57P01", "terminating connection due to administrator command"));
  });
  Connection connection = connect(server);
  EXPECT_EQ(connection.query("SELECT 1").error().code, "SESSION_ENDED");
  EXPECT_TRUE(connection.is_broken());
  EXPECT_EQ(connection.query("SELECT 1").error().code, "CONNECTION_LOST");
}

TEST_F(ConnectionTest, TheErrorThatWasAlreadyThereIsNotMaskedByTheReset) {
  // An idle session is ended; the client notices only when its next statement cannot be sent.
  ScriptedServer server([](Peer& peer) {
    peer.log_in();
    peer.send(error_response("FATAL", "57P01", "terminating connection"));
  });
  Connection connection = connect(server);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (int i = 0; i < 3 && !connection.is_broken(); ++i) {
    EXPECT_EQ(connection.query("SELECT " + std::string(100'000, '1')).error().code, "SESSION_ENDED");
  }
  EXPECT_TRUE(connection.is_broken());
}

TEST_F(ConnectionTest, OfSeveralErrorsTheFirstIsReported) {
  const auto result =
      ask(error_response("ERROR", "42P01", "first") + error_response("ERROR", "40P01", "second") + ready());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "TABLE_MISSING");
}

TEST_F(ConnectionTest, TheEndOfTheConnectionIsRetryable) {
  const auto result = ask(row_description({"a"}));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "SERVER_CLOSED");
  EXPECT_TRUE(result.error().retryable);
}

TEST_F(ConnectionTest, ASilentServerIsGivenUp) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.drain();
  });
  ConnectionOptions options = server.options();
  options.read_timeout_ms = 60;
  auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ(connection->query("SELECT 1").error().code, "SOCKET_TIMEOUT");
  EXPECT_TRUE(connection->is_broken());
}

TEST_F(ConnectionTest, WhateverComesInBetweenIsHandled) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    std::string flood;
    for (int i = 0; i < 200; ++i) flood += notice("WARNING", "look out", "01000", "Step aside.");
    peer.send(notice("NOTICE", "hello") + message('S', zero("TimeZone") + zero("UTC")) +
              message('A', be32(1) + zero("channel") + zero("payload")) + flood + command_complete("SET") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  ASSERT_TRUE(connection.exec("SET x").ok());
  EXPECT_EQ(connection.parameter("TimeZone"), "UTC");
  EXPECT_EQ(connection.parameter("nothing"), "");
  ASSERT_EQ(host_.logs().size(), 50U) << "a flood of notices is cut";
  EXPECT_EQ(host_.logs()[0].level, sdk::host::LogLevel::kDebug);
  EXPECT_THAT(host_.logs()[0].message, HasSubstr("hello"));
  EXPECT_THAT(host_.logs()[0].message, Not(HasSubstr("00000")));
  EXPECT_EQ(host_.logs()[1].level, sdk::host::LogLevel::kWarn);
  EXPECT_THAT(host_.logs()[1].message, HasSubstr("look out. Step aside. (SQLSTATE 01000)"));
}

TEST_F(ConnectionTest, ServersThatBreakTheProtocolAreFoundOut) {
  const std::string columns = row_description({"a"});
  const std::pair<const char*, std::string> cases[] = {
      {"length below its own size", std::string("T") + be32(3)},
      {"negative length", std::string("T") + be32(0xFFFFFFFF)},
      {"length beyond the limit", std::string("D") + be32(65U << 20U)},
      {"unknown type", message('\x7f', "x")},
      {"a message of the client", message('Q', zero("x"))},
      {"a row without columns", data_row({"1"})},
      {"a row of another width", columns + data_row({"1", "2"})},
      {"a value that is longer than its row", columns + message('D', be16(1) + be32(100) + "x")},
      {"a value of negative length", columns + message('D', be16(1) + be32(0xFFFFFFFE))},
      {"a row that is cut", columns + message('D', be16(1) + be16(0))},
      {"columns that are cut", message('T', be16(2) + zero("a"))},
      {"a tag without end", message('C', "SELECT")},
      {"no transaction status", command_complete("X") + message('Z', "")},
      {"a wrong transaction status", command_complete("X") + ready('?')},
      {"an empty error", message('E', std::string(1, '\0'))},
      {"an error that is cut", message('E', "Mabc")},
      {"a parameter that is cut", message('S', "abc")},
      {"data of a COPY", copy_data("x")},
  };
  for (const auto& [what, answer] : cases) {
    const auto result = ask(answer);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().code, "PROTOCOL") << what << ": " << result.error().message;
  }
}

TEST_F(ConnectionTest, TruncatedAnywhereTheAnswerIsAnErrorAndNotACrash) {
  for (size_t length = 0; length < kAnswer.size(); ++length) {
    const auto result = ask(kAnswer.substr(0, length));
    ASSERT_FALSE(result.ok()) << length;
    EXPECT_EQ(result.error().code, "SERVER_CLOSED") << length;
  }
}

TEST_F(ConnectionTest, AnAnswerThatFillsTheMemoryIsRefused) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in_and_receive();
    peer.send(row_description({"a"}));
    const std::string row = data_row({std::string(1 << 20, 'x')});
    for (int i = 0; i < 80; ++i) peer.send(row);
  });
  EXPECT_EQ(connect(server).query("SELECT 1").error().code, "RESULT_TOO_LARGE");
}

TEST_F(ConnectionTest, ParametersGoOutByTheExtendedProtocol) {
  std::vector<ClientMessage> sent;
  ScriptedServer server([&](Peer& peer) {
    peer.log_in();
    for (int i = 0; i < 5; ++i) sent.push_back(peer.receive());
    peer.send(message('1', "") + message('2', "") + row_description({"a"}) + data_row({"7"}) +
              command_complete("SELECT 1") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  const Parameter parameters[] = {"x", Parameter(), Parameter::binary(std::string_view("\0\1", 2))};
  const Oid types[] = {kOidText, 0, kOidInt2};
  const auto result = connection.execute("SELECT $1, $2, $3", parameters, types);
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(result->rows, (std::vector<Row>{{"7"}}));
  std::string order;
  for (const ClientMessage& each : sent) order += each.type;
  EXPECT_EQ(order, "PBDES");
  EXPECT_EQ(sent[0].body, zero("") + zero("SELECT $1, $2, $3") + be16(3) + be32(25) + be32(0) + be32(21));
  EXPECT_EQ(sent[1].body, zero("") + zero("") + be16(3) + be16(0) + be16(0) + be16(1) + be16(3) + be32(1) + "x" +
                              be32(0xFFFFFFFF) + be32(2) + std::string("\0\1", 2) + be16(0));
}

TEST_F(ConnectionTest, WhatIsQueuedGoesOutWithTheNextStatement) {
  std::string order;
  ScriptedServer server([&](Peer& peer) {
    peer.log_in();
    const std::string answer = message('1', "") + message('2', "") + message('n', "");
    for (int i = 0; i < 12; ++i) order += peer.receive().type;
    peer.send(answer + command_complete("INSERT 0 2") + message('2', "") + message('n', "") +
              command_complete("INSERT 0 3") + answer + command_complete("INSERT 0 5") + ready());
    for (int i = 0; i < 5; ++i) peer.receive();
    peer.send(message('1', "") + message('2', "") + message('n', "") + ready());
    peer.drain();
  });
  Connection connection = connect(server);
  const Parameter parameters[] = {"1"};
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(connection.queue("s", parameters, true).ok());
  const auto last = connection.execute("t", parameters);
  ASSERT_TRUE(last.ok()) << last.status().to_string();
  EXPECT_EQ(last->command.affected_rows, 5U);
  EXPECT_EQ(order, "PBDEBDEPBDES") << "a cached text is parsed once";
  EXPECT_EQ(connection.execute("t", parameters).error().code, "PROTOCOL") << "an answer without its end";
  EXPECT_TRUE(connection.is_broken());
}

TEST_F(ConnectionTest, StatementsWithZeroBytesAreRefusedHere) {
  ScriptedServer server([](Peer& peer) {
    peer.log_in();
    peer.drain();
  });
  Connection connection = connect(server);
  EXPECT_EQ(connection.query(std::string_view("SELECT 1\0; DROP", 15)).error().code, "SQL_REFUSED");
  EXPECT_EQ(connection.execute(std::string_view("SELECT \0", 8), {}).error().code, "SQL_REFUSED");
}

TEST_F(ConnectionTest, GoodbyeIsSaid) {
  ClientMessage last;
  {
    ScriptedServer server([&](Peer& peer) {
      peer.log_in();
      last = peer.receive();
    });
    connect(server).close();
  }
  EXPECT_EQ(last.type, 'X');
}

TEST(SqlTextTest, TextsAreQuoted) {
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\b'c"), " E'a\\\\b''c'");
}

}  // namespace
}  // namespace rapidbyte::postgres
