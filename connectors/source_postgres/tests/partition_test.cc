#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/testing/fake_host.h"
#include "server_fixture.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::make_run_context;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;

class Partitions : public ServerTest {
 protected:
  /// A planning instance, as the host keeps it while partitions are read.
  struct Planned {
    std::unique_ptr<sdk::testing::FakeHost> host = std::make_unique<sdk::testing::FakeHost>();
    std::unique_ptr<sdk::SourceAdapter<PostgresSource>> source = std::make_unique<sdk::SourceAdapter<PostgresSource>>();
    std::vector<Json> partitions;
  };
  Planned plan(const RunOptions& options, uint32_t want, const Json& more_config = Json::object()) {
    Planned out;
    Json config = this->config();
    config.update(more_config);
    Json stream = options.stream;
    stream["name"] = options.name;
    config["streams"] = Json::array({stream});
    EXPECT_TRUE(out.source->open(sdk::to_text(config)).ok());
    const auto planned = out.source->plan_partitions(sdk::to_text(make_run_context(options, {})), want);
    EXPECT_TRUE(planned.ok()) << planned.error().message;
    const auto list = sdk::parse_json(*planned);
    for (const Json& partition : *list) out.partitions.push_back(partition);
    return out;
  }
};

TEST_F(Partitions, HoldEveryRowOnceWhileOthersWrite) {
  sql("CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL, pad text NOT NULL) WITH (fillfactor = 60);"
      "INSERT INTO t SELECT i, 0, repeat('x', 400) FROM generate_series(1, 80000) i");
  RunOptions options;
  options.stream["select"] = {"id", "version"};
  const Planned planned = plan(options, 3);
  ASSERT_EQ(planned.partitions.size(), 3U);
  std::multiset<std::pair<int, std::string>> rows;
  int round = 0;
  for (const Json& partition : planned.partitions) {
    // Between the partitions rows move, within their blocks and to others, appear and go, and vacuum cleans up.
    ++round;
    sql("UPDATE t SET version = version + 1, pad = repeat('y', 700) WHERE id % 5 = " + std::to_string(round) +
        "; DELETE FROM t WHERE id % 11 = " + std::to_string(round) + "; INSERT INTO t SELECT 100000 * " +
        std::to_string(round) + " + i, 0, repeat('z', 400) FROM generate_series(1, 5000) i");
    sql("VACUUM t");
    RunOptions part = options;
    part.partition = partition;
    const RunResult result = run(part);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_GT(result.rows.size(), 10'000U);
    for (const auto& row : result.rows) rows.emplace(std::stoi(row[0]), row[1]);
  }
  ASSERT_EQ(rows.size(), 80'000U);
  int expected = 1;
  for (const auto& [id, version] : rows) {
    ASSERT_EQ(id, expected++);
    ASSERT_EQ(version, "0");
  }
}

TEST_F(Partitions, ArePlannedOnTheTableAsItIsWhenTheyHaveItsLock) {
  const std::string rows = "SELECT i AS id, repeat('x', 400) AS pad FROM generate_series(1, 100000) i";
  sql("CREATE TABLE t AS " + rows);
  std::thread other([&] { sql("BEGIN; TRUNCATE t; INSERT INTO t " + rows + "; SELECT pg_sleep(1); COMMIT"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Planned planned = plan({}, 2);
  other.join();
  ASSERT_EQ(planned.partitions.size(), 2U);
  size_t found = 0;
  for (const Json& partition : planned.partitions) {
    RunOptions part;
    part.partition = partition;
    const RunResult result = run(part);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    found += result.rows.size();
  }
  EXPECT_EQ(found, 100'000U);
}

TEST_F(Partitions, AreRangesOfBlocksThatTheServerScansAlone) {
  sql("CREATE TABLE t AS SELECT i AS id, repeat('x', 400) AS pad FROM generate_series(1, 100000) i");
  const Planned planned = plan({}, 4);
  ASSERT_GE(planned.partitions.size(), 2U);
  const std::string plan = sql("EXPLAIN SELECT id FROM ONLY t WHERE t.ctid >= '(" +
                               planned.partitions[1]["from_block"].dump() + ",0)'::tid");
  EXPECT_NE(plan.find("Tid Range Scan"), std::string::npos) << plan;
}

TEST_F(Partitions, ReadPartitionedTablesAndConditions) {
  sql("CREATE TABLE t (id int, pad text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) "
      "TO (70000);"
      "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (70000) TO (200000); INSERT INTO t SELECT i, repeat('x', 400) "
      "FROM generate_series(1, 100000) i");
  RunOptions options;
  options.stream["select"] = {"id"};
  options.stream["where"] = "id % 2 = 0";
  const Planned planned = plan(options, 2);
  ASSERT_EQ(planned.partitions.size(), 2U);
  std::multiset<int> ids;
  for (const Json& partition : planned.partitions) {
    RunOptions part = options;
    part.partition = partition;
    const RunResult result = run(part);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    for (const auto& row : result.rows) ids.insert(std::stoi(row[0]));
  }
  ASSERT_EQ(ids.size(), 50'000U);
  EXPECT_EQ(std::set<int>(ids.begin(), ids.end()).size(), 50'000U);
}

TEST_F(Partitions, LeaveOutATableThatIsAttachedBetweenThem) {
  const std::string rows = "SELECT i AS id, repeat('x', 400) AS pad FROM generate_series(1, 100000) i; ";
  const std::string extra =
      "CREATE TABLE extra AS SELECT i AS id, repeat('x', 400) AS pad FROM "
      "generate_series(200001, 300000) i";
  struct Case {
    std::string make;
    std::string attach;
  };
  const Case cases[] = {
      {"CREATE TABLE t (id int, pad text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) "
       "TO (200000); INSERT INTO t " +
           rows,
       "ALTER TABLE t ATTACH PARTITION extra FOR VALUES FROM (200001) TO (400000)"},
      {"CREATE TABLE t AS " + rows, "ALTER TABLE extra INHERIT t"},
      {"CREATE TABLE t AS " + rows + "CREATE TABLE child () INHERITS (t); INSERT INTO child VALUES (0, ''); ",
       "ALTER TABLE extra INHERIT t"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.make);
    sql("DROP TABLE IF EXISTS t CASCADE; DROP TABLE IF EXISTS extra; " + c.make + extra);
    const auto before = static_cast<size_t>(std::stoul(lines("SELECT count(*) FROM t").at(0)));
    RunOptions options;
    options.stream["select"] = {"id"};
    const Planned planned = plan(options, 2);
    ASSERT_EQ(planned.partitions.size(), 2U);
    size_t found = 0;
    for (const Json& partition : planned.partitions) {
      RunOptions part = options;
      part.partition = partition;
      const RunResult result = run(part);
      ASSERT_TRUE(result.status.ok()) << result.status.error().message;
      found += result.rows.size();
      if (&partition == planned.partitions.data()) sql(c.attach);
    }
    EXPECT_EQ(found, before);
  }
}

TEST_F(Partitions, AreNotMadeWhereTheyDoNotPayOrCannotBe) {
  sql("CREATE TABLE small AS SELECT 1 AS a; CREATE TABLE t AS SELECT i AS id, repeat('x', 400) AS pad FROM "
      "generate_series(1, 100000) i; CREATE VIEW v AS SELECT * FROM t");
  RunOptions options;
  EXPECT_TRUE(plan(options, 1).partitions.empty());
  EXPECT_FALSE(plan(options, 2).partitions.empty());
  options.cursor_field = "id";
  EXPECT_TRUE(plan(options, 4).partitions.empty());
  options.cursor_field.clear();
  for (const std::string_view name : {"small", "v"}) {
    options.name = name;
    EXPECT_TRUE(plan(options, 4).partitions.empty()) << name;
  }
}

TEST_F(Partitions, AreNotMadeWhereTheConditionMayFollowTheClock) {
  sql("CREATE TABLE t AS SELECT i AS id, now() AS at, repeat('x', 400) AS pad FROM generate_series(1, 100000) i;"
      "CREATE FUNCTION moody(int) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT random() > $1';"
      "CREATE FUNCTION steady(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0'");
  RunOptions options;
  for (const char* where : {"at > now() - interval '1 hour'", "at <= clock_timestamp()", "at <= 'now'", "moody(id)",
                            "at > current_date", "age(at) < interval '1 day'", "random() < 0.5"}) {
    options.stream["where"] = where;
    EXPECT_TRUE(plan(options, 2).partitions.empty()) << where;
  }
  for (const char* where : {"id > 5", "lower(pad) = pad", "steady(id)", "date_trunc('day', at) > '2020-01-01'",
                            "isfinite(at) AND id IN (1, 2)"}) {
    options.stream["where"] = where;
    EXPECT_EQ(plan(options, 2).partitions.size(), 2U) << where;
  }
  sql("CREATE ROLE clock_reader LOGIN PASSWORD 'reader'; GRANT SELECT ON t TO clock_reader; ALTER TABLE t ENABLE ROW "
      "LEVEL SECURITY; CREATE POLICY p ON t USING (at <= now())");
  options.stream.erase("where");
  EXPECT_TRUE(plan(options, 2, {{"user", "clock_reader"}, {"password", "reader"}}).partitions.empty());
  sql("DROP OWNED BY clock_reader; DROP ROLE clock_reader");
}

TEST_F(Partitions, NeedTheRightOnTheWholeTable) {
  sql("CREATE TABLE t AS SELECT i AS id, repeat('x', 400) AS pad FROM generate_series(1, 100000) i; DROP ROLE IF "
      "EXISTS partition_reader; CREATE ROLE partition_reader LOGIN PASSWORD 'reader'; GRANT SELECT (id) ON t TO "
      "partition_reader");
  RunOptions options;
  options.stream["select"] = {"id"};
  const Json reader = {{"user", "partition_reader"}, {"password", "reader"}};
  EXPECT_TRUE(plan(options, 2, reader).partitions.empty());
  sql("GRANT SELECT ON t TO partition_reader");
  EXPECT_EQ(plan(options, 2, reader).partitions.size(), 2U);
}

TEST_F(Partitions, EndWithTheirPlan) {
  sql("CREATE TABLE t AS SELECT i AS id, repeat('x', 400) AS pad FROM generate_series(1, 100000) i");
  RunOptions options;
  {
    Planned planned = plan(options, 2);
    ASSERT_EQ(planned.partitions.size(), 2U);
    options.partition = planned.partitions[0];
    // A rewrite would move the rows; it waits until the plan is closed.
    EXPECT_NE(lines("SELECT mode FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessShareLock'"),
              std::vector<std::string>{});
    EXPECT_TRUE(planned.source->close().ok());
  }
  for (int i = 0; i < 100 && !lines("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'").empty(); ++i)
    sql("SELECT pg_sleep(0.05)");
  const RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_NE(result.status.error().message.find("snapshot"), std::string::npos) << result.status.error().message;
}

}  // namespace
}  // namespace rapidbyte::source_postgres
