// One stream through several writers, as the engine drives it: a separate instance begins and finishes the stream.
#include <thread>

#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

constexpr int64_t kWriters = 4;
constexpr int64_t kBatches = 5;
constexpr int64_t kRows = 200;

class PartitionTest : public PostgresTest {
 protected:
  // A FakeHost serves one thread, so each writer has its own.
  Status write_partition(const Json& whole, int64_t index, bool fails = false) {
    Json ctx = whole;
    ctx["partition"] = {{"index", index}, {"count", kWriters}};
    FakeHost host;
    Batches batches;
    for (int64_t batch = 0; batch < kBatches; ++batch) {
      std::vector<Json> rows;
      for (int64_t row = 0; row < kRows; ++row) {
        const int64_t id = (index * kBatches + batch) * kRows + row;
        rows.push_back(Json::array({id, "row " + std::to_string(id)}));
      }
      batches.push_back(make_batch(two_columns(), rows));
    }
    push(host, ctx, batches);
    if (fails) host.fail_call("next-batch", 4, sdk::internal_error("NEXT", "the source broke").error());
    auto destination = sdk::make_destination();
    Status status = destination->open(sdk::to_text(config()));
    if (status.ok()) status = destination->run_write(sdk::to_text(ctx)).status();
    const Status closed = destination->close();
    return status.ok() ? closed : status;
  }
  std::vector<Status> write_all(const Json& ctx) {
    std::vector<Status> results(kWriters);
    std::vector<std::thread> writers;
    for (int64_t i = 0; i < kWriters; ++i) {
      writers.emplace_back([this, &results, &ctx, i] { results[static_cast<size_t>(i)] = write_partition(ctx, i); });
    }
    for (std::thread& writer : writers) writer.join();
    return results;
  }
};

TEST_F(PartitionTest, SeveralWritersFillOneTable) {
  for (const Json& mode : {Json("replace"), upsert({"id"})}) {
    for (const bool exists : {false, true}) {
      SCOPED_TRACE(mode.dump() + (exists ? " into a table" : " into a new table"));
      sql(std::string("SET client_min_messages = error; DROP TABLE IF EXISTS s;") +
          (exists ? "CREATE TABLE s (id bigint PRIMARY KEY, name text); INSERT INTO s VALUES (1, 'old')" : ""));
      FakeHost host;
      Json ctx = context("s", two_columns(), mode);
      ctx["load_id"] = mode.dump() + (exists ? "2" : "1");
      const std::string text = sdk::to_text(ctx);
      auto whole = open();
      ASSERT_TRUE(whole->begin_stream(text).ok());
      for (const Status& status : write_all(ctx)) EXPECT_TRUE(status.ok()) << status.to_string();
      if (exists && mode == "replace") {
        EXPECT_EQ(table("s"), Lines{"(1,old)"}) << "not before finish-stream";
      }
      const Status finished = whole->finish_stream(text, true);
      ASSERT_TRUE(finished.ok()) << finished.to_string();
      EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id), sum(id), count(*) FILTER (WHERE name = 'row ' || id) FROM s"),
                Lines{"4000\t4000\t7998000\t4000"});
      EXPECT_EQ(sql("SELECT count(*), sum(rows) FROM _rapidbyte_receipts WHERE partition <> ''"), Lines{"4\t4000"});
      Json part = ctx;
      part["partition"] = {{"index", 2}, {"count", kWriters}};
      EXPECT_NE(whole->last_committed(sdk::to_text(part))->value_or(""), "");
      // Finishing again after a crash changes nothing.
      EXPECT_TRUE(whole->finish_stream(text, true).ok());
      EXPECT_EQ(sql("SELECT count(*) FROM s"), Lines{"4000"});
    }
  }
}

TEST_F(PartitionTest, AFailedPartitionLeavesTheOldTableAndTheNextLoadIsWhole) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); INSERT INTO s VALUES (1, 'old')");
  FakeHost host;
  Json ctx = context("s", two_columns(), "replace");
  auto whole = open();
  ASSERT_TRUE(whole->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_TRUE(write_partition(ctx, 0).ok());
  EXPECT_FALSE(write_partition(ctx, 1, true).ok());
  ASSERT_TRUE(whole->finish_stream(sdk::to_text(ctx), false).ok());
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
  ctx["load_id"] = "load-2";
  ASSERT_TRUE(whole->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_EQ(sql("SELECT count(*) FROM _rapidbyte_receipts WHERE partition <> ''"), Lines{"0"});
  for (const Status& status : write_all(ctx)) EXPECT_TRUE(status.ok()) << status.to_string();
  ASSERT_TRUE(whole->finish_stream(sdk::to_text(ctx), true).ok());
  EXPECT_EQ(sql("SELECT count(*), min(id), max(id) FROM s"), Lines{"4000\t0\t3999"});
}

TEST_F(PartitionTest, AnotherAttemptAtTheSameLoadBeginsWithNothing) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); INSERT INTO s VALUES (1, 'old')");
  FakeHost host;
  const Json ctx = context("s", two_columns(), "replace");
  auto first = open();
  ASSERT_TRUE(first->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_TRUE(write_partition(ctx, 0).ok());
  ASSERT_TRUE(first->close().ok());
  auto second = open();
  ASSERT_TRUE(second->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_EQ(sql("SELECT count(*) FROM _rapidbyte_receipts WHERE partition <> ''"), Lines{"0"});
  for (const Status& status : write_all(ctx)) EXPECT_TRUE(status.ok()) << status.to_string();
  const Status finished = second->finish_stream(sdk::to_text(ctx), true);
  EXPECT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(sql("SELECT count(*), min(id), max(id) FROM s"), Lines{"4000\t0\t3999"});
}

TEST_F(PartitionTest, AStagingThatSomebodyElseChangedIsNotPublished) {
  sql("CREATE TABLE s (id bigint, name text); INSERT INTO s VALUES (1, 'old')");
  FakeHost host;
  const Json ctx = context("s", two_columns(), "replace");
  auto whole = open();
  ASSERT_TRUE(whole->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_TRUE(write_partition(ctx, 0).ok());
  sql("DELETE FROM _rapidbyte_staging_s WHERE id = 3");
  const Status finished = whole->finish_stream(sdk::to_text(ctx), true);
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().code, "STAGING_CHANGED");
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
}

TEST_F(PartitionTest, WritersUnderAnotherDefaultIsolationDoNotFail) {
  sql("ALTER DATABASE " + std::string(PostgresServer::kDatabase) +
      " SET default_transaction_isolation = 'repeatable read'");
  FakeHost host;
  const Json ctx = context("s", two_columns(), "replace");
  auto whole = open();
  const Status begun = whole->begin_stream(sdk::to_text(ctx));
  const auto results = write_all(ctx);
  sql("ALTER DATABASE " + std::string(PostgresServer::kDatabase) + " RESET ALL");
  ASSERT_TRUE(begun.ok()) << begun.to_string();
  for (const Status& status : results) EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(whole->finish_stream(sdk::to_text(ctx), true).ok());
  EXPECT_EQ(sql("SELECT count(*) FROM s"), Lines{"4000"});
}

TEST_F(PartitionTest, AStagingThatIsGoneIsNotTakenForAnEmptyLoad) {
  sql("CREATE TABLE s (id bigint, name text); INSERT INTO s VALUES (1, 'old')");
  FakeHost host;
  const Json ctx = context("s", two_columns(), "replace");
  auto whole = open();
  ASSERT_TRUE(whole->begin_stream(sdk::to_text(ctx)).ok());
  EXPECT_TRUE(write_partition(ctx, 0).ok());
  sql("DROP TABLE _rapidbyte_staging_s");
  const Status finished = whole->finish_stream(sdk::to_text(ctx), true);
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().code, "STAGING_LOST");
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
