#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "rapidbyte/sdk/config.h"
#include "rapidbyte/testing/fake_host.h"
#include "server_fixture.h"
#include "session.h"
#include "stream_reader.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;

class Read : public ServerTest {};

TEST_F(Read, GivesEveryRowOnceAndNoCheckpoints) {
  sql("CREATE TABLE t AS SELECT i AS id, 'row ' || i AS note FROM generate_series(1, 50000) i");
  RunOptions options;
  options.max_batch_bytes = 65'536;
  options.checkpoint_interval_rows = 100;
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows.size(), 50'000U);
  EXPECT_EQ(result.summary.records_read, 50'000U);
  EXPECT_EQ(result.summary.batches_emitted, result.batch_bytes.size());
  EXPECT_TRUE(result.checkpoints.empty());
  for (const size_t bytes : result.batch_bytes) EXPECT_LE(bytes, 65'536U);
  for (size_t i = 0; i < result.rows.size(); ++i) ASSERT_EQ(result.rows[i][1], "row " + std::to_string(i + 1));
}

TEST_F(Read, TakesColumnsAndRowsThatAreAskedFor) {
  sql("CREATE TABLE t (a int, b text, c int); INSERT INTO t SELECT i, 'b' || i, i % 3 FROM generate_series(1, 9) i");
  RunOptions options;
  options.stream = {{"select", {"c", "a"}}, {"where", "c = 1 OR b = 'b9' -- or so"}, {"columns", {{"a", "text"}}}};
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows, (std::vector<std::vector<std::string>>{{"1", "1"}, {"1", "4"}, {"1", "7"}, {"0", "9"}}));
  EXPECT_EQ(result.schema.fields[1].type.name(), "Utf8");
}

TEST_F(Read, ReadsAllKindsOfTables) {
  sql("CREATE TABLE base (a int); INSERT INTO base VALUES (1), (2); CREATE VIEW v AS SELECT a + 10 AS a FROM base;"
      "CREATE MATERIALIZED VIEW m AS SELECT a + 20 AS a FROM base; CREATE TABLE child () INHERITS (base); INSERT INTO "
      "child VALUES (3);"
      "CREATE TABLE parts (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM (0) TO "
      "(50);"
      "CREATE TABLE p2 PARTITION OF parts FOR VALUES FROM (50) TO (100); INSERT INTO parts VALUES (5), (55); CREATE "
      "TABLE nothing (a int)");
  const std::pair<std::string, std::vector<std::string>> cases[] = {{"base", {"1", "2", "3"}},
                                                                    {"v", {"11", "12", "13"}},
                                                                    {"m", {"21", "22"}},
                                                                    {"parts", {"5", "55"}},
                                                                    {"p2", {"55"}},
                                                                    {"nothing", {}}};
  for (const auto& [name, expected] : cases) {
    RunOptions options;
    options.name = name;
    const RunResult result = run(options);
    ASSERT_TRUE(result.status.ok()) << name << result.status.error().message;
    EXPECT_EQ(result.firsts(), expected) << name;
  }
}

TEST_F(Read, FindsTablesByOddNames) {
  const std::string longest(63, 'n');
  sql("CREATE SCHEMA \"we.\"\"ird\"\" sch\"; CREATE TABLE \"we.\"\"ird\"\" sch\".\"select\" (\"group\" int, \"Order "
      "by\" int, \"a\"\"b\" int);"
      "INSERT INTO \"we.\"\"ird\"\" sch\".\"select\" VALUES (1, 2, 3); CREATE TABLE \"" +
      longest + "\" (\"" + longest +
      "\" int);"
      "INSERT INTO \"" +
      longest + "\" VALUES (7); CREATE TABLE \"日本\" (\"ключ\" int); INSERT INTO \"日本\" VALUES (8)");
  RunOptions options;
  options.name = "anything";
  options.stream["table"] = "\"we.\"\"ird\"\" sch\".select";
  options.cursor_field = "Order by";
  options.stream["tie_breaker"] = {"a\"b", "group"};
  RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows, (std::vector<std::vector<std::string>>{{"1", "2", "3"}}));
  options = {};
  for (const auto& [name, value] : {std::pair<std::string, std::string>(longest, "7"), {"日本", "8"}}) {
    options.name = name;
    result = run(options);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_EQ(result.firsts(), std::vector<std::string>{value});
  }
}

TEST_F(Read, ReadsTablesOfManyAndOfNoColumns) {
  std::string columns;
  for (int i = 0; i < 1600; ++i) columns += (i == 0 ? "c" : ", c") + std::to_string(i) + " int";
  sql("CREATE TABLE wide (" + columns +
      "); INSERT INTO wide (c0, c1599) SELECT i, -i FROM generate_series(1, 300) i;"
      "CREATE TABLE bare (); INSERT INTO bare SELECT FROM generate_series(1, 100000)");
  RunOptions options;
  options.name = "wide";
  RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  ASSERT_EQ(result.rows.size(), 300U);
  EXPECT_EQ(result.rows[299][0], "300");
  EXPECT_EQ(result.rows[299][1], "NULL");
  EXPECT_EQ(result.rows[299][1599], "-300");
  options.name = "bare";
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows.size(), 100'000U);
  // Even without rows, it is known that there are no columns.
  sql("TRUNCATE bare; CREATE TABLE empty (a int)");
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.batch_bytes.size(), 1U);
  EXPECT_EQ(result.rows.size(), 0U);
  EXPECT_EQ(result.summary.records_read, 0U);
  options.name = "empty";
  EXPECT_EQ(run(options).batch_bytes.size(), 0U);
}

TEST_F(Read, TakesLargeCellsUpToTheLimitOfARecord) {
  sql("CREATE TABLE t (id int, payload text, after text); INSERT INTO t VALUES (1, repeat('x', 40000000), 'a'), (2, "
      "'small', 'b'), "
      "(3, NULL, repeat('y', 3000000)), (4, 'end', NULL)");
  RunOptions options;
  options.on_data_error = "skip";
  RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), (std::vector<std::string>{"2", "3", "4"}));
  EXPECT_EQ(result.rows[1][2].size(), 3'000'000U);
  EXPECT_EQ(result.summary.records_skipped, 1U);
  options.on_data_error = "fail";
  result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "RECORD_TOO_LARGE");
  for (const std::string_view part : {"row 1", "`payload`", "40000000", "max_record_bytes"}) {
    EXPECT_NE(result.status.error().message.find(part), std::string::npos)
        << part << " in " << result.status.error().message;
  }
  options.on_data_error = "dlq";
  result = run(options);
  ASSERT_EQ(result.dlq.size(), 1U);
  EXPECT_EQ(*sdk::parse_json(result.dlq[0]), (Json{{"id", "1"}, {"_truncated", true}}));
  options.max_record_bytes = 64 << 20;
  options.on_data_error = "fail";
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows[0][1].size(), 40'000'000U);
  EXPECT_EQ(result.rows.size(), 4U);
}

TEST_F(Read, EndsWithTheErrorOfTheServerOrOfTheHost) {
  sql("CREATE TABLE t AS SELECT i AS id, repeat('x', 1000) AS pad FROM generate_series(1, 20000) i; CREATE VIEW broken "
      "AS SELECT 1 / (id - 15000) AS x, pad FROM t");
  RunOptions options;
  options.name = "broken";
  RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_NE(result.status.error().message.find("division by zero"), std::string::npos) << result.status.error().message;
  EXPECT_EQ(result.status.error().category, sdk::ErrorCategory::kData);
  options.name = "t";
  options.fail_emit = 3;
  result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "CHANNEL_SEND");
  // The session does not outlive the run.
  for (int i = 0; i < 100 && lines("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND state = "
                                   "'active' AND pid <> pg_backend_pid()")
                                     .size() > 0;
       ++i) {
    sql("SELECT pg_sleep(0.05)");
  }
  EXPECT_TRUE(lines("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND state = 'active' AND pid <> "
                    "pg_backend_pid()")
                  .empty());
}

TEST_F(Read, LeavesNoBackendAtWorkWhenItGivesUp) {
  sql("CREATE TABLE t AS SELECT 1 AS a");
  RunOptions options;
  options.stream["where"] = "(SELECT pg_catalog.pg_sleep(60)) IS NOT NULL";
  const RunResult result = run(options, {{"read_timeout_seconds", 1}});
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "SOCKET_TIMEOUT");
  // It writes nothing that could tell it that nobody is listening.
  const std::string at_work =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND state = 'active' AND datname = "
      "current_database() AND pid <> pg_backend_pid()";
  for (int i = 0; i < 100 && !lines(at_work).empty(); ++i) sql("SELECT pg_sleep(0.1)");
  EXPECT_TRUE(lines(at_work).empty());
  // Over TCP the server shows what it really has: an unreachable client is noticed, too.
  options.stream["where"] = "current_setting('tcp_keepalives_idle') = '15'";
  EXPECT_EQ(run(options).rows.size(), 1U);
}

TEST_F(Read, WaitsForTheFirstRowUnlessALimitIsSet) {
  sql("CREATE TABLE t AS SELECT 1 AS a");
  sdk::testing::FakeHost host;
  const Json values = config();
  sdk::ConfigReader reader(values);
  postgres::ConnectionOptions connection = postgres::read_connection_options(reader);
  connection.read_timeout_ms = 1000;
  StreamOptions stream;
  stream.name = "t";
  stream.table = {"public", "t"};
  stream.where = "(SELECT pg_catalog.pg_sleep(2)) IS NOT NULL";
  const auto ctx = sdk::StreamContext::parse(sdk::to_text(testing::make_run_context({}, {})));
  ASSERT_TRUE(ctx.ok()) << ctx.error().message;
  for (const bool given : {false, true}) {
    connection.read_timeout_given = given;
    auto session = open_session(connection);
    ASSERT_TRUE(session.ok()) << session.error().message;
    bool begun = false;
    const auto summary = StreamReader::run(*ctx, stream, *session, begun);
    EXPECT_EQ(summary.ok(), !given);
    if (given) {
      EXPECT_EQ(summary.error().code, "SOCKET_TIMEOUT");
    } else {
      // Only so long.
      const auto later = session->connection.query("SELECT pg_sleep(2)");
      ASSERT_FALSE(later.ok());
      EXPECT_EQ(later.error().code, "SOCKET_TIMEOUT");
    }
  }
}

TEST_F(Read, ABackendThatIsKilledIsWorthAnotherTry) {
  sql("CREATE TABLE t AS SELECT i AS id, repeat('x', 1000) AS pad FROM generate_series(1, 50000) i");
  RunOptions options;
  int emitted = 0;
  options.before_call = [&](std::string_view function) {
    if (function == "emit-batch" && ++emitted == 3) {
      sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND datname = "
          "current_database()");
    }
  };
  const RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_TRUE(result.status.error().retryable) << result.status.error().message;
  EXPECT_TRUE(result.status.error().safe_to_retry);
}

TEST_F(Read, TakesTheConnectionOfTheDiscovery) {
  sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
  RunOptions options;
  int connections = 0;
  options.before_call = [&](std::string_view function) { connections += function == "connect-tcp" ? 1 : 0; };
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(connections, 0);
}

TEST_F(Read, NoticesATableThatWasAltered) {
  sql("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x')");
  // Between discovery and the read, before the first thing that the read does.
  const auto alter_before_read = [&](const std::string& change) {
    RunOptions options;
    int calls = 0;
    options.before_call = [&, change](std::string_view) {
      if (++calls == 1) sql(change);
    };
    return run(options).status;
  };
  const sdk::Status type = alter_before_read("ALTER TABLE t ALTER a TYPE bigint");
  ASSERT_FALSE(type.ok());
  EXPECT_EQ(type.error().code, "SCHEMA_CHANGED");
  const sdk::Status added = alter_before_read("ALTER TABLE t ADD c int");
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, "SCHEMA_CHANGED");
  sql("CREATE TYPE pair AS (x int, y int); ALTER TABLE t ADD p pair");
  const sdk::Status renamed = alter_before_read(
      "ALTER TYPE pair RENAME ATTRIBUTE x TO z; ALTER TYPE pair RENAME ATTRIBUTE y TO x; ALTER TYPE pair RENAME "
      "ATTRIBUTE z TO y");
  ASSERT_FALSE(renamed.ok());
  EXPECT_EQ(renamed.error().code, "SCHEMA_CHANGED");
  EXPECT_NE(renamed.error().message.find("(y integer,x integer) in column `p` where (x integer,y integer)"),
            std::string::npos)
      << renamed.error().message;
}

TEST_F(Read, HoldsTheTableFromTheFirstLookOn) {
  sql("CREATE TABLE t (a text, b text); INSERT INTO t VALUES ('00000000-0000-0000-0000-000000000000', 'x')");
  RunOptions options;
  int writes = 0;
  std::string outcome;
  options.before_call = [&](std::string_view function) {
    // The first message looks at the columns, the second copies. A uuid of 16 bytes would pass for a text.
    if (function != "socket-write" || ++writes != 2) return;
    outcome =
        sql("SET lock_timeout = '50ms'; CREATE TEMP TABLE outcome (o text); DO $$ BEGIN ALTER TABLE t ALTER a "
            "TYPE uuid USING a::uuid; INSERT INTO outcome VALUES ('altered'); EXCEPTION WHEN lock_not_available "
            "THEN INSERT INTO outcome VALUES ('locked'); END $$; SELECT o FROM outcome");
  };
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(outcome, "locked");
  EXPECT_EQ(writes, 4);  // the last two end the transaction and say goodbye
}

TEST_F(Read, SeesWhatCommitsWhileItWaitsForTheTable) {
  // TRUNCATE and rewrites are not versioned: a snapshot from before them finds an empty table.
  for (const std::string_view change :
       {"TRUNCATE t; INSERT INTO t SELECT g, 'y' FROM generate_series(1, 1000) g", "ALTER TABLE t SET UNLOGGED"}) {
    sql("DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT g AS id, 'x'::text AS v FROM generate_series(1, 1000) g");
    RunOptions options;
    std::thread other;
    options.before_call = [&](std::string_view) {
      if (other.joinable()) return;
      other = std::thread([&] { sql("BEGIN; " + std::string(change) + "; SELECT pg_sleep(1); COMMIT"); });
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    };
    const RunResult result = run(options);
    other.join();
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_EQ(result.rows.size(), 1000U) << change;
  }
}

TEST_F(Read, WarnsOfRowsThatPoliciesHide) {
  sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY "
      "odd ON t USING (a = 1);"
      "DROP ROLE IF EXISTS read_filtered; CREATE ROLE read_filtered LOGIN PASSWORD 'filtered'; GRANT SELECT ON t TO "
      "read_filtered");
  const RunResult result = run({}, {{"user", "read_filtered"}, {"password", "filtered"}});
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), std::vector<std::string>{"1"});
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_NE(result.warnings[0].find("row-level security"), std::string::npos);
}

TEST_F(Read, CannotChangeAnything) {
  sql("CREATE TABLE log (a int); CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (1) "
      "RETURNING a';"
      "CREATE VIEW v AS SELECT sneaky() AS a");
  RunOptions options;
  options.name = "v";
  const RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_TRUE(lines("SELECT a FROM log").empty());
}

// Every statement is qualified or sets its own path; one that does not still finds the system's names first.
TEST_F(Read, ASessionSeesTheSystemsNamesFirst) {
  sdk::testing::FakeHost host;
  auto session = open_session(postgres::read_connection_options(*std::make_unique<sdk::ConfigReader>(config())));
  ASSERT_TRUE(session.ok()) << session.error().message;
  const auto path = session->connection.query("SHOW search_path");
  ASSERT_TRUE(path.ok()) << path.error().message;
  EXPECT_EQ(path->rows, (std::vector<postgres::Row>{{"pg_catalog, pg_temp"}}));
}

TEST_F(Read, DoesNotDependOnTheSettingsOfTheRole) {
  sql("CREATE TABLE t (a interval, b timestamptz, c timetz, d bytea[], e money, f float8); INSERT INTO t VALUES ('1 "
      "day 2 hours', '2024-01-01 12:00+00', '12:00+00', "
      "ARRAY['\\x00ff'::bytea], 5, 0.1); DROP ROLE IF EXISTS read_settings; CREATE ROLE read_settings LOGIN PASSWORD "
      "'settings'; GRANT SELECT ON t TO read_settings;"
      "ALTER ROLE read_settings SET TimeZone = 'Asia/Kathmandu'; ALTER ROLE read_settings SET IntervalStyle = "
      "'iso_8601'; ALTER ROLE read_settings SET DateStyle = 'SQL, DMY';"
      "ALTER ROLE read_settings SET bytea_output = 'escape'; ALTER ROLE read_settings SET extra_float_digits = -5; "
      "ALTER ROLE read_settings SET statement_timeout = '1s'");
  RunOptions options;
  options.stream["columns"] = {{"b", "text"}, {"f", "text"}};
  const RunResult result = run(options, {{"user", "read_settings"}, {"password", "settings"}});
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows[0], (std::vector<std::string>{"1 day 02:00:00", "2024-01-01 12:00:00+00", "12:00:00+00",
                                                      "{\"\\\\x00ff\"}", "$5.00", "0.1"}));
}

}  // namespace
}  // namespace rapidbyte::source_postgres
