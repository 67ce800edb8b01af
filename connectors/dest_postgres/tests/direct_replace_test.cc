// A replace of few rows into a small table: no staging table, everything in the transaction that publishes it. And what
// a stream leaves in the session for the next one.
#include <algorithm>
#include <thread>

#include "postgres/connection.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class DirectReplaceTest : public PostgresTest {
 protected:
  Json replace_context(const Schema& schema = two_columns()) {
    Json ctx = context("s", schema, "replace");
    ctx["load_id"] = "load-" + std::to_string(++loads_);
    return ctx;
  }
  /// A target with a row, and the receipts.
  void make_target() {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY CHECK (id > "
        "0), "
        "name text)");
    ASSERT_EQ(load(replace_context(), two_columns(), {row(1, "old")}).code(), "ok");
  }
  /// A replace, with `meanwhile` between its last row and finish-stream; as the engine does.
  Status replace(const Json& ctx, const Batches& batches, const std::function<void()>& meanwhile = {}) {
    FakeHost host;
    push(host, ctx, batches);
    const std::string text = sdk::to_text(ctx);
    auto destination = open(more_);
    RB_SDK_RETURN_NOT_OK(destination->begin_stream(text));
    const auto written = destination->run_write(text);
    RB_SDK_RETURN_NOT_OK(written.status());
    written_ = written->records_written;
    if (meanwhile) meanwhile();
    const Status finished = destination->finish_stream(text, true);
    EXPECT_TRUE(destination->close().ok());
    logs_.clear();
    for (const auto& line : host.logs()) logs_ += line.message + "\n";
    direct_ = std::any_of(host.logs().begin(), host.logs().end(), [](const auto& line) {
      return line.message.find("without a staging table") != std::string::npos;
    });
    return finished;
  }
  Status replace(const std::vector<Json>& rows, const std::function<void()>& meanwhile = {}) {
    return replace(replace_context(), {make_batch(two_columns(), rows)}, meanwhile);
  }
  std::string oid() { return sql("SELECT 's'::regclass::oid").front(); }
  Lines receipt() { return sql("SELECT load_id, target, rows, published FROM _rapidbyte_receipts"); }
  Lines stagings() {
    return sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_rapidbyte\\_staging%' AND relnamespace "
        "= '" +
        schema_name() + "'::regnamespace");
  }
  Json more_ = Json::object();
  bool direct_ = false;
  std::string logs_;
  uint64_t written_ = 0;

 private:
  int loads_ = 0;
};

TEST_F(DirectReplaceTest, RowsAndReceiptAreOneTransactionAndTheTableStays) {
  make_target();
  const std::string before = oid();
  const Status status = replace({row(2, "b"), row(3, nullptr)}, [&] {
    EXPECT_EQ(table("s"), Lines{"(1,old)"}) << "not before finish-stream";
    EXPECT_EQ(stagings(), Lines{});
  });
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(direct_);
  EXPECT_EQ(written_, 2U);
  EXPECT_EQ(table("s"), (Lines{"(2,b)", "(3,)"}));
  EXPECT_EQ(oid(), before);
  EXPECT_EQ(receipt(), Lines{"load-2\t" + schema_name() + ".s\t2\tt"});
  EXPECT_EQ(sql("SELECT count(DISTINCT x) FROM (SELECT xmin::text AS x FROM s UNION ALL SELECT xmin::text FROM "
                "_rapidbyte_receipts) t"),
            Lines{"1"});
  EXPECT_EQ(sql("SELECT target_identity = 's'::regclass::oid || ':' || pg_relation_filenode('s') FROM "
                "_rapidbyte_receipts"),
            Lines{"t"});
  // An append may resume after it.
  Json ctx = context("s", two_columns());
  EXPECT_EQ(load(ctx, two_columns(), {row(4, "d")}).code(), "ok");
}

// Neither one that begins later nor one that already has its snapshot, and none waits.
TEST_F(DirectReplaceTest, ReadersSeeTheOldRowsOrTheNewOnes) {
  make_target();
  FakeHost host;  // of the readers
  auto old_reader = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(old_reader.ok());
  const std::string count = "SELECT pg_catalog.string_agg(name, ',') FROM " + schema_name() + ".s";
  ASSERT_TRUE(old_reader->exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").ok());
  ASSERT_TRUE(old_reader->exec("SAVEPOINT a; SELECT FROM " + schema_name() + ".s").ok());  // holds a reader's lock
  const Status status = replace({row(2, "new")});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(direct_);
  EXPECT_EQ(old_reader->query(count)->rows.front().front(), "old");
  ASSERT_TRUE(old_reader->exec("ROLLBACK").ok());
  EXPECT_EQ(old_reader->query(count)->rows.front().front(), "new");
}

TEST_F(DirectReplaceTest, ARefusedRowLeavesTheOldOnesAndTheReceipt) {
  make_target();
  const Lines before = receipt();
  const Status status = replace({row(2, "b"), row(-3, "c")});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "ROW_REFUSED") << status.to_string();
  EXPECT_NE(status.error().message.find("row 2"), std::string::npos) << status.to_string();
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
  EXPECT_EQ(receipt(), before);
  EXPECT_EQ(stagings(), Lines{});
  ASSERT_TRUE(replace({row(5, "e")}).ok());
  EXPECT_EQ(table("s"), Lines{"(5,e)"});
}

TEST_F(DirectReplaceTest, AFailedLoadLeavesNothing) {
  make_target();
  const Lines before = receipt();
  FakeHost host;
  const Json ctx = replace_context();
  push(host, ctx, {make_batch(two_columns(), {row(2, "b")})});
  auto destination = open();
  ASSERT_TRUE(destination->begin_stream(sdk::to_text(ctx)).ok());
  ASSERT_TRUE(destination->run_write(sdk::to_text(ctx)).ok());
  ASSERT_TRUE(destination->finish_stream(sdk::to_text(ctx), false).ok());
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
  EXPECT_EQ(receipt(), before);
  ASSERT_TRUE(destination->close().ok());
}

TEST_F(DirectReplaceTest, ALoadWithoutRowsEmptiesTheTable) {
  make_target();
  ASSERT_TRUE(replace(replace_context(), {}).ok());
  EXPECT_TRUE(direct_);
  EXPECT_EQ(table("s"), Lines{});
  EXPECT_EQ(receipt(), Lines{"load-2\t" + schema_name() + ".s\t0\tt"});
  ASSERT_TRUE(replace(replace_context(), {}).ok());
  EXPECT_EQ(receipt(), Lines{"load-3\t" + schema_name() + ".s\t0\tt"});
}

// What makes DELETE and COPY differ from an ordinary replace, and what happens only while the load runs.
TEST_F(DirectReplaceTest, WhatIsNotForItGoesThroughAStaging) {
  const std::string note =
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE "
      "INSERT ON s FOR EACH ROW EXECUTE FUNCTION note()";
  const struct {
    const char* name;
    std::string statements;
  } cases[] = {
      {"a trigger", note},
      {"row security", "ALTER TABLE s ENABLE ROW LEVEL SECURITY"},
      {"a rule", "CREATE RULE r AS ON UPDATE TO s DO ALSO NOTHING"},
      {"a publication", "CREATE PUBLICATION " + schema_name() + "_p FOR TABLE s"},
      {"many old rows", "INSERT INTO s SELECT g, repeat('x', 200) FROM generate_series(2, 6000) g"},
      {"large old values", "ALTER TABLE s ALTER name SET STORAGE EXTERNAL; UPDATE s SET name = repeat('x', 2000000)"}};
  for (const auto& c : cases) {
    for (const bool late : {false, true}) {
      SCOPED_TRACE(std::string(c.name) + (late ? ", late" : ""));
      make_target();
      if (!late) sql(c.statements);
      const Status status = replace({row(2, "b")}, [&] {
        if (late) sql(c.statements);
      });
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_FALSE(direct_);
      EXPECT_EQ(table("s"), Lines{"(2,b)"});
      EXPECT_EQ(stagings(), Lines{});
      const Lines now = receipt();
      ASSERT_EQ(now.size(), 1U);
      EXPECT_NE(now.front().find(schema_name() + ".s\t1\tt"), std::string::npos) << now.front();
      sql("SET client_min_messages = error; DROP PUBLICATION IF EXISTS " + schema_name() +
          "_p; DROP TABLE s; DROP "
          "FUNCTION IF EXISTS note()");
    }
  }
}

TEST_F(DirectReplaceTest, ATableThatIsDroppedOrReferencedMeanwhile) {
  make_target();
  Status status = replace({row(2, "b")}, [&] { sql("DROP TABLE s"); });
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(table("s"), Lines{"(2,b)"});
  make_target();
  status = replace({row(3, "c")}, [&] { sql("CREATE TABLE child (id bigint REFERENCES s)"); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "REPLACE_REFERENCED");
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
}

TEST_F(DirectReplaceTest, ColumnsThatAreNewComeThroughAStaging) {
  make_target();
  const Schema wider{{{"id", kInt}, {"name", kText}, {"more", kInt}}};
  Status status = replace(replace_context(wider),
                          {make_batch(two_columns(), {row(2, "b")}), make_batch(wider, {Json::array({3, "c", 7})})});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_FALSE(direct_);
  EXPECT_EQ(table("s"), (Lines{"(2,b,)", "(3,c,7)"}));
  // And fewer ones do not need it.
  ASSERT_TRUE(replace({row(4, "d")}).ok());
  EXPECT_TRUE(direct_) << logs_;
  EXPECT_EQ(table("s"), Lines{"(4,d,)"});
}

TEST_F(DirectReplaceTest, MoreRowsThanItHoldsGoTheUsualWayAndAreCountedOnce) {
  for (const char* method : {"copy", "insert"}) {
    SCOPED_TRACE(method);
    make_target();
    Batches batches;
    for (int64_t batch = 0; batch < 12; ++batch) {
      std::vector<Json> rows;
      for (int64_t i = 0; i < 1000; ++i) rows.push_back(row(batch * 1000 + i + 1, "a name of some length"));
      batches.push_back(make_batch(two_columns(), rows));
    }
    more_ = {{"load_method", method}};
    const Status status = replace(replace_context(), batches, [&] {
      EXPECT_EQ(table("s"), Lines{"(1,old)"});
      EXPECT_EQ(stagings().size(), 1U);
    });
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_FALSE(direct_);
    EXPECT_EQ(written_, 12'000U);
    EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id) FROM s"), Lines{"12000\t12000"});
    EXPECT_NE(receipt().front().find("\t12000\tt"), std::string::npos) << receipt().front();
  }
}

TEST_F(DirectReplaceTest, RowsThatAreJudgedOneByOneGoThroughAStaging) {
  make_target();
  const Outcome outcome = load(on_error(replace_context(), "skip"), two_columns(), {row(-1, "x"), row(2, "b")});
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_failed, 1U);
  EXPECT_EQ(outcome.summary.records_written, 1U);
  EXPECT_EQ(table("s"), Lines{"(2,b)"});
}

TEST_F(DirectReplaceTest, TheUserMayHaveEveryReplaceStaged) {
  make_target();
  more_ = {{"small_replace", "staging"}};
  const std::string before = oid();
  ASSERT_TRUE(replace({row(2, "b")}, [&] { EXPECT_EQ(stagings().size(), 1U); }).ok());
  EXPECT_NE(oid(), before) << "the staging took the table's place";
}

// Rows of partitions go to other instances, which know nothing of rows that are held.
TEST_F(DirectReplaceTest, PartitionsArePublishedByWhoHasBegun) {
  make_target();
  FakeHost host;
  Json ctx = replace_context();
  auto whole = open();
  ASSERT_TRUE(whole->begin_stream(sdk::to_text(ctx)).ok());
  for (int64_t i = 0; i < 2; ++i) {
    FakeHost part_host;
    Json part = ctx;
    part["partition"] = {{"index", i}, {"count", 2}};
    push(part_host, part, {make_batch(two_columns(), {row(i + 2, "part")})});
    auto writer = open();
    ASSERT_TRUE(writer->run_write(sdk::to_text(part)).ok());
    ASSERT_TRUE(writer->close().ok());
  }
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
  const Status finished = whole->finish_stream(sdk::to_text(ctx), true);
  ASSERT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("s"), (Lines{"(2,part)", "(3,part)"}));
  EXPECT_TRUE(whole->close().ok());
}

TEST_F(DirectReplaceTest, AReceiptThatAnotherRunHasWrittenIsNotOverwritten) {
  make_target();
  const Status status =
      replace({row(2, "b")}, [&] { sql("UPDATE _rapidbyte_receipts SET load_id = 'of another', rows = 5"); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "RECEIPT_CHANGED");
  EXPECT_TRUE(status.error().safe_to_retry);
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
}

// Every call to the server between the last row and the end fails in turn.
TEST_F(DirectReplaceTest, ALostConnectionLeavesTheOldRowsOrTheNewOnes) {
  const sdk::Error error = sdk::transient_network_error("FAULT", "the call was made to fail").error();
  size_t failures = 0;
  for (const char* function : {"socket-write", "socket-read"}) {
    for (uint64_t nth = 1; nth <= 8; ++nth) {
      SCOPED_TRACE(std::string(function) + " " + std::to_string(nth));
      make_target();
      FakeHost host;
      const Json ctx = replace_context();
      push(host, ctx, {make_batch(two_columns(), {row(2, "new"), row(3, "new")})});
      const std::string text = sdk::to_text(ctx);
      auto destination = open();
      ASSERT_TRUE(destination->begin_stream(text).ok());
      ASSERT_TRUE(destination->run_write(text).ok());
      host.fail_call(function, nth, error);
      const Status finished = destination->finish_stream(text, true);
      (void)destination->close();
      const Lines rows = table("s");
      const Lines now = sql("SELECT load_id = '" + ctx["load_id"].get<std::string>() + "' FROM _rapidbyte_receipts");
      const bool is_new = rows == Lines{"(2,new)", "(3,new)"};
      EXPECT_TRUE(is_new || rows == Lines{"(1,old)"});
      EXPECT_EQ(now, Lines{is_new ? "t" : "f"}) << "rows and receipt are of one transaction";
      if (finished.ok()) {
        EXPECT_TRUE(is_new);
        continue;
      }
      ++failures;
      // The next attempt restarts.
      ASSERT_TRUE(replace({row(9, "again")}).ok());
      EXPECT_EQ(table("s"), Lines{"(9,again)"});
    }
  }
  EXPECT_GE(failures, 4U);
}

// Row locks of others are waited for together with the table's lock, which gives the others their turn and reports who
// is waited for.
TEST_F(DirectReplaceTest, WaitsForWhoHasLockedARow) {
  make_target();
  ASSERT_TRUE(replace({row(1, "old")}).ok());
  FakeHost host;
  auto other = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->exec("BEGIN; SELECT FROM " + schema_name() + ".s FOR UPDATE").ok());
  Status finished;
  std::thread writer([&] { finished = replace({row(2, "new")}); });
  // It holds nothing while it waits: the owner of the row lock can write.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto written = other->exec("SET lock_timeout = '10s'; UPDATE " + schema_name() + ".s SET name = 'mine'");
  EXPECT_TRUE(other->exec("COMMIT").ok());
  writer.join();
  EXPECT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("s"), Lines{"(2,new)"});
}

TEST_F(DirectReplaceTest, FewRoundTrips) {
  make_target();
  FakeHost host;
  const Json ctx = replace_context();
  push(host, ctx, {make_batch(two_columns(), {row(2, "b")})});
  auto destination = open();
  ASSERT_TRUE(destination->begin_stream(sdk::to_text(ctx)).ok());
  ASSERT_TRUE(destination->run_write(sdk::to_text(ctx)).ok());
  const uint64_t begun = host.calls("socket-write");
  ASSERT_TRUE(destination->finish_stream(sdk::to_text(ctx), true).ok());
  // The lock and the looks; COPY with its rows and its end; receipt and commit; the end of the stream.
  EXPECT_LE(host.calls("socket-write") - begun, 6U);
  EXPECT_TRUE(destination->close().ok());
}

// The same for code that somebody attaches to the table while the load is under way.
TEST_F(DirectReplaceTest, CodeThatComesBetweenTwoCommitsLeavesNothingForTheNextStream) {
  sql("CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''rapidbyte.left'', "
      "''here'', false); RETURN NEW; END'; CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name "
      ":= coalesce(current_setting(''rapidbyte.left'', true), ''none''); RETURN NEW; END'; CREATE TABLE c (id bigint, "
      "name text); CREATE TABLE probe (id bigint, name text); CREATE TRIGGER t BEFORE INSERT ON probe FOR EACH ROW "
      "EXECUTE FUNCTION look()");
  ASSERT_EQ(load(context("first", two_columns()), two_columns(), {row(1, "a")}).code(), "ok");
  FakeHost host;
  int taken = 0;
  host.before_call = [&](std::string_view function) {
    if (function != "next-batch" || ++taken != 2) return;
    sql("CREATE TRIGGER t BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION leave()");
  };
  auto destination = open();
  for (const char* stream : {"c", "probe"}) {
    const std::string text = sdk::to_text(context(stream, two_columns()));
    Json marker = {{"stream", stream}, {"load_id", host.load_id}, {"kind", "source"}};
    for (int batches = 1; batches <= 2; ++batches) {
      host.push_batch(make_batch(two_columns(), {row(batches, "a")}));
      marker["batches_covered"] = batches;
      if (batches == 2) marker["end"] = true;
      host.push_raw_marker(marker);
    }
    ASSERT_TRUE(destination->begin_stream(text).ok());
    const Status written = destination->run_write(text).status();
    ASSERT_TRUE(written.ok()) << written.to_string();
    ASSERT_TRUE(destination->finish_stream(text, true).ok());
  }
  EXPECT_EQ(host.calls("connect-tcp"), 1U) << "both streams should have had one session";
  EXPECT_NE(table("probe"), (Lines{"(1,here)", "(2,here)"}));
  EXPECT_EQ(sql("SELECT count(*) FROM c"), Lines{"2"});
  EXPECT_TRUE(destination->close().ok());
}

// What users' code has set in the session while rows were written is gone for the next stream.
TEST_F(DirectReplaceTest, CodeOfUsersLeavesNothingForTheNextStream) {
  const std::string leave =
      "CREATE FUNCTION leave(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM "
      "set_config(''rapidbyte.left'', ''here'', false); RETURN v; END'; CREATE FUNCTION leave(v text, w text) RETURNS "
      "boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM set_config(''rapidbyte.left'', ''here'', false); RETURN "
      "true; END'; CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := "
      "coalesce(current_setting(''rapidbyte.left'', true), ''''); RETURN NEW; END'; CREATE TABLE probe (id bigint, "
      "name "
      "text); CREATE TRIGGER t BEFORE INSERT ON probe FOR EACH ROW EXECUTE FUNCTION look(); ";
  const struct {
    const char* name;
    const char* statements;
  } cases[] = {
      {"default", "CREATE TABLE c (id bigint, name text, d text DEFAULT leave('x'))"},
      {"check", "CREATE TABLE c (id bigint, name text CHECK (leave(name, 'x')))"},
      {"index", "CREATE TABLE c (id bigint, name text); CREATE INDEX ON c (leave(name))"},
      {"predicate", "CREATE TABLE c (id bigint, name text); CREATE INDEX ON c (id) WHERE leave(name, 'x')"},
      {"generated", "CREATE TABLE c (id bigint, name text, g text GENERATED ALWAYS AS (leave(name)) STORED)"},
      {"domain", "CREATE DOMAIN dom AS text CHECK (leave(VALUE, 'x')); CREATE TABLE c (id bigint, name dom)"},
      {"partition",
       "CREATE TABLE c (id bigint, name text) PARTITION BY RANGE ((leave(name))); CREATE TABLE c1 PARTITION OF "
       "c DEFAULT"},
      {"foreign key",
       "CREATE TABLE parent (name text PRIMARY KEY); INSERT INTO parent VALUES ('a'); CREATE TABLE c (id "
       "bigint, name text REFERENCES parent); CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS "
       "'BEGIN PERFORM set_config(''rapidbyte.left'', ''here'', false); RETURN NULL; END'; CREATE CONSTRAINT TRIGGER n "
       "AFTER INSERT ON c "
       "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted()"}};
  // The receipts exist, so these streams create nothing else.
  ASSERT_EQ(load(context("first", two_columns()), two_columns(), {row(1, "a")}).code(), "ok");
  for (const auto& c : cases) {
    for (const char* mode : {"append", "replace"}) {
      SCOPED_TRACE(std::string(c.name) + " " + mode);
      sql(leave + c.statements);
      FakeHost host;
      auto destination = open();
      for (const char* stream : {"c", "probe"}) {
        const Json ctx = context(stream, two_columns(), std::string(stream) == "c" ? mode : "append");
        host.push_batch(make_batch(two_columns(), {row(1, "a")}));
        host.push_raw_marker(
            {{"stream", stream}, {"load_id", host.load_id}, {"kind", "source"}, {"batches_covered", 1}, {"end", true}});
        const std::string text = sdk::to_text(ctx);
        ASSERT_TRUE(destination->begin_stream(text).ok());
        const Status written = destination->run_write(text).status();
        ASSERT_TRUE(written.ok()) << written.to_string();
        ASSERT_TRUE(destination->finish_stream(text, true).ok());
      }
      EXPECT_EQ(host.calls("connect-tcp"), 1U) << "both streams should have had one session";
      ASSERT_TRUE(destination->close().ok());
      EXPECT_EQ(table("probe"), Lines{"(1,\"\")"});
      sql("SET client_min_messages = error; DROP TABLE c, probe; DROP TABLE IF EXISTS parent; DROP DOMAIN IF EXISTS "
          "dom; "
          "DROP FUNCTION leave(text), leave(text, text), look(); DROP FUNCTION IF EXISTS noted()");
    }
  }
}

// A stream without rows still creates its table, which runs event triggers although no row is written.
TEST_F(DirectReplaceTest, WhatAnEventTriggerLeavesIsGoneForTheNextStream) {
  sql("CREATE FUNCTION leave() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''rapidbyte.left'', "
      "''here'', false); END'; CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := "
      "coalesce(current_setting(''rapidbyte.left'', true), ''none''); RETURN NEW; END'; CREATE TABLE probe (id bigint, "
      "name text); CREATE TRIGGER t BEFORE INSERT ON probe FOR EACH ROW EXECUTE FUNCTION look()");
  // The receipts exist, so that the trigger runs for the stream's table alone.
  ASSERT_EQ(load(context("first", two_columns()), two_columns(), {row(1, "a")}).code(), "ok");
  sql("CREATE EVENT TRIGGER leaving ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION leave()");
  FakeHost host;
  auto destination = open();
  std::vector<Status> ended;
  for (const char* stream : {"fresh", "probe"}) {
    const std::string text = sdk::to_text(context(stream, two_columns()));
    const bool has_row = stream == std::string_view("probe");
    if (has_row) host.push_batch(make_batch(two_columns(), {row(1, "a")}));
    host.push_raw_marker({{"stream", stream},
                          {"load_id", host.load_id},
                          {"kind", "source"},
                          {"batches_covered", has_row ? 1 : 0},
                          {"end", true}});
    ended.push_back(destination->begin_stream(text));
    ended.push_back(destination->run_write(text).status());
    ended.push_back(destination->finish_stream(text, true));
  }
  const uint64_t connections = host.calls("connect-tcp");
  EXPECT_TRUE(destination->close().ok());
  sql("DROP EVENT TRIGGER leaving");  // it is the whole database's
  for (const Status& status : ended) EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(connections, 1U) << "both streams should have had one session";
  EXPECT_EQ(sql("SELECT count(*) FROM fresh"), Lines{"0"});
  EXPECT_EQ(table("probe"), Lines{"(1,\"\")"});
}

// A plain table gives no reason to set up the session again; its lock is released all the same.
TEST_F(DirectReplaceTest, APlainStreamGivesUpItsLockAtItsEnd) {
  make_target();
  for (const char* mode : {"append", "replace"}) {
    SCOPED_TRACE(mode);
    FakeHost host;
    Json ctx = context("s", two_columns(), mode);
    ctx["load_id"] = std::string("plain-") + mode;
    push(host, ctx, {make_batch(two_columns(), {row(20 + static_cast<int64_t>(ctx.dump().size()), "b")})});
    auto destination = open();
    ASSERT_TRUE(destination->begin_stream(sdk::to_text(ctx)).ok());
    ASSERT_TRUE(destination->run_write(sdk::to_text(ctx)).ok());
    EXPECT_EQ(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), Lines{"1"});
    ASSERT_TRUE(destination->finish_stream(sdk::to_text(ctx), true).ok());
    for (int i = 0; i < 100 && sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != Lines{"0"}; ++i) {
    }
    EXPECT_EQ(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), Lines{"0"});
    ASSERT_TRUE(destination->close().ok());
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
