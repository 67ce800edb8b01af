#include <gtest/gtest.h>

#include <algorithm>

#include "catalog.h"
#include "incremental.h"
#include "rapidbyte/sdk/config.h"
#include "rapidbyte/testing/fake_host.h"
#include "server_fixture.h"
#include "session.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;
using Rows = std::vector<std::string>;

class Incremental : public ServerTest {
 protected:
  /// Runs, expects success, and keeps the cursor for the next run.
  Rows next(RunOptions& options) {
    const RunResult result = run(options);
    EXPECT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_FALSE(result.checkpoints.empty());
    options.last_value = result.cursor();
    return result.firsts();
  }
  std::string failure(const RunOptions& options) {
    const RunResult result = run(options);
    EXPECT_FALSE(result.status.ok());
    return result.status.ok() ? "" : result.status.error().code;
  }
};

TEST_F(Incremental, FindsLaterRowsOfAnEqualCursorWhateverTheirKey) {
  sql("CREATE TABLE t (key uuid PRIMARY KEY, at date NOT NULL);"
      "INSERT INTO t VALUES ('50000000-0000-0000-0000-000000000000', '2024-01-01'), "
      "('60000000-0000-0000-0000-000000000000', '2024-01-01')");
  RunOptions options;
  options.cursor_field = "at";
  EXPECT_EQ(next(options).size(), 2U);
  EXPECT_EQ(next(options), Rows{});
  // A lower and a higher key of the same day, and then a new day.
  sql("INSERT INTO t VALUES ('40000000-0000-0000-0000-000000000000', '2024-01-01'), "
      "('70000000-0000-0000-0000-000000000000', '2024-01-01')");
  EXPECT_EQ(next(options), (Rows{"40000000-0000-0000-0000-000000000000", "70000000-0000-0000-0000-000000000000"}));
  EXPECT_EQ(next(options), Rows{});
  sql("INSERT INTO t VALUES ('10000000-0000-0000-0000-000000000000', '2024-01-02'), "
      "('30000000-0000-0000-0000-000000000000', '2024-01-01')");
  EXPECT_EQ(next(options), (Rows{"30000000-0000-0000-0000-000000000000", "10000000-0000-0000-0000-000000000000"}));
  EXPECT_EQ(next(options), Rows{});
}

TEST_F(Incremental, NeitherLosesNorDoublesRowsOfAnyCursorType) {
  struct Case {
    std::string type;
    Rows values;  // ascending, with equals
  };
  const Case cases[] = {
      {"integer", {"-5", "0", "0", "7"}},
      {"bigint", {"-9223372036854775808", "0", "9223372036854775807"}},
      {"numeric",
       {"-1.5", "0.10", "0.1", "0.100", "12345678901234567890.000000000000000001",
        "12345678901234567890.000000000000000002"}},
      {"numeric(10,2)", {"0.01", "0.01", "5"}},
      {"double precision", {"-0", "0", "0.1", "0.30000000000000004", "1e300"}},
      {"timestamp",
       {"1969-12-31 23:59:59.999999", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000001",
        "2024-01-01 00:00:00.000002"}},
      {"timestamp with time zone", {"2024-01-01 00:00:00.123456+05:45", "2024-01-01 00:00:00.123457+05:45"}},
      {"date", {"0044-03-15 BC", "2024-01-01", "2024-01-01"}},
      {"text", {"", "Zebra", "a''b", "ä", "日本"}},
      {"character varying(10)", {"a", "a", "b"}},
      {"character(4)", {"a", "b"}},
      {"uuid", {"00000000-0000-0000-0000-000000000001", "f0000000-0000-0000-0000-000000000001"}},
      {"time", {"00:00", "24:00"}},
      {"bytea", {"\\x", "\\x00", "\\xff"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.type);
    const bool is_text = c.type.starts_with("text") || c.type.starts_with("char");
    sql("DROP TABLE IF EXISTS t; CREATE TABLE t (n serial PRIMARY KEY, c " + c.type +
        (is_text ? " COLLATE \"C\"" : "") + " NOT NULL)");
    RunOptions options;
    options.cursor_field = "c";
    // One row at a time, with a run after each: nothing twice, nothing left out.
    for (size_t i = 0; i < c.values.size(); ++i) {
      sql("INSERT INTO t (c) VALUES ('" + c.values[i] + "')");
      EXPECT_EQ(next(options), Rows{std::to_string(i + 1)}) << c.values[i];
      EXPECT_EQ(next(options), Rows{}) << c.values[i];
    }
    // All at once, and stopped after every row.
    options.last_value = {};
    options.checkpoint_interval_rows = 1;
    options.max_batch_bytes = 1;
    const RunResult all = run(options);
    ASSERT_TRUE(all.status.ok()) << all.status.error().message;
    EXPECT_EQ(all.rows.size(), c.values.size());
  }
}

TEST_F(Incremental, ResumesAtEveryCheckpoint) {
  // Rows of equal cursors on both sides of every checkpoint.
  sql("CREATE TABLE t (id int, part int, at timestamptz NOT NULL, pad text, PRIMARY KEY (part, id));"
      "INSERT INTO t SELECT i, i % 7, '2024-01-01'::timestamptz + (i / 37) * interval '1 microsecond', repeat('x', "
      "100) FROM generate_series(1, 3000) i");
  RunOptions options;
  options.cursor_field = "at";
  options.checkpoint_interval_rows = 50;
  options.max_batch_bytes = 8192;
  const RunResult whole = run(options);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error().message;
  ASSERT_EQ(whole.rows.size(), 3000U);
  ASSERT_GT(whole.checkpoints.size(), 20U);
  for (size_t i = 0; i < whole.checkpoints.size(); ++i) {
    RunOptions resumed = options;
    resumed.resume = whole.checkpoints[i];
    resumed.last_value = whole.checkpoints[i]["cursor_value"];
    const RunResult rest = run(resumed);
    ASSERT_TRUE(rest.status.ok()) << rest.status.error().message;
    const std::vector<std::vector<std::string>> expected(
        whole.rows.begin() + static_cast<ptrdiff_t>(whole.rows_covered[i]), whole.rows.end());
    ASSERT_EQ(rest.rows, expected) << i;
  }
}

TEST_F(Incremental, KeepsThePlaceInALargeGroupByAGrowingKey) {
  sql("CREATE TABLE t (id bigint PRIMARY KEY, day date NOT NULL, pad text); INSERT INTO t SELECT i, '2024-01-01', "
      "repeat('x', 50) FROM generate_series(1, 5000) i");
  RunOptions options;
  options.cursor_field = "day";
  options.checkpoint_interval_rows = 500;
  options.max_batch_bytes = 16'384;
  const RunResult whole = run(options);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error().message;
  ASSERT_GT(whole.checkpoints.size(), 5U);
  for (size_t i = 0; i < whole.checkpoints.size(); ++i) {
    RunOptions resumed = options;
    resumed.last_value = whole.checkpoints[i]["cursor_value"];
    EXPECT_EQ(run(resumed).rows.size(), 5000 - whole.rows_covered[i]);
  }
  options.last_value = whole.cursor();
  sql("INSERT INTO t VALUES (5001, '2024-01-01', ''), (5002, '2024-01-02', '')");
  EXPECT_EQ(next(options), (Rows{"5001", "5002"}));
}

TEST_F(Incremental, RefusesALargeGroupWhoseKeyDoesNotGrow) {
  sql("CREATE TABLE t (key uuid PRIMARY KEY DEFAULT gen_random_uuid(), day date NOT NULL); INSERT INTO t (day) SELECT "
      "'2024-01-01' FROM generate_series(1, 2000)");
  RunOptions options;
  options.cursor_field = "day";
  EXPECT_EQ(failure(options), "TIE_GROUP_TOO_LARGE");
  // A checkpoint is never within such a group, but after it.
  sql("INSERT INTO t (day) VALUES ('2024-01-02')");
  options.checkpoint_interval_rows = 100;
  options.max_batch_bytes = 4096;
  RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows.size(), 2001U);
  for (const size_t covered : result.rows_covered) EXPECT_TRUE(covered <= 1000 || covered == 2001) << covered;
  // Or the user says that the day is complete.
  sql("DELETE FROM t WHERE day = '2024-01-02'");
  options.stream["lag"] = "1d";
  EXPECT_EQ(next(options).size(), 2000U);
  EXPECT_EQ(next(options), Rows{});
}

TEST_F(Incremental, NeedsSomethingThatTellsEqualRowsApart) {
  sql("CREATE TABLE t (a int NOT NULL, b int, c text); INSERT INTO t VALUES (1, 1, 'x'), (1, 2, 'y')");
  RunOptions options;
  options.cursor_field = "a";
  EXPECT_EQ(failure(options), "TIE_BREAKER_MISSING");
  options.stream["tie_breaker"] = {"nowhere"};
  EXPECT_EQ(failure(options), "UNKNOWN_COLUMN");
  options.stream["tie_breaker"] = {"b"};
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  ASSERT_EQ(result.warnings.size(), 1U);  // no index says that it tells them apart
  sql("INSERT INTO t VALUES (2, NULL, 'z')");
  EXPECT_EQ(failure(options), "NULL_TIE_BREAKER");
  // Also when the null is added later beside the newest value.
  options.last_value = result.cursor();
  sql("UPDATE t SET a = 1 WHERE b IS NULL");
  EXPECT_EQ(failure(options), "NULL_TIE_BREAKER");
  // A unique cursor needs none.
  sql("DELETE FROM t; INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'y'); CREATE UNIQUE INDEX ON t (a)");
  options.stream.erase("tie_breaker");
  options.last_value = {};
  EXPECT_EQ(next(options), (Rows{"1", "2"}));
  sql("INSERT INTO t VALUES (3, 1, 'y')");
  EXPECT_EQ(next(options), Rows{"3"});
}

TEST_F(Incremental, RefusesNullCursorsUnlessTheyAreNotWanted) {
  sql("CREATE TABLE t (id int PRIMARY KEY, at timestamp); INSERT INTO t VALUES (1, '2024-01-01'), (2, NULL)");
  RunOptions options;
  options.cursor_field = "at";
  EXPECT_EQ(failure(options), "NULL_CURSOR");
  options.on_data_error = "dlq";
  EXPECT_EQ(failure(options), "NULL_CURSOR");
  options.on_data_error = "skip";
  const RunResult result = run(options);
  ASSERT_TRUE(result.status.ok());
  EXPECT_EQ(result.firsts(), Rows{"1"});
  EXPECT_EQ(result.warnings.size(), 1U);
  options.on_data_error = "fail";
  options.stream["where"] = "at IS NOT NULL";
  EXPECT_EQ(next(options), Rows{"1"});
}

TEST_F(Incremental, StaysBehindByTheLag) {
  sql("ALTER DATABASE " + database_ + " SET TimeZone = 'UTC'");
  sql("CREATE TABLE t (id int PRIMARY KEY, z timestamptz, l timestamp, d date, n bigint, f double precision, x "
      "numeric);"
      "INSERT INTO t SELECT i, now() - (100 - i) * interval '1 minute', (now() AT TIME ZONE 'UTC') - (100 - i) * "
      "interval '1 minute', current_date - (100 - i), i, i, i / 10.0 FROM generate_series(1, 100) i");
  const auto count = [&](const std::string& cursor, const Json& lag) {
    RunOptions options;
    options.cursor_field = cursor;
    options.stream["lag"] = lag;
    return next(options).size();
  };
  EXPECT_EQ(count("z", "30m"), 70U);
  EXPECT_EQ(count("l", "30m"), 70U);
  // Yesterday is complete, today is not.
  const size_t days = count("d", "1d");
  EXPECT_EQ(std::to_string(days),
            lines("SELECT count(*) FROM t WHERE d <= ((now() AT TIME ZONE 'UTC') - interval '1 day')::date")[0]);
  EXPECT_EQ(count("n", 10), 90U);
  EXPECT_EQ(count("f", "9.5"), 90U);
  EXPECT_EQ(count("x", "0.05"), 99U);
  RunOptions options;
  options.cursor_field = "z";
  options.stream["lag"] = 5;
  EXPECT_EQ(failure(options), "LAG_TYPE");
  options.cursor_field = "n";
  options.stream["lag"] = "5m";
  EXPECT_EQ(failure(options), "LAG_TYPE");
  options.stream["lag"] = "0.5";
  EXPECT_EQ(failure(options), "LAG_TYPE");
  // What was held back comes once it is old enough, and nothing twice.
  options.stream["lag"] = 10;
  options.last_value = {};
  EXPECT_EQ(next(options).size(), 90U);
  sql("INSERT INTO t (id, n) VALUES (1000, 105), (1001, 95)");
  EXPECT_EQ(next(options).size(), 6U);
}

TEST_F(Incremental, LosesNoRowsOfADayThatIsNotOver) {
  const std::string today = "(now() AT TIME ZONE 'UTC')::date";
  sql("CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), d date NOT NULL); INSERT INTO t (d) SELECT " +
      today + " FROM generate_series(1, 2000); INSERT INTO t (d) SELECT " + today + " - 5 FROM generate_series(1, 3)");
  RunOptions options;
  options.cursor_field = "d";
  // With these, rows of today would be read, and of more than a position can list those added later be passed over.
  for (const std::string lag : {"5m", "86399s"}) {
    options.stream["lag"] = lag;
    EXPECT_EQ(failure(options), "LAG_TOO_SHORT") << lag;
  }
  for (const Json& lag : {Json(0), Json("0"), Json("0s")}) {
    options.stream["lag"] = lag;
    EXPECT_EQ(failure(options), "INVALID_CONFIG") << sdk::to_text(lag);
  }
  options.stream["lag"] = "25h";
  EXPECT_EQ(next(options).size(), 3U);
  EXPECT_EQ(next(options), Rows{});
}

TEST_F(Incremental, DoublesNothingWhenALateLowKeyJoinsAFullGroup) {
  sql("CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL); INSERT INTO t SELECT g * 10, 7 FROM generate_series(1, "
      "1000) g");
  RunOptions options;
  options.cursor_field = "u";
  EXPECT_EQ(next(options).size(), 1000U);
  sql("INSERT INTO t VALUES (15, 7)");
  EXPECT_EQ(next(options), Rows{"15"});
  EXPECT_EQ(next(options), Rows{});
  sql("INSERT INTO t VALUES (10001, 7)");
  EXPECT_EQ(next(options), Rows{"10001"});
  EXPECT_EQ(next(options), Rows{});
}

TEST_F(Incremental, DoublesNothingInAFullGroupOfALag) {
  sql("CREATE TABLE t (k text PRIMARY KEY, d date NOT NULL); INSERT INTO t SELECT 'm' || g, '2024-01-01' FROM "
      "generate_series(1, 1000) g");
  RunOptions options;
  options.cursor_field = "d";
  options.stream["lag"] = "1d";
  EXPECT_EQ(next(options).size(), 1000U);
  sql("INSERT INTO t VALUES ('a', '2024-01-01')");
  EXPECT_EQ(next(options), Rows{"a"});
  EXPECT_EQ(next(options), Rows{});
  sql("INSERT INTO t VALUES ('b', '2024-01-02')");
  EXPECT_EQ(next(options), Rows{"b"});
}

TEST_F(Incremental, DividesNoRowsThatItCannotTellApart) {
  sql("CREATE TABLE t (id int, k int NOT NULL, u int NOT NULL, pad text); INSERT INTO t SELECT g, g / 300, 1, "
      "repeat('x', 100) FROM generate_series(1, 3000) g");
  RunOptions options;
  options.cursor_field = "u";
  options.stream["tie_breaker"] = {"k"};
  options.checkpoint_interval_rows = 1;
  options.max_batch_bytes = 4096;
  const RunResult whole = run(options);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error().message;
  for (size_t i = 0; i < whole.checkpoints.size(); ++i) {
    RunOptions resumed = options;
    resumed.last_value = whole.checkpoints[i]["cursor_value"];
    EXPECT_EQ(run(resumed).rows.size(), 3000 - whole.rows_covered[i]) << whole.rows_covered[i];
  }
}

// The row could be skipped, but the position after it would have the tie-breaker of another row.
TEST_F(Incremental, RefusesATieBreakerThatNoPositionCanHold) {
  sql("CREATE TABLE t (id text, u int NOT NULL); INSERT INTO t VALUES ('z', 1), (repeat('b', 50000), 2)");
  RunOptions options;
  options.cursor_field = "u";
  options.stream["tie_breaker"] = {"id"};
  options.max_record_bytes = 10'000;
  options.on_data_error = "skip";
  const RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "RECORD_TOO_LARGE");
  EXPECT_NE(result.status.error().message.find("tie-breaker"), std::string::npos) << result.status.error().message;
}

TEST_F(Incremental, RefusesACursorThatNothingFollows) {
  for (const std::string type : {"timestamp", "date", "double precision", "numeric"}) {
    sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, u " + type +
        " NOT NULL); INSERT INTO t VALUES (1, "
        "'" +
        (type == "numeric" ? "NaN" : "infinity") + "')");
    RunOptions options;
    options.cursor_field = "u";
    EXPECT_EQ(failure(options), "INFINITE_CURSOR") << type;
  }
}

TEST_F(Incremental, TakesNoKeyOfAParentForItsChildren) {
  sql("CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL); CREATE TABLE child () INHERITS (t)");
  RunOptions options;
  for (const std::string_view cursor : {"u", "id"}) {
    options.cursor_field = cursor;
    EXPECT_EQ(failure(options), "TIE_BREAKER_MISSING") << cursor;
  }
}

TEST_F(Incremental, WhereAndSelectApply) {
  sql("CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL, kind text); INSERT INTO t SELECT i, i / 2, CASE WHEN i % 2 "
      "= 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 20) i");
  RunOptions options;
  options.cursor_field = "at";
  options.stream["select"] = {"at"};
  options.stream["columns"] = {{"at", "text"}};
  options.stream["where"] = "kind = 'a' OR id = 1";
  // As text 10 would come before 2: the order is that of the column, not of what is selected.
  EXPECT_EQ(next(options), (Rows{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}));
  sql("INSERT INTO t VALUES (21, 10, 'b'), (22, 10, 'a')");
  EXPECT_EQ(next(options), Rows{"10"});
}

TEST_F(Incremental, RefusesColumnsWhoseEqualValuesDiffer) {
  sql("CREATE TABLE t (id int PRIMARY KEY, i interval NOT NULL, j jsonb NOT NULL, p point NOT NULL);"
      "CREATE COLLATION nd (provider = icu, locale = 'und-u-ks-level2', deterministic = false); ALTER TABLE t ADD c "
      "text COLLATE nd NOT NULL");
  for (const std::string_view cursor : {"i", "j", "p", "c"}) {
    RunOptions options;
    options.cursor_field = cursor;
    EXPECT_EQ(failure(options), "CURSOR_TYPE") << cursor;
  }
}

TEST_F(Incremental, UsesTheIndexOfTheCursor) {
  sql("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, pad text);"
      "INSERT INTO t SELECT i, '2024-01-01'::timestamptz + i * interval '1 second', 'x' FROM generate_series(1, "
      "300000) i; CREATE INDEX on_at ON t (at); ANALYZE t");
  sdk::testing::FakeHost host;
  const auto options = postgres::read_connection_options(*std::make_unique<sdk::ConfigReader>(config()));
  auto session = open_session(options);
  ASSERT_TRUE(session.ok()) << session.error().message;
  StreamOptions stream;
  stream.name = "t";
  stream.table = {"public", "t"};
  const auto relations = load_relations(*session, {&stream.table, 1});
  ASSERT_TRUE(relations.ok());
  const auto explain = [&](const std::string& cursor, const Json& last) {
    const auto plan = plan_incremental(relations->front(), stream, cursor);
    EXPECT_TRUE(plan.ok());
    const auto position = CursorPosition::make(*plan, sdk::CursorValue::of_json(last));
    EXPECT_TRUE(position.ok()) << position.error().message;
    TableQuery query;
    query.table = stream.table;
    query.columns = *plan_columns(relations->front(), {}, {});
    query.conditions = {position->condition(query)};
    query.order = {cursor};
    for (const CatalogColumn* tie : plan->ties) query.order.push_back(tie->name);
    const auto result = session->connection.query("EXPLAIN " + query.select_sql());
    EXPECT_TRUE(result.ok()) << result.error().message;
    std::string text;
    for (const postgres::Row& row : result->rows) text += row[0].value_or("") + "\n";
    return text;
  };
  const std::string at = "2024-01-04 11:00:00+00";
  const Json seen = {{"column", "at"}, {"value", at}, {"tie_breaker", {"id"}}, {"seen", {"298800"}}};
  const Json last = {{"column", "at"}, {"value", at}, {"tie_breaker", {"id"}}, {"last", {"298800"}}};
  for (const Json& position : {seen, last}) {
    const std::string plan = explain("at", position);
    EXPECT_NE(plan.find("Index Scan using on_at"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
  }
  const std::string plan = explain("id", {{"column", "id"}, {"value", "299000"}});
  EXPECT_NE(plan.find("Index Scan using t_pkey"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("Sort"), std::string::npos) << plan;
}

}  // namespace
}  // namespace rapidbyte::source_postgres
