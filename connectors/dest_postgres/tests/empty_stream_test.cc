// Streams without rows, for which only finish-stream is called (feature "empty-streams"): afterwards their tables
// exist, of a replace they are empty, and where that is so already the server is asked and nothing is written.
#include <chrono>
#include <future>

#include "postgres/connection.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class EmptyStreamTest : public PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    destination_ = open();
  }
  void TearDown() override {
    if (destination_) {
      EXPECT_TRUE(destination_->close().ok());
    }
    PostgresTest::TearDown();
  }

  Status finish(const std::string& stream, const Json& mode, const Schema& schema = two_columns()) {
    Json ctx = context(stream, schema, mode);
    ctx["load_id"] = "load-" + std::to_string(++loads_);
    ctx["without_rows"] = true;
    const uint64_t before = host_.calls("socket-write");
    Status finished = destination_->finish_stream(sdk::to_text(ctx), true);
    sends_ = host_.calls("socket-write") - before;
    return finished;
  }
  /// A load with rows, by another instance.
  Status load_rows(const std::string& stream, const Json& mode, const std::vector<Json>& rows) {
    Json ctx = context(stream, two_columns(), mode);
    ctx["load_id"] = "load-" + std::to_string(++loads_);
    return load(ctx, {make_batch(two_columns(), rows)}).status;
  }
  Lines receipts() { return sql("SELECT stream, load_id, rows FROM _rapidbyte_receipts ORDER BY stream"); }

  FakeHost host_;
  std::unique_ptr<sdk::DestinationConnector> destination_;
  uint64_t sends_ = 0;
  int loads_ = 0;
};

TEST_F(EmptyStreamTest, TheirTablesAreMadeAndThenLeftAlone) {
  for (const char* mode : {"append", "replace"}) {
    const std::string name = std::string("of_") + mode;
    const Status made = finish(name, mode);
    ASSERT_TRUE(made.ok()) << made.to_string();
    EXPECT_EQ(table(name), Lines{});
    EXPECT_EQ(sql("SELECT count(*) FROM information_schema.columns WHERE table_schema = '" + schema_name() +
                  "' AND table_name = '" + name + "'"),
              Lines{"2"});
    const Lines said = receipts();
    for (int again = 0; again < 10; ++again) {
      const Status status = finish(name, mode);
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_LE(sends_, 1U) << mode << again;
    }
    EXPECT_EQ(receipts(), said) << mode;
  }
}

TEST_F(EmptyStreamTest, AnAppendLeavesRowsAndReceiptsOfTheTableWhatTheyAre) {
  ASSERT_TRUE(load_rows("s", "append", {row(1, "a")}).ok());
  const Lines said = receipts();
  ASSERT_TRUE(finish("s", "append").ok());
  EXPECT_EQ(table("s"), Lines{"(1,a)"});
  EXPECT_EQ(receipts(), said) << "the newest load with rows";
  ASSERT_TRUE(load_rows("s", "append", {row(2, "b")}).ok());
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,b)"}));
}

TEST_F(EmptyStreamTest, AReplaceRemovesEveryRowThatIsThere) {
  ASSERT_TRUE(load_rows("s", "replace", {row(1, "a")}).ok());
  ASSERT_TRUE(finish("s", "replace").ok());
  EXPECT_EQ(table("s"), Lines{});
  EXPECT_EQ(receipts(), Lines{"s\tload-2\t0"});
  // A table that goes through a staging, because of its trigger.
  sql("CREATE TABLE t (id bigint, name text); INSERT INTO t VALUES (1, 'a'); CREATE FUNCTION f() RETURNS trigger "
      "LANGUAGE "
      "plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()");
  ASSERT_TRUE(finish("t", "replace").ok());
  EXPECT_EQ(table("t"), Lines{});
  EXPECT_EQ(sql("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname = 'g'"), Lines{"1"});
}

TEST_F(EmptyStreamTest, AReplaceWaitsForRowsThatAreNotCommittedYet) {
  ASSERT_TRUE(finish("s", "replace").ok());
  Json ctx = context("s", two_columns(), "replace");
  ctx["load_id"] = "load-again";
  ctx["without_rows"] = true;
  const std::string text = sdk::to_text(ctx);
  // No snapshot sees them; the file does.
  auto other = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(other.ok()) << other.status().to_string();
  ASSERT_TRUE(other->exec("BEGIN; INSERT INTO \"" + schema_name() + "\".s VALUES (7, 'late')").ok());
  auto finishing = std::async(std::launch::async, [&]() -> Status {
    // One serves one thread.
    FakeHost host;
    auto destination = open();
    Status finished = destination->finish_stream(text, true);
    EXPECT_TRUE(destination->close().ok());
    return finished;
  });
  EXPECT_EQ(finishing.wait_for(std::chrono::milliseconds(500)), std::future_status::timeout)
      << "the table was taken for an empty one";
  ASSERT_TRUE(other->exec("COMMIT").ok());
  const Status finished = finishing.get();
  ASSERT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(EmptyStreamTest, WhatIsNoTableIsRefused) {
  sql("CREATE VIEW v AS SELECT 1 AS id");
  for (const char* mode : {"append", "replace"}) {
    const Status status = finish("v", mode);
    ASSERT_FALSE(status.ok()) << mode;
    EXPECT_EQ(status.error().code, "TARGET_NOT_A_TABLE") << mode;
    destination_ = open();
  }
}

TEST_F(EmptyStreamTest, ManyAreLookedAtTogetherAndOneThatIsGoneIsMade) {
  constexpr int kMany = 40;
  for (int i = 0; i < kMany; ++i) sql("CREATE TABLE m" + std::to_string(i) + " (id bigint, name text)");
  uint64_t sends = 0;
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(finish("m" + std::to_string(i), "append").ok());
    sends += sends_;
  }
  EXPECT_LT(sends, 10U);
  ASSERT_TRUE(finish("gone", "append").ok());
  EXPECT_EQ(table("gone"), Lines{}) << "not among those that were seen";
  EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relname = '_rapidbyte_receipts' AND relnamespace = '" +
                schema_name() + "'::regnamespace"),
            Lines{"1"})
      << "whoever makes a table begins as usual";
}

TEST_F(EmptyStreamTest, AStagingThatWasLeftGoesWithAReplace) {
  ASSERT_TRUE(finish("s", "replace").ok());
  // A load that was broken off.
  Json ctx = context("s", two_columns(), "replace");
  ctx["load_id"] = "broken-off";
  {
    FakeHost host;
    push(host, ctx, {make_batch(two_columns(), {row(1, "a")})});
    auto broken = open({{"small_replace", "staging"}});
    ASSERT_TRUE(broken->begin_stream(sdk::to_text(ctx)).ok());
    ASSERT_TRUE(broken->run_write(sdk::to_text(ctx)).ok());
    ASSERT_TRUE(broken->close().ok());
  }
  const std::string stagings =
      "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE "
      "'\\_rapidbyte\\_staging%' AND relnamespace = '" +
      schema_name() + "'::regnamespace";
  ASSERT_EQ(sql(stagings), Lines{"1"});
  ASSERT_TRUE(finish("s", "replace").ok());
  EXPECT_EQ(sql(stagings), Lines{"0"});
  EXPECT_EQ(table("s"), Lines{});
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
