// A position is valid for what it was made for, and for nothing else.

#include <gtest/gtest.h>

#include "server_fixture.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;
using Rows = std::vector<std::string>;

class Position : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (IsSkipped()) return;
    sql(kTable);
    options_.cursor_field = "id";
    options_.last_value = read().cursor();
  }
  RunResult read() { return run(options_); }
  Rows rows() {
    const RunResult result = read();
    EXPECT_TRUE(result.status.ok()) << result.status.error().message;
    return result.firsts();
  }
  /// The position is refused, with a message that says `why` and both remedies; and with keep_position it is accepted.
  void expect_changed(const std::string& why, bool may_be_kept = true) {
    RunResult result = read();
    ASSERT_FALSE(result.status.ok()) << why << ": " << result.rows.size() << " rows";
    EXPECT_EQ(result.status.error().code, "CURSOR_CHANGED");
    EXPECT_EQ(result.status.error().category, sdk::ErrorCategory::kConfig);
    const std::string& message = result.status.error().message;
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_NE(message.find("rapidbyte state reset PIPELINE.yaml --stream 't', and empty the target table first"),
              std::string::npos)
        << message;
    EXPECT_EQ(message.find("keep_position: true") != std::string::npos, may_be_kept) << message;
    RunOptions kept = options_;
    kept.stream["keep_position"] = true;
    result = run(kept);
    EXPECT_EQ(result.status.ok(), may_be_kept);
    if (!may_be_kept) return;
    // From then on it belongs to the current table.
    options_.last_value = result.cursor();
    rows();
  }

  static constexpr const char* kTable =
      "CREATE TABLE t (id int PRIMARY KEY, code varchar(10) COLLATE \"C\" UNIQUE, at timestamp); INSERT INTO t SELECT "
      "i, "
      "'c' || i, '2024-01-01' FROM generate_series(1, 5) i; ";
  RunOptions options_;
};

TEST_F(Position, IsNotUsedForATableThatWasRecreated) {
  sql("DROP TABLE t; " + std::string(kTable));
  expect_changed("has replaced another one of the same name");
}

TEST_F(Position, IsNotTakenForAnotherTable) {
  sql("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (3)");
  options_.stream["table"] = "other";
  expect_changed("has replaced another one of the same name");
}

TEST_F(Position, IsNotTakenForAnotherColumnOfTheName) {
  sql("ALTER TABLE t RENAME id TO old; ALTER TABLE t ADD COLUMN id int UNIQUE; UPDATE t SET id = old");
  expect_changed("the column has replaced");
}

TEST_F(Position, IsNotTakenForAnotherCondition) {
  options_.stream["where"] = "id > 0";
  expect_changed("`where`");
  options_.stream["where"] = "  id > 0\n";
  EXPECT_EQ(rows(), Rows{});
  options_.stream.erase("where");
  expect_changed("`where`");
}

TEST_F(Position, IsNotTakenForOtherColumns) {
  options_.stream["select"] = {"id", "code"};
  expect_changed("`select`");
  options_.stream["select"] = {"code", "id"};
  EXPECT_EQ(rows(), Rows{});
  options_.stream["columns"] = {{"code", "text"}};
  expect_changed("`select` or `columns`");
}

TEST_F(Position, IsNotTakenForOtherRowsOfChildren) {
  sql("CREATE TABLE child (UNIQUE (id)) INHERITS (t)");
  options_.stream["tie_breaker"] = {"code"};
  options_.stream["child_tables"] = "exclude";
  options_.last_value = {};
  options_.last_value = read().cursor();
  sql("INSERT INTO child VALUES (2, 'x', NULL)");
  options_.stream["child_tables"] = "include";
  expect_changed("`child_tables`");
}

TEST_F(Position, IsNotTakenForAnotherTypeOrOrder) {
  options_.cursor_field = "code";
  options_.last_value = {};
  options_.last_value = read().cursor();
  sql("ALTER TABLE t ALTER code TYPE varchar(10) COLLATE \"POSIX\"");
  expect_changed("collation", false);
  options_.cursor_field = "id";
  options_.last_value = {};
  options_.last_value = read().cursor();
  sql("ALTER TABLE t ALTER id TYPE text COLLATE \"C\" USING id::text");
  expect_changed("type", false);
}

TEST_F(Position, IsNotTakenForACopyOfTheDatabase) {
  // A database created from a template has the OIDs of the template's tables.
  const std::string original = database_;
  database_ += "_copy";
  postgres::testing::PostgresServer::shared().sql("CREATE DATABASE " + database_ + " TEMPLATE " + original);
  expect_changed("in another database");
}

TEST_F(Position, StaysThatOfATableThatIsChangedWithoutHarm) {
  sql("ALTER TABLE t ADD COLUMN more text DEFAULT 'x'");
  EXPECT_EQ(rows(), Rows{});
  sql("VACUUM FULL t");
  sql("CLUSTER t USING t_pkey");
  sql("REINDEX TABLE t");
  EXPECT_EQ(rows(), Rows{});
  sql("ALTER TABLE t ALTER id TYPE bigint");
  EXPECT_EQ(rows(), Rows{});
  sql("ALTER TABLE t ALTER id TYPE numeric");
  EXPECT_EQ(rows(), Rows{});
  sql("CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s; ALTER TABLE s.t RENAME TO moved");
  options_.stream["table"] = "s.moved";
  EXPECT_EQ(rows(), Rows{}) << "the same table by another name";
  sql("INSERT INTO s.moved VALUES (6, 'c6', NULL)");
  EXPECT_EQ(rows(), Rows{"6"});
}

TEST_F(Position, OfAnEarlierVersionIsTakenAndCompleted) {
  Json old = *sdk::parse_json(R"({"column": "id", "value": "3"})");
  options_.last_value = sdk::CursorValue::of_json(old).to_json();
  const RunResult result = read();
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), (Rows{"4", "5"}));
  options_.last_value = result.cursor();
  sql("DROP TABLE t; " + std::string(kTable));
  expect_changed("has replaced another one of the same name");
}

TEST_F(Position, BelongsToItsCheckpointsToo) {
  sql("INSERT INTO t SELECT i, 'c' || i FROM generate_series(6, 3000) i");
  options_.checkpoint_interval_rows = 50;
  options_.max_batch_bytes = 8192;
  options_.last_value = {};
  const RunResult whole = read();
  ASSERT_GT(whole.checkpoints.size(), 1U);
  options_.resume = whole.checkpoints.front();
  options_.last_value = whole.checkpoints.front()["cursor_value"];
  EXPECT_EQ(rows().size(), 3000 - whole.rows_covered.front());
  sql("DROP TABLE t; " + std::string(kTable));
  EXPECT_EQ(read().status.error().code, "CURSOR_CHANGED");
}

}  // namespace
}  // namespace rapidbyte::source_postgres
