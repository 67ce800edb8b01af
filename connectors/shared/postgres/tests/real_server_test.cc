// The client against a real PostgreSQL: logins, TLS, statements, COPY, and a server that fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "postgres/connection.h"
#include "postgres/crypto.h"
#include "postgres/tests/postgres_server.h"
#include "rapidbyte/table/sql_name.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::PostgresServer;

class RealServerTest : public ::testing::Test {
 protected:
  void SetUp() override { RB_REQUIRE_POSTGRES(); }

  sdk::testing::FakeHost host_;

  static PostgresServer& server() { return PostgresServer::shared(); }
  static Connection connect() {
    auto connection = Connection::connect(server().options());
    EXPECT_TRUE(connection.ok()) << connection.status().to_string();
    return std::move(*connection);
  }
  /// Connects and gives the error, in which no password must be.
  static sdk::Error refusal(const ConnectionOptions& options) {
    const auto connection = Connection::connect(options);
    EXPECT_FALSE(connection.ok());
    if (connection.ok()) return {};
    EXPECT_THAT(connection.error().message, Not(HasSubstr("canary")));
    return connection.error();
  }
};

TEST_F(RealServerTest, LogsInByScram) {
  const Connection connection = connect();
  EXPECT_GE(connection.server_version(), 90600U);
  EXPECT_NE(connection.backend_pid(), 0U);
  EXPECT_EQ(connection.parameter("client_encoding"), "UTF8");
}

TEST_F(RealServerTest, EachLoginMethodWorksWhenItIsAllowed) {
  server().sql("SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'canary-md5'");
  server().sql(
      "CREATE ROLE by_text LOGIN PASSWORD 'canary-text'; CREATE ROLE by_trust LOGIN; "
      "CREATE ROLE umlaut LOGIN PASSWORD 'canary-p\xc3\xa4ss'; CREATE ROLE rejected LOGIN");
  server().set_hba({"host all by_md5 127.0.0.1/32 md5", "host all by_text 127.0.0.1/32 password",
                    "host all by_trust 127.0.0.1/32 trust", "host all rejected 127.0.0.1/32 reject"});
  ConnectionOptions options = server().options();
  const auto as = [&](std::string_view user, std::string_view password, WeakAuth weak) {
    options.user = user;
    options.password = password;
    options.weak_auth = weak;
    return options;
  };
  EXPECT_TRUE(Connection::connect(as("by_md5", "canary-md5", WeakAuth::kMd5)).ok());
  EXPECT_TRUE(Connection::connect(as("by_md5", "canary-md5", WeakAuth::kCleartext)).ok());
  EXPECT_EQ(refusal(as("by_md5", "canary-md5", WeakAuth::kNone)).code, "AUTH_METHOD_REFUSED");
  EXPECT_EQ(refusal(as("by_md5", "canary-wrong", WeakAuth::kMd5)).code, "PASSWORD_REFUSED");
  EXPECT_TRUE(Connection::connect(as("by_text", "canary-text", WeakAuth::kCleartext)).ok());
  EXPECT_EQ(refusal(as("by_text", "canary-text", WeakAuth::kMd5)).code, "AUTH_METHOD_REFUSED");
  EXPECT_TRUE(Connection::connect(as("by_trust", "", WeakAuth::kNone)).ok());
  EXPECT_TRUE(Connection::connect(as("umlaut", "canary-p\xc3\xa4ss", WeakAuth::kNone)).ok());
  EXPECT_EQ(refusal(as("rejected", "canary", WeakAuth::kNone)).code, "LOGIN_REFUSED");
  server().set_hba({});
}

TEST_F(RealServerTest, TakesAPasswordOutsideAsciiInItsNormalFormOnly) {
  // The server normalizes what it is given; we send passwords unchanged, as the docs say.
  const std::string decomposed = "canary-e\xcc\x81";
  server().sql("CREATE ROLE accent LOGIN PASSWORD '" + decomposed + "'");
  ConnectionOptions options = server().options();
  options.user = "accent";
  options.password = "canary-\xc3\xa9";
  EXPECT_TRUE(Connection::connect(options).ok());
  options.password = decomposed;
  EXPECT_EQ(refusal(options).code, "PASSWORD_REFUSED");
}

TEST_F(RealServerTest, RefusedLoginsSayWhatToDo) {
  ConnectionOptions options = server().options();
  options.password = "canary-wrong";
  const sdk::Error wrong_password = refusal(options);
  EXPECT_EQ(wrong_password.code, "PASSWORD_REFUSED");
  EXPECT_EQ(wrong_password.category, sdk::ErrorCategory::kAuth);
  EXPECT_FALSE(wrong_password.retryable);
  EXPECT_THAT(wrong_password.message, HasSubstr("rb_admin"));

  options.password.clear();
  EXPECT_EQ(refusal(options).code, "PASSWORD_MISSING");

  options = server().options();
  options.user = "nobody_here";
  EXPECT_EQ(refusal(options).code, "PASSWORD_REFUSED");

  options = server().options();
  options.database = "no_such_db";
  const sdk::Error no_database = refusal(options);
  EXPECT_EQ(no_database.code, "DATABASE_MISSING");
  EXPECT_EQ(no_database.category, sdk::ErrorCategory::kConfig);
  EXPECT_THAT(no_database.message, HasSubstr("no_such_db"));
}

TEST_F(RealServerTest, EachSslModeMeansWhatItMeansInLibpq) {
  struct Case {
    SslMode mode;
    const char* host;
    enum { kNoCa, kRightCa, kOtherCa } ca;
    const char* error;  // "": lets in
  };
  // The certificate is for "localhost".
  const Case cases[] = {
      {SslMode::kPrefer, "127.0.0.1", Case::kNoCa, ""},
      {SslMode::kRequire, "127.0.0.1", Case::kNoCa, ""},
      {SslMode::kRequire, "127.0.0.1", Case::kRightCa, ""},
      {SslMode::kRequire, "127.0.0.1", Case::kOtherCa, "TLS_FAILED"},
      {SslMode::kVerifyCa, "127.0.0.1", Case::kRightCa, ""},
      {SslMode::kVerifyCa, "127.0.0.1", Case::kOtherCa, "TLS_FAILED"},
      {SslMode::kVerifyCa, "127.0.0.1", Case::kNoCa, "TLS_FAILED"},
      {SslMode::kVerifyFull, "localhost", Case::kRightCa, ""},
      {SslMode::kVerifyFull, "127.0.0.1", Case::kRightCa, "TLS_FAILED"},
      {SslMode::kVerifyFull, "localhost", Case::kOtherCa, "TLS_FAILED"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(std::string(to_string(each.mode)) + " " + each.host + " " + std::to_string(each.ca));
    ConnectionOptions options = server().options();
    options.ssl_mode = each.mode;
    options.host = each.host;
    if (each.ca == Case::kRightCa) options.ssl_root_cert = server().ca_pem();
    if (each.ca == Case::kOtherCa) options.ssl_root_cert = server().other_ca_pem();
    if (each.error[0] != '\0') {
      const sdk::Error error = refusal(options);
      EXPECT_EQ(error.code, each.error);
      EXPECT_EQ(error.category, sdk::ErrorCategory::kAuth) << error.message;
      continue;
    }
    auto connection = Connection::connect(options);
    ASSERT_TRUE(connection.ok()) << connection.status().to_string();
    EXPECT_TRUE(connection->is_encrypted());
    const auto encrypted = connection->query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    ASSERT_TRUE(encrypted.ok());
    EXPECT_EQ(encrypted->rows[0][0], "t");
  }
  EXPECT_FALSE(connect().is_encrypted()) << "sslmode disable";
}

TEST_F(RealServerTest, PreferTriesWithoutTlsWhereOnlyThatIsAllowed) {
  server().sql("CREATE ROLE plain_only LOGIN PASSWORD 'canary-plain'");
  server().set_hba({"hostnossl all plain_only 127.0.0.1/32 scram-sha-256", "host all plain_only all reject"});
  ConnectionOptions options = server().options();
  options.user = "plain_only";
  options.password = "canary-plain";
  options.ssl_mode = SslMode::kPrefer;
  const auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok()) << connection.status().to_string();
  EXPECT_FALSE(connection->is_encrypted());
  options.ssl_mode = SslMode::kRequire;
  EXPECT_EQ(refusal(options).code, "LOGIN_REFUSED");
  server().set_hba({});
}

TEST_F(RealServerTest, StatementsWithAndWithoutParameters) {
  Connection connection = connect();
  const auto rows = connection.query(
      "CREATE TEMP TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x'), "
      "(2, NULL); SELECT a, b, 1.5::numeric(4,2) FROM t ORDER BY a");
  ASSERT_TRUE(rows.ok()) << rows.status().to_string();
  EXPECT_EQ(rows->rows, (std::vector<Row>{{"1", "x", "1.50"}, {"2", std::nullopt, "1.50"}}));
  EXPECT_EQ(rows->columns[0].type, kOidInt4);
  EXPECT_EQ(rows->columns[2].type, kOidNumeric);
  EXPECT_EQ(rows->columns[2].type_modifier, ((4 << 16) | 2) + 4);

  const Parameter parameters[] = {"2", Parameter(), "it's \\ \"quoted\""};
  const auto result = connection.execute("SELECT a, $2::text, $3::text FROM t WHERE a = $1", parameters);
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(result->rows, (std::vector<Row>{{"2", std::nullopt, "it's \\ \"quoted\""}}));

  const Parameter three[] = {"3", "y"};
  constexpr std::string_view kInsert = "INSERT INTO t VALUES ($1, $2)";
  EXPECT_EQ(connection.execute_cached(kInsert, three)->command.affected_rows, 1U);
  for (int i = 10; i < 110; ++i) {
    const std::string key = std::to_string(i);
    const std::string value(100, 'v');
    const Parameter row[] = {key, value};
    const auto place = connection.queue(kInsert, row, /*cached=*/true);
    ASSERT_TRUE(place.ok());
    EXPECT_EQ(*place, static_cast<size_t>(i) - 10);
  }
  ASSERT_TRUE(connection.queue("SELECT count(*) FROM t").ok());
  const auto queued = connection.run_queued();
  ASSERT_TRUE(queued.ok()) << queued.status().to_string();
  ASSERT_EQ(queued->size(), 101U);
  EXPECT_EQ((*queued)[99].command.affected_rows, 1U);
  EXPECT_EQ((*queued)[100].rows[0][0], "103");
  EXPECT_EQ(connection.query("SELECT count(*) FROM pg_prepared_statements")->rows[0][0], "1") << "parsed once";

  const auto duplicate = connection.execute_cached(kInsert, three);
  ASSERT_FALSE(duplicate.ok());
  EXPECT_EQ(duplicate.error().code, "CONSTRAINT_VIOLATED");
  EXPECT_EQ(server_error_of(duplicate.error())->constraint, "t_pkey");
  EXPECT_EQ(connection.exec("UPDATE t SET b = 'z' WHERE a < 3")->affected_rows, 2U);
  EXPECT_EQ(connection.exec("")->tag, "");
  EXPECT_EQ(
      connection
          .query("SELECT " + quote_literal("a'b\\c") + ", " + quote_literal("") + " AS " + table::quote_name("Q\"x"))
          ->rows[0][0],
      "a'b\\c");
}

TEST_F(RealServerTest, WhatIsQueuedRunsWithTheNextStatementAndEndsAtTheFirstError) {
  Connection connection = connect();
  ASSERT_TRUE(connection.exec("CREATE TEMP TABLE t (a int PRIMARY KEY)").ok());
  ASSERT_TRUE(connection.queue("BEGIN").ok());
  ASSERT_TRUE(connection.queue("INSERT INTO t VALUES (1)").ok());
  EXPECT_EQ(connection.queued(), 2U);
  EXPECT_EQ(connection.execute("SELECT count(*) FROM t")->rows[0][0], "1") << "behind what is queued";
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kInTransaction);
  ASSERT_TRUE(connection.queue("SAVEPOINT s").ok());
  ASSERT_TRUE(connection.queue("INSERT INTO t VALUES (1)").ok());
  ASSERT_TRUE(connection.queue("INSERT INTO t VALUES (2)", {}, true).ok());
  EXPECT_EQ(connection.exec("INSERT INTO t VALUES (3)").error().code, "CONSTRAINT_VIOLATED") << "of the queue";
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
  ASSERT_TRUE(connection.exec("ROLLBACK TO s").ok());
  // Its Parse message was skipped with everything that came after the error.
  ASSERT_TRUE(connection.execute_cached("INSERT INTO t VALUES (2)").ok());
  ASSERT_TRUE(connection.exec("COMMIT").ok());
  ASSERT_TRUE(connection.queue("INSERT INTO t VALUES (9)").ok());
  connection.drop_queued();
  EXPECT_EQ(connection.queued(), 0U);
  EXPECT_EQ(connection.query("SELECT string_agg(a::text, ',' ORDER BY a) FROM t")->rows[0][0], "1,2");
  EXPECT_TRUE(connection.run_queued()->empty());
}

TEST_F(RealServerTest, ACachedStatementThatSomebodyHasTakenAwayIsParsedAgain) {
  Connection connection = connect();
  ASSERT_TRUE(connection.execute_cached("SELECT 1").ok());
  ASSERT_TRUE(connection.exec("DEALLOCATE ALL").ok());
  EXPECT_FALSE(connection.execute_cached("SELECT 1").ok());
  EXPECT_EQ(connection.execute_cached("SELECT 1")->rows[0][0], "1");
}

TEST_F(RealServerTest, APostedStatementThatFailsIsTheNextOnesErrorAndEndsTheConnection) {
  Connection connection = connect();
  ASSERT_TRUE(connection.post("SELECT 1/0").ok());
  EXPECT_EQ(connection.query("SELECT 1").error().code, "VALUE_REFUSED");
  EXPECT_TRUE(connection.is_broken());
  Connection other = connect();
  ASSERT_TRUE(other.post("SELECT 1").ok());
  ASSERT_TRUE(other.post("SELECT 2").ok());
  EXPECT_EQ(other.execute("SELECT 3")->rows[0][0], "3");
}

TEST_F(RealServerTest, TransactionsShowTheirStatus) {
  Connection connection = connect();
  ASSERT_TRUE(connection.exec("BEGIN").ok());
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kInTransaction);
  EXPECT_EQ(connection.exec("SELECT 1/0").error().code, "VALUE_REFUSED");
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
  EXPECT_EQ(connection.exec("SELECT 1").error().code, "TRANSACTION_FAILED");
  ASSERT_TRUE(connection.exec("ROLLBACK").ok());
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kIdle);
}

TEST_F(RealServerTest, ErrorsOfStatementsHaveTheirKinds) {
  server().sql("CREATE TABLE guarded (a int); CREATE ROLE poor LOGIN PASSWORD 'canary-poor'");
  ConnectionOptions options = server().options();
  options.user = "poor";
  options.password = "canary-poor";
  auto poor = Connection::connect(options);
  ASSERT_TRUE(poor.ok()) << poor.status().to_string();
  EXPECT_EQ(poor->query("SELECT * FROM guarded").error().code, "PERMISSION_DENIED");
  EXPECT_EQ(poor->query("SELECT * FROM nothing").error().code, "TABLE_MISSING");
  EXPECT_EQ(poor->query("SELECT * FROM nowhere.nothing").error().code, "TABLE_MISSING");
  EXPECT_EQ(poor->query("SELEKT").error().code, "SQL_REFUSED");
  EXPECT_EQ(poor->query("SET default_transaction_read_only = on; CREATE TEMP TABLE x ()").ok(), true);
  EXPECT_EQ(poor->query("CREATE TABLE y ()").error().code, "READ_ONLY");
  EXPECT_EQ(poor->query("SET statement_timeout = 10; SELECT pg_sleep(5)").error().code, "QUERY_CANCELED");
  server().sql("DROP TABLE guarded");
}

std::string binary_rows(int count) {
  std::string out("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const auto be32 = [](uint32_t value) {
    uint8_t bytes[4];
    store_be(bytes, value);
    return std::string(reinterpret_cast<const char*>(bytes), 4);
  };
  for (int i = 0; i < count; ++i) {
    const std::string text = "value " + std::to_string(i);
    out += std::string("\0\2", 2) + be32(4) + be32(static_cast<uint32_t>(i)) +
           be32(static_cast<uint32_t>(text.size())) + text;
  }
  return out + "\377\377";
}

TEST_F(RealServerTest, ACopyComesBackAsItWentIn) {
  Connection connection = connect();
  ASSERT_TRUE(connection.exec("CREATE TEMP TABLE t (a int, b text)").ok());
  const std::string data = binary_rows(200'000);
  auto in = connection.copy_in("COPY t FROM STDIN (FORMAT binary)");
  ASSERT_TRUE(in.ok()) << in.status().to_string();
  for (size_t at = 0; at < data.size(); at += 10'007) {
    const auto part = std::string_view(data).substr(at, 10'007);
    in->out().append(part.data(), part.size());
    ASSERT_TRUE(in->send_if_full().ok());
  }
  const auto done = in->finish();
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->affected_rows, 200'000U);

  auto out = connection.copy_out("COPY t TO STDOUT (FORMAT binary)");
  ASSERT_TRUE(out.ok()) << out.status().to_string();
  std::string back;
  uint64_t messages = 0;
  for (CopyChunk chunk; out->next(chunk); messages += chunk.rest == 0 ? 1 : 0) back += text_of(chunk.bytes);
  ASSERT_TRUE(out->status().ok()) << out->status().to_string();
  EXPECT_EQ(out->result().affected_rows, 200'000U);
  EXPECT_TRUE(back == data);
  EXPECT_EQ(messages, 200'001U) << "one message per row, and one for the trailer";
}

TEST_F(RealServerTest, ABadRowStopsACopyWithItsLineAndColumn) {
  Connection connection = connect();
  ASSERT_TRUE(connection.exec("CREATE TEMP TABLE t (a int)").ok());
  ASSERT_TRUE(connection.exec("BEGIN").ok());
  auto in = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(in.ok());
  sdk::Status status;
  int rows = 0;
  for (; rows < 5'000'000 && status.ok(); ++rows) {
    const std::string row = rows == 1000 ? "not a number\n" : std::to_string(rows) + "\n";
    in->out().append(row.data(), row.size());
    status = in->send_if_full();
  }
  if (status.ok()) status = in->finish().status();
  ASSERT_FALSE(status.ok());
  EXPECT_LT(rows, 5'000'000) << "the refusal was noticed while sending";
  EXPECT_EQ(status.error().code, "VALUE_REFUSED");
  const auto error = server_error_of(status.error());
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->copy_line(), 1001U);
  EXPECT_THAT(status.error().message, HasSubstr("column a: \"not a number\""));
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::kFailed);
  EXPECT_TRUE(connection.exec("ROLLBACK").ok());
}

TEST_F(RealServerTest, GivingUpACopyRollsItBack) {
  Connection connection = connect();
  ASSERT_TRUE(connection.exec("CREATE TEMP TABLE t (a int)").ok());
  auto in = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(in.ok());
  in->out().append("1\n", 2);
  ASSERT_TRUE(in->send().ok());
  EXPECT_TRUE(in->fail("changed our mind").ok());
  EXPECT_EQ(connection.query("SELECT count(*) FROM t")->rows[0][0], "0");
}

TEST_F(RealServerTest, ACopyWorksThroughTls) {
  ConnectionOptions options = server().options();
  options.ssl_mode = SslMode::kRequire;
  auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok()) << connection.status().to_string();
  ASSERT_TRUE(connection->exec("CREATE TEMP TABLE t (a text)").ok());
  auto in = connection->copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(in.ok());
  const std::string row = std::string(999, 'x') + "\n";
  for (int i = 0; i < 20'000; ++i) {
    in->out().append(row.data(), row.size());
    ASSERT_TRUE(in->send_if_full().ok());
  }
  ASSERT_TRUE(in->finish().ok());
  auto out = connection->copy_out("COPY t TO STDOUT");
  ASSERT_TRUE(out.ok());
  size_t bytes = 0;
  for (CopyChunk chunk; out->next(chunk);) bytes += chunk.bytes.size();
  EXPECT_TRUE(out->status().ok()) << out->status().to_string();
  EXPECT_EQ(bytes, 20'000'000U);
}

TEST_F(RealServerTest, ALargeCellIsHandedOutInPieces) {
  Connection connection = connect();
  auto out = connection.copy_out("COPY (SELECT repeat('x', 150000000)) TO STDOUT");
  ASSERT_TRUE(out.ok()) << out.status().to_string();
  size_t bytes = 0;
  for (CopyChunk chunk; out->next(chunk);) bytes += chunk.bytes.size();
  EXPECT_TRUE(out->status().ok()) << out->status().to_string();
  EXPECT_EQ(bytes, 150'000'001U);
}

TEST_F(RealServerTest, ATriggerThatTalksPerRowDoesNotStopACopy) {
  Connection connection = connect();
  ASSERT_TRUE(connection
                  .exec("CREATE TEMP TABLE t (a int); "
                        "CREATE FUNCTION pg_temp.talk() RETURNS trigger LANGUAGE plpgsql AS "
                        "$$BEGIN RAISE NOTICE '%', repeat('n', 500); RETURN NEW; END$$; "
                        "CREATE TRIGGER talk BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.talk()")
                  .ok());
  auto in = connection.copy_in("COPY t FROM STDIN");
  ASSERT_TRUE(in.ok());
  for (int i = 0; i < 100'000; ++i) {
    in->out().append("1\n", 2);
    ASSERT_TRUE(in->send_if_full().ok());
  }
  const auto done = in->finish();
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->affected_rows, 100'000U);
}

TEST_F(RealServerTest, CancelEndsTheRunningStatementAlsoThroughTls) {
  for (const SslMode mode : {SslMode::kDisable, SslMode::kRequire}) {
    ConnectionOptions options = server().options();
    options.ssl_mode = mode;
    auto connection = Connection::connect(options);
    ASSERT_TRUE(connection.ok());
    auto out = connection->copy_out("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 2000000)) TO STDOUT");
    ASSERT_TRUE(out.ok());
    CopyChunk chunk;
    ASSERT_TRUE(out->next(chunk));
    ASSERT_TRUE(connection->cancel().ok());
    while (out->next(chunk)) {
    }
    ASSERT_FALSE(out->status().ok());
    EXPECT_EQ(out->status().error().code, "QUERY_CANCELED");
    EXPECT_TRUE(connection->exec("SELECT 1").ok());
  }
}

TEST_F(RealServerTest, AFailingServerIsWorthAnotherTry) {
  Connection terminated = connect();
  server().terminate_backend(terminated.backend_pid());
  const auto ended = terminated.query("SELECT 1");
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, "SESSION_ENDED") << ended.status().to_string();
  EXPECT_TRUE(ended.error().retryable);
  EXPECT_TRUE(terminated.is_broken());

  Connection killed = connect();
  auto in = killed.exec("CREATE TEMP TABLE t (a text)").ok() ? killed.copy_in("COPY t FROM STDIN")
                                                             : sdk::Result<CopyIn>(sdk::internal_error("X", ""));
  ASSERT_TRUE(in.ok()) << in.status().to_string();
  server().kill_backend(killed.backend_pid());
  sdk::Status status;
  for (int i = 0; i < 100 && status.ok(); ++i) {
    in->out().append_filled(CopyIn::kSendBytes, 'x');
    status = in->send();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(status.error().retryable) << status.to_string();
  EXPECT_TRUE(killed.is_broken());

  Connection restarted = connect();
  server().restart();
  EXPECT_EQ(restarted.query("SELECT 1").error().code, "SESSION_ENDED");
  server().stop();
  const sdk::Error down = refusal(server().options());
  EXPECT_EQ(down.code, "TCP_CONNECT_FAILED");
  EXPECT_TRUE(down.retryable);
  server().start();
  EXPECT_TRUE(connect().exec("SELECT 1").ok());
}

TEST_F(RealServerTest, AFullServerIsWorthASlowRetry) {
  server().sql("CREATE ROLE crowd LOGIN PASSWORD 'canary-crowd' CONNECTION LIMIT 1");
  ConnectionOptions options = server().options();
  options.user = "crowd";
  options.password = "canary-crowd";
  const auto first = Connection::connect(options);
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  const sdk::Error second = refusal(options);
  EXPECT_EQ(second.code, "TOO_MANY_CONNECTIONS");
  EXPECT_TRUE(second.retryable);
  EXPECT_EQ(second.backoff_class, sdk::BackoffClass::kSlow);
}

TEST_F(RealServerTest, ASilentCommitIsGivenUpAfterTheReadTimeout) {
  ConnectionOptions options = server().options();
  options.read_timeout_ms = 100;
  auto connection = Connection::connect(options);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ(connection->query("SELECT pg_sleep(3)").error().code, "SOCKET_TIMEOUT");
}

}  // namespace
}  // namespace rapidbyte::postgres
