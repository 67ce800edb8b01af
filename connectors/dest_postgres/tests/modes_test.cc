// Append, replace and upsert, receipts, and what replace keeps of a table.
#include <atomic>
#include <set>
#include <thread>

#include "postgres/connection.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class ModesTest : public PostgresTest {
 protected:
  Outcome replace(const std::vector<Json>& rows, const Json& more = Json::object()) {
    Json ctx = context("s", two_columns(), "replace");
    ctx["load_id"] = "load-" + std::to_string(++loads_) + "-replace";
    return load(ctx, two_columns(), rows, more);
  }
  std::string oid() { return sql("SELECT 's'::regclass::oid").front(); }

 private:
  int loads_ = 0;
};

TEST_F(ModesTest, AppendAddsRowsAndWritesTheReceipt) {
  const Json ctx = context("s", two_columns());
  const Outcome first = load(ctx, two_columns(), {row(1, "a"), row(2, nullptr)});
  ASSERT_EQ(first.code(), "ok") << first.status.to_string();
  EXPECT_EQ(first.summary.records_written, 2U);
  ASSERT_EQ(load(ctx, two_columns(), {row(3, "c")}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,)", "(3,c)"}));
  EXPECT_EQ(sql("SELECT pipeline, stream, partition, target, load_id, rows, published FROM _rapidbyte_receipts"),
            Lines{"test\ts\t\t" + schema_name() + ".s\tload-1\t3\tf"});
  const auto receipt = sdk::parse_json(first.last_committed);
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(sdk::string_member(*receipt, "load_id"), "load-1");
  EXPECT_EQ(sdk::bool_member(*receipt, "end"), true);
}

TEST_F(ModesTest, TablesAreDurable) {
  ASSERT_EQ(load(context("s", two_columns(), "replace"), two_columns(), {row(1, "a")}).code(), "ok");
  EXPECT_EQ(sql("SELECT relpersistence FROM pg_class WHERE oid IN ('s'::regclass, '_rapidbyte_receipts'::regclass)"),
            (Lines{"p", "p"}));
}

TEST_F(ModesTest, UpsertUpdatesAddsAndLetsTheLastRowOfAKeyWin) {
  for (const char* method : {"copy", "insert"}) {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s");
    const Json ctx = context("s", two_columns(), upsert({"id"}));
    const Json more = {{"load_method", method}};
    const Batches batches = {make_batch(two_columns(), {row(1, "a"), row(2, "b"), row(1, "c")}),
                             make_batch(two_columns(), {row(3, "d"), row(2, "e")})};
    const Outcome outcome = load(ctx, batches, more);
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(outcome.summary.records_written, 5U);
    EXPECT_EQ(table("s"), (Lines{"(1,c)", "(2,e)", "(3,d)"}));
    EXPECT_EQ(sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's'::regclass"),
              Lines{"PRIMARY KEY (id)"});
    ASSERT_EQ(load(ctx, two_columns(), {row(3, nullptr), row(4, "f")}, more).code(), "ok");
    EXPECT_EQ(table("s"), (Lines{"(1,c)", "(2,e)", "(3,)", "(4,f)"}));
  }
}

TEST_F(ModesTest, UpsertDoesNotWriteWhatIsThereAlready) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, j json, n numeric, other text DEFAULT 'kept')");
  const Schema schema{{{"id", kInt}, {"j", kText}, {"n", kText, true, "postgresql:numeric"}}};
  const std::vector<Json> rows = {Json::array({1, "{}", "1.0"}), Json::array({2, nullptr, nullptr})};
  ASSERT_EQ(load(context("s", schema, upsert({"id"})), schema, rows).code(), "ok");
  const Lines before = sql("SELECT ctid FROM s ORDER BY id");
  ASSERT_EQ(load(context("s", schema, upsert({"id"})), schema, rows).code(), "ok");
  EXPECT_EQ(sql("SELECT ctid FROM s ORDER BY id"), before);
  // 1.00 is equal to 1.0 but not the same.
  ASSERT_EQ(load(context("s", schema, upsert({"id"})), schema, {Json::array({1, "{}", "1.00"})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,{},1.00,kept)", "(2,,,kept)"}));
}

TEST_F(ModesTest, UpsertNeedsAUniqueKey) {
  EXPECT_EQ(load(context("s", two_columns(), upsert({"nope"})), two_columns(), {row(1, "a")}).code(),
            "PRIMARY_KEY_MISSING");
  sql("CREATE TABLE s (id bigint, name text); CREATE UNIQUE INDEX ON s (id) WHERE id > 0;"
      "CREATE UNIQUE INDEX ON s (id, name)");
  const Outcome outcome = load(context("s", two_columns(), upsert({"id"})), two_columns(), {row(1, "a")});
  EXPECT_EQ(outcome.code(), "UPSERT_KEY_NOT_UNIQUE");
  EXPECT_NE(outcome.message().find("CREATE UNIQUE INDEX ON \"" + schema_name() + "\".\"s\" (\"id\")"),
            std::string::npos);
  ASSERT_EQ(load(context("s", two_columns(), upsert({"name", "id"})), two_columns(), {row(1, "a")}).code(), "ok");
  EXPECT_EQ(load(context("s", two_columns(), upsert({"name", "id"})), two_columns(), {row(1, nullptr)}).code(),
            "ROW_REFUSED");
  const Schema only_key{{{"id", kInt}, {"name", kText}}};
  ASSERT_EQ(load(context("s", only_key, upsert({"id", "name"})), only_key, {row(1, "a"), row(2, "b")}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,b)"}));
}

TEST_F(ModesTest, AKeyOfSeveralColumnsIsFoundUnderAnyCollation) {
  const std::string database = schema_name() + "_icu";
  PostgresServer::shared().sql("CREATE DATABASE " + database +
                               " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'");
  PostgresServer::shared().sql(
      "CREATE TABLE s (\"UserId\" bigint, orderid bigint, order_id bigint, PRIMARY KEY "
      "(orderid, order_id, \"UserId\"))",
      database);
  const Schema schema{{{"UserId", kInt}, {"orderid", kInt}, {"order_id", kInt}}};
  const Outcome outcome = load(context("s", schema, upsert({"UserId", "orderid", "order_id"})), schema,
                               {Json::array({1, 2, 3})}, {{"database", database}, {"schema", "public"}});
  EXPECT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  PostgresServer::shared().sql("DROP DATABASE " + database + " WITH (FORCE)");
}

TEST_F(ModesTest, SettingsOfTheRoleDoNotBreakALoad) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text, probe text); CREATE FUNCTION look() RETURNS trigger LANGUAGE "
      "plpgsql AS $$ BEGIN NEW.probe := concat_ws(' ', current_setting('client_connection_check_interval'), "
      "current_setting('tcp_keepalives_idle'), current_setting('xmloption'), "
      "current_setting('transaction_isolation')); RETURN NEW; END $$; "
      "CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION look()");
  const std::string database(PostgresServer::kDatabase);
  sql("ALTER DATABASE " + database + " SET idle_session_timeout = '100ms'; ALTER DATABASE " + database +
      " SET xmloption = document; ALTER DATABASE " + database +
      " SET default_transaction_isolation = 'repeatable read'");
  FakeHost host;
  const Json ctx = context("s", two_columns());
  push(host, ctx, {make_batch(two_columns(), {row(1, "a")})});
  const std::string text = sdk::to_text(ctx);
  auto destination = open();
  const Status begun = destination->begin_stream(text);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Status written = destination->run_write(text).status();
  EXPECT_TRUE(destination->close().ok());
  PostgresServer::shared().sql("ALTER DATABASE " + database + " RESET ALL", "postgres");
  EXPECT_TRUE(begun.ok()) << begun.to_string();
  EXPECT_TRUE(written.ok()) << written.to_string();
  // Over TCP the server shows what it really has.
  EXPECT_EQ(sql("SELECT probe FROM s"), Lines{"2s 15 content read committed"});
}

// A commit or a publish that takes long is waited for, unless the user sets a limit; then nothing hangs for longer.
TEST_F(ModesTest, ALimitOnSilenceThatTheUserSetsCountsWhereTheServerWorks) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END'; CREATE TRIGGER t AFTER INSERT ON s FOR EACH STATEMENT EXECUTE "
      "FUNCTION slow(); CREATE CONSTRAINT TRIGGER c AFTER INSERT ON s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
      "EXECUTE "
      "FUNCTION slow()");
  const Json impatient = {{"read_timeout_seconds", 1}};
  for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
    const Outcome outcome =
        load(context("s", two_columns(), mode), two_columns(), {row(mode.dump().size(), "a")}, impatient);
    EXPECT_EQ(outcome.code(), "SOCKET_TIMEOUT") << mode.dump() << outcome.status.to_string();
    const Outcome patient = load(context("s", two_columns(), mode), two_columns(), {row(mode.dump().size(), "a")});
    EXPECT_EQ(patient.code(), "ok") << mode.dump() << patient.status.to_string();
  }
}

TEST_F(ModesTest, ASchemaThatSomebodyElseIsJustMakingIsNoError) {
  const std::string made = schema_name() + "_made";
  FakeHost host;
  std::thread maker([&] {
    sql("BEGIN; CREATE SCHEMA " + made +
        "; DO $$ BEGIN FOR i IN 1..200 LOOP PERFORM pg_sleep(0.02); EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT "
        "granted); END LOOP; END $$; COMMIT");
  });
  auto watch = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(watch.ok());
  while (watch->query("SELECT FROM pg_stat_activity WHERE query LIKE 'DO %NOT granted%'")->rows.empty()) {
  }
  const Json ctx = context("s", two_columns());
  push(host, ctx, {make_batch(two_columns(), {row(1, "a")})});
  auto destination = open({{"schema", made}});
  const Status begun = destination->begin_stream(sdk::to_text(ctx));
  maker.join();
  EXPECT_TRUE(begun.ok()) << begun.to_string();
  EXPECT_TRUE(destination->run_write(sdk::to_text(ctx)).ok());
  EXPECT_EQ(sql("SELECT count(*) FROM " + made + ".s"), Lines{"1"});
  sql("SET client_min_messages = error; DROP SCHEMA " + made + " CASCADE");
}

TEST_F(ModesTest, ATableOfAPublicationOfEverythingStaysWhatItIs) {
  for (const std::string& what : {std::string("ALL TABLES"), "TABLES IN SCHEMA " + schema_name()}) {
    SCOPED_TRACE(what);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, name text); "
        "CREATE PUBLICATION everything FOR " +
        what);
    const std::string before = oid();
    EXPECT_EQ(replace({row(1, "a")}).code(), "ok");
    EXPECT_EQ(oid(), before);
    sql("DROP PUBLICATION everything");
  }
}

// Over a network each costs more than a small load itself.
TEST_F(ModesTest, OneRowTakesFewRoundTrips) {
  const Json ctx = context("s", two_columns());
  ASSERT_EQ(load(ctx, two_columns(), {row(1, "a")}).code(), "ok");
  FakeHost host;
  push(host, ctx, {make_batch(two_columns(), {row(2, "b")})});
  int64_t writes = 0;
  auto destination = open();
  host.before_call = [&](std::string_view function) { writes += function == "socket-write" ? 1 : 0; };
  const std::string text = sdk::to_text(ctx);
  ASSERT_TRUE(destination->begin_stream(text).ok());
  ASSERT_TRUE(destination->run_write(text).ok());
  ASSERT_TRUE(destination->finish_stream(text, true).ok());
  EXPECT_LE(writes, 13) << "statements of the load, its two commits included";
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,b)"}));
}

TEST_F(ModesTest, ReplaceMakesTheTableAndPutsNewRowsInItsPlace) {
  ASSERT_EQ(replace({row(1, "a")}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(1,a)"});
  ASSERT_EQ(replace({row(2, "b"), row(3, "c")}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(2,b)", "(3,c)"}));
  ASSERT_EQ(load(context("s", two_columns(), "replace"), Batches{}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{});
  EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relname LIKE '_rapidbyte_staging%'"), Lines{"0"});
  EXPECT_EQ(sql("SELECT published FROM _rapidbyte_receipts"), Lines{"t"});
}

TEST_F(ModesTest, AFailedReplaceLeavesTheOldTable) {
  sql("CREATE TABLE s (id bigint CHECK (id > 0), name text); INSERT INTO s VALUES (1, 'old')");
  EXPECT_EQ(replace({row(2, "b"), row(-3, "c")}).code(), "ROW_REFUSED");
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
  EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relname LIKE '_rapidbyte_staging%'"), Lines{"0"});
}

TEST_F(ModesTest, ReplaceOfAPlainTableKeepsItsDefinitionAndWritesTheRowsOnce) {
  sql("CREATE TABLE s (id bigint CONSTRAINT my_key PRIMARY KEY, name text NOT NULL DEFAULT 'x' CHECK (name <> ''), "
      "twice bigint GENERATED ALWAYS AS (id * 2) STORED); CREATE INDEX my_index ON s (lower(name)); "
      "CREATE UNIQUE INDEX another ON s (name DESC) WHERE id > 5; COMMENT ON TABLE s IS 'it''s mine'; "
      "COMMENT ON COLUMN s.id IS 'the id'; INSERT INTO s VALUES (1, 'old'); GRANT SELECT, UPDATE ON s TO PUBLIC; "
      "GRANT DELETE ON s TO pg_monitor WITH GRANT OPTION; REVOKE TRIGGER ON s FROM CURRENT_USER");
  const std::string definition =
      "SELECT string_agg(pg_get_indexdef(indexrelid), ';' ORDER BY indexrelid::regclass::text) FROM pg_index "
      "WHERE indrelid = 's'::regclass UNION ALL SELECT string_agg(conname || pg_get_constraintdef(oid), ';' ORDER BY "
      "conname) FROM pg_constraint WHERE conrelid = 's'::regclass UNION ALL SELECT obj_description('s'::regclass) "
      "UNION ALL SELECT col_description('s'::regclass, 1) UNION ALL SELECT string_agg(a::text, ';' ORDER BY a::text) "
      "FROM pg_class, unnest(relacl) a WHERE oid = 's'::regclass";
  const Lines before = sql(definition);
  const std::string old = oid();
  const Json staged = {{"small_replace", "staging"}};
  const Outcome outcome = replace({row(2, "b")}, staged);
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(table("s"), Lines{"(2,b,4)"});
  EXPECT_EQ(sql(definition), before);
  EXPECT_NE(oid(), old) << "the staging should have taken the table's place";
  // And once more, from the table that was a staging.
  ASSERT_EQ(replace({row(3, "c")}, staged).code(), "ok");
  EXPECT_EQ(sql(definition), before);
}

TEST_F(ModesTest, ReplaceKeepsEverythingThatHangsOnATable) {
  sql("CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent VALUES (1), (2), (7);"
      "CREATE TABLE log (what text);"
      "CREATE TABLE s (n int GENERATED BY DEFAULT AS IDENTITY, k serial, id bigint PRIMARY KEY REFERENCES parent, name "
      "text) WITH (fillfactor = 70);"
      "INSERT INTO s (id, name) VALUES (1, 'old');"
      "CREATE VIEW v AS SELECT id, name FROM s; CREATE MATERIALIZED VIEW m AS SELECT * FROM s;"
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
      "'BEGIN INSERT INTO log VALUES (TG_OP); RETURN NEW; END';"
      "CREATE TRIGGER t AFTER INSERT ON s FOR EACH STATEMENT EXECUTE FUNCTION note();"
      "CREATE POLICY p ON s USING (id > 0); GRANT SELECT ON s TO PUBLIC; CREATE PUBLICATION " +
      schema_name() + "_pub FOR TABLE s; CREATE STATISTICS st ON id, name FROM s; COMMENT ON TABLE s IS 'mine'");
  const std::string old = oid();
  const Outcome outcome = replace({row(2, "b"), row(7, "c")});
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(sql("SELECT n, k, id, name FROM s ORDER BY id"), (Lines{"2\t2\t2\tb", "3\t3\t7\tc"}));
  EXPECT_EQ(sql("SELECT * FROM v ORDER BY 1"), (Lines{"2\tb", "7\tc"}));
  EXPECT_EQ(sql("SELECT what FROM log"), Lines{"INSERT"});
  EXPECT_EQ(oid(), old);
  EXPECT_EQ(sql("SELECT (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid), relacl IS NOT NULL, reloptions, "
                "(SELECT count(*) FROM pg_publication_rel WHERE prrelid = c.oid), obj_description(c.oid) "
                "FROM pg_class c WHERE oid = 's'::regclass"),
            Lines{"1\tt\t{fillfactor=70}\t1\tmine"});
  // What only the target knows is checked when its rows are exchanged; the old ones stay then.
  EXPECT_EQ(replace({row(3, "no parent")}).code(), "ROW_REFUSED");
  EXPECT_EQ(sql("SELECT id FROM s ORDER BY id"), (Lines{"2", "7"}));
  const Json ctx = on_error(context("s", two_columns(), "replace"), "skip");
  const Outcome skipped = load(ctx, two_columns(), {row(3, "no parent"), row(1, "d")});
  ASSERT_EQ(skipped.code(), "ok") << skipped.status.to_string();
  EXPECT_EQ(skipped.summary.records_failed, 1U);
  EXPECT_EQ(sql("SELECT id, name FROM s"), Lines{"1\td"});
  // It belongs to the database, and would keep other tests' tables from being replaced in place.
  sql("DROP PUBLICATION " + schema_name() + "_pub");
}

TEST_F(ModesTest, ReplaceOfAReferencedTableIsRefused) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE TABLE child (id bigint REFERENCES s ON DELETE "
      "CASCADE)");
  const Outcome outcome = replace({row(1, "a")});
  EXPECT_EQ(outcome.code(), "REPLACE_REFERENCED");
  EXPECT_NE(outcome.message().find("child"), std::string::npos);
}

TEST_F(ModesTest, ReplaceAddsColumnsAndFillsPartitions) {
  sql("CREATE TABLE s (id bigint, name text) PARTITION BY RANGE (id); CREATE TABLE s_low PARTITION OF s FOR VALUES "
      "FROM (0) TO (10); CREATE TABLE s_high PARTITION OF s DEFAULT; INSERT INTO s VALUES (1, 'old'), (11, 'old')");
  const Schema schema{{{"id", kInt}, {"name", kText}, {"more", kInt}}};
  const Outcome outcome =
      load(context("s", schema, "replace"), schema, {Json::array({2, "b", 5}), Json::array({12, "c", 6})});
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(table("s"), (Lines{"(12,c,6)", "(2,b,5)"}));
  EXPECT_EQ(sql("SELECT count(*) FROM s_low"), Lines{"1"});
}

TEST_F(ModesTest, DuplicateKeysInAReplaceAreRefused) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); INSERT INTO s VALUES (1, 'old')");
  const Outcome outcome = replace({row(2, "b"), row(3, "c"), row(2, "d")});
  EXPECT_EQ(outcome.code(), "ROW_REFUSED");
  EXPECT_NE(outcome.message().find("row 3"), std::string::npos) << outcome.message();
  EXPECT_NE(outcome.message().find("(id)=(2)"), std::string::npos) << outcome.message();
  EXPECT_EQ(table("s"), Lines{"(1,old)"});
}

TEST_F(ModesTest, FinishingTwicePublishesOnce) {
  const std::string text = sdk::to_text(context("s", two_columns(), "replace"));
  FakeHost host;
  push(host, context("s", two_columns(), "replace"), {make_batch(two_columns(), {row(1, "a")})});
  auto destination = open();
  ASSERT_TRUE(destination->begin_stream(text).ok());
  ASSERT_TRUE(destination->run_write(text).ok());
  ASSERT_TRUE(destination->finish_stream(text, true).ok());
  sql("INSERT INTO s VALUES (9, 'by hand')");
  auto again = open();
  ASSERT_TRUE(destination->close().ok());
  const Status finished = again->finish_stream(text, true);
  EXPECT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(9,\"by hand\")"}));
  Json other = context("s", two_columns(), "replace");
  other["load_id"] = "another";
  EXPECT_EQ(again->finish_stream(sdk::to_text(other), true).error().code, "LOAD_UNKNOWN");
}

TEST_F(ModesTest, ReadersSeeTheOldRowsOrTheNewOnesAndNeverNone) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < 20'000; ++i) rows.push_back(row(i, "name"));
  const auto batch = make_batch(two_columns(), rows);
  for (const char* what : {"a plain table", "a table with a view"}) {
    SCOPED_TRACE(what);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s CASCADE; CREATE TABLE s (id bigint PRIMARY KEY, name "
        "text); INSERT INTO s SELECT i, 'old' FROM generate_series(1, 10000) i");
    if (std::string(what) != "a plain table") sql("CREATE VIEW v AS SELECT * FROM s");
    std::atomic<bool> done = false;
    std::set<std::string> seen;
    std::string error;
    std::thread reader([&] {
      FakeHost host;
      auto connection = postgres::Connection::connect(PostgresServer::shared().options());
      while (connection.ok() && !done) {
        const auto count = connection->query("SELECT count(*) FROM " + schema_name() + ".s");
        if (!count.ok()) error = count.error().message;
        if (count.ok()) seen.insert(count->rows[0][0].value_or(""));
      }
    });
    Json ctx = context("s", two_columns(), "replace");
    const Outcome outcome = load(ctx, Batches{batch});
    done = true;
    reader.join();
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(error, "");
    EXPECT_EQ(seen.count("10000"), 1U);
    seen.erase("10000");
    seen.erase("20000");
    EXPECT_TRUE(seen.empty()) << *seen.begin() << " rows were seen";
    EXPECT_EQ(sql("SELECT count(*) FROM s"), Lines{"20000"});
  }
}

TEST_F(ModesTest, AReplaceBehindASlowReaderLetsOthersRead) {
  ASSERT_EQ(replace({row(1, "a")}).code(), "ok");
  FakeHost host;
  auto slow = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(slow.ok());
  ASSERT_TRUE(slow->exec("BEGIN; SELECT count(*) FROM " + schema_name() + ".s").ok());
  Status finished;
  // Only the exchange of whole tables locks readers out.
  const Json staged = {{"small_replace", "staging"}};
  std::thread writer([&] { finished = replace({row(2, "b")}, staged).status; });
  auto other = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(other.ok());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (other->query("SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")->rows.empty() &&
         std::chrono::steady_clock::now() < give_up) {
  }
  EXPECT_LT(std::chrono::steady_clock::now(), give_up) << "the replace did not wait for the reader";
  const auto read = other->query("SET lock_timeout = '6s'; SELECT name FROM " + schema_name() + ".s");
  ASSERT_TRUE(slow->exec("COMMIT").ok());
  writer.join();
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->rows[0][0], "a");
  EXPECT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("s"), Lines{"(2,b)"});
}

TEST_F(ModesTest, AnAbandonedStagingGoesWithTheNextLoad) {
  FakeHost host;
  auto first = open({{"small_replace", "staging"}});
  const Json replace_ctx = context("s", two_columns(), "replace");
  push(host, replace_ctx, {make_batch(two_columns(), {row(1, "a")})});
  ASSERT_TRUE(first->begin_stream(sdk::to_text(replace_ctx)).ok());
  ASSERT_TRUE(first->run_write(sdk::to_text(replace_ctx)).ok());
  ASSERT_TRUE(first->close().ok());
  EXPECT_EQ(sql("SELECT count(*) FROM _rapidbyte_staging_s"), Lines{"1"});
  Json ctx = context("s", two_columns());
  ctx["load_id"] = "load-2";
  ASSERT_EQ(load(ctx, two_columns(), {row(2, "b")}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(2,b)"});
  EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relname = '_rapidbyte_staging_s'"), Lines{"0"});
}

TEST_F(ModesTest, AUserWithFewRightsIsToldWhatIsMissing) {
  const std::string role = schema_name() + "_role";
  sql("CREATE ROLE " + role + " LOGIN PASSWORD 'few'; CREATE TABLE s (id bigint PRIMARY KEY, name text)");
  const Json limited = {{"user", role}, {"password", "few"}};
  const Json ctx = context("s", two_columns());
  const auto code = [&] {
    const Outcome outcome = load(ctx, two_columns(), {row(1, "a")}, limited);
    EXPECT_TRUE(outcome.status.ok() || outcome.status.error().category == sdk::ErrorCategory::kPermission)
        << outcome.status.to_string();
    return outcome.code();
  };
  EXPECT_EQ(code(), "PERMISSION_DENIED");
  {
    FakeHost host;
    const auto validation = open(limited)->validate();
    ASSERT_TRUE(validation.ok()) << validation.status().to_string();
    EXPECT_EQ(validation->kind, sdk::Validation::Kind::kWarning) << validation->message;
  }
  sql("GRANT USAGE, CREATE ON SCHEMA " + schema_name() + " TO " + role);
  EXPECT_EQ(code(), "PERMISSION_DENIED") << "the table is another user's";
  sql("GRANT INSERT, SELECT ON s TO " + role);
  EXPECT_EQ(code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(1,a)"});
  sql("SET client_min_messages = error; DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(ModesTest, AReceiptDoesNotSpeakForAnotherTable) {
  const Json ctx = context("s", two_columns());
  ASSERT_EQ(load(ctx, two_columns(), {row(1, "a")}).code(), "ok");
  FakeHost host;
  auto destination = open();
  const auto committed = [&](auto& from, const Json& context) {
    const auto answer = from->last_committed(sdk::to_text(context));
    return answer.ok() ? answer->value_or("") : answer.status().to_string();
  };
  EXPECT_NE(committed(destination, ctx).find("load-1"), std::string::npos);
  EXPECT_EQ(committed(destination, context("s", two_columns(), "replace")), sdk::kTargetAbsent) << "no staging table";
  // No receipt where it is looked for, but the table: its rows may be those of the load.
  auto moved = open({{"receipts_schema", schema_name() + "_receipts"}});
  EXPECT_EQ(committed(moved, ctx), "");
  sql("CREATE TABLE other_s (id bigint, name text)");
  auto prefixed = open({{"table_prefix", "other_"}});
  EXPECT_EQ(committed(prefixed, ctx), "");
  sql("DROP TABLE s");
  EXPECT_EQ(committed(destination, ctx), sdk::kTargetAbsent);
  EXPECT_EQ(committed(moved, ctx), sdk::kTargetAbsent);
  auto nowhere = open({{"schema", schema_name() + "_nowhere"}});
  EXPECT_EQ(committed(nowhere, ctx), sdk::kTargetAbsent);
}

TEST_F(ModesTest, TwoLoadsOfOneTableDoNotMeet) {
  FakeHost host;
  auto first = open();
  ASSERT_TRUE(first->begin_stream(sdk::to_text(context("s", two_columns(), "replace"))).ok());
  Json other = context("s", two_columns(), "replace");
  other["pipeline"] = "another";
  auto second = open();
  const Status busy = second->begin_stream(sdk::to_text(other));
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().code, "TARGET_BUSY");
  EXPECT_TRUE(busy.error().retryable);
  ASSERT_TRUE(first->close().ok());
  EXPECT_TRUE(second->begin_stream(sdk::to_text(other)).ok());
  // Appends are compatible with each other.
  auto third = open();
  auto fourth = open();
  EXPECT_TRUE(third->begin_stream(sdk::to_text(context("a", two_columns()))).ok());
  EXPECT_TRUE(fourth->begin_stream(sdk::to_text(context("a", two_columns()))).ok());
}

TEST_F(ModesTest, ValidateSaysWhichRightsAreMissing) {
  using Kind = sdk::Validation::Kind;
  const std::string role = schema_name() + "_role";
  const std::string receipts = schema_name() + "_receipts";
  const std::string database(PostgresServer::kDatabase);
  sql("CREATE ROLE " + role + " LOGIN PASSWORD 'few'; CREATE SCHEMA " + receipts + "; GRANT USAGE, CREATE ON SCHEMA " +
      schema_name() + " TO " + role);
  Json config = {{"user", role}, {"password", "few"}};
  const auto expect = [&](Kind kind, const std::string& part) {
    FakeHost host;
    const auto validation = open(config)->validate();
    ASSERT_TRUE(validation.ok()) << validation.status().to_string();
    EXPECT_EQ(validation->kind, kind) << validation->message;
    EXPECT_NE(validation->message.find(part), std::string::npos) << validation->message;
  };
  expect(Kind::kSuccess, ", schema " + schema_name());
  sql("REVOKE TEMPORARY ON DATABASE " + database + " FROM PUBLIC");
  expect(Kind::kWarning, "write_mode upsert needs. Run: GRANT TEMPORARY ON DATABASE \"" + database + "\" TO \"" + role);
  const Json ctx = context("s", two_columns(), upsert({"id"}));
  EXPECT_EQ(load(ctx, two_columns(), {row(1, "a")}, config).code(), "PERMISSION_DENIED") << "check was right";
  config["load_method"] = "insert";
  expect(Kind::kSuccess, "");
  EXPECT_EQ(load(ctx, two_columns(), {row(1, "a")}, config).code(), "ok");
  sql("GRANT TEMPORARY ON DATABASE " + database + " TO PUBLIC");

  config["receipts_schema"] = receipts;
  expect(Kind::kFailed, "receipts in schema " + receipts + ". Run: GRANT USAGE, CREATE ON SCHEMA \"" + receipts);
  config["receipts_schema"] = receipts + "2";
  expect(Kind::kFailed, "schema " + receipts + "2 is not there, and this user may not create it");
  sql("CREATE TABLE " + receipts + "._rapidbyte_receipts (id int); GRANT USAGE ON SCHEMA " + receipts + " TO " + role);
  config["receipts_schema"] = receipts;
  expect(Kind::kFailed, "GRANT SELECT, INSERT, UPDATE, DELETE ON \"" + receipts + "\".\"_rapidbyte_receipts\"");
  sql("GRANT SELECT, INSERT, UPDATE ON " + receipts + "._rapidbyte_receipts TO " + role);
  expect(Kind::kFailed, "GRANT SELECT, INSERT, UPDATE, DELETE ON");
  sql("GRANT DELETE ON " + receipts + "._rapidbyte_receipts TO " + role);
  expect(Kind::kSuccess, "");
  sql("REVOKE CREATE ON SCHEMA " + schema_name() + " FROM " + role);
  expect(Kind::kWarning, "may not create tables in schema " + schema_name());

  sql("ALTER ROLE " + role + " SET default_transaction_read_only = on");
  expect(Kind::kFailed, "READ_ONLY: ");
  sql("SET client_min_messages = error; DROP SCHEMA " + receipts + " CASCADE; DROP OWNED BY " + role + "; DROP ROLE " +
      role);
}

TEST_F(ModesTest, ValidateSaysWhatWorks) {
  FakeHost host;
  const auto fine = open()->validate();
  ASSERT_TRUE(fine.ok());
  EXPECT_EQ(fine->kind, sdk::Validation::Kind::kSuccess) << fine->message;
  EXPECT_NE(fine->message.find("PostgreSQL 15"), std::string::npos) << fine->message;
  const auto wrong = open({{"password", "not this"}})->validate();
  ASSERT_TRUE(wrong.ok());
  EXPECT_EQ(wrong->kind, sdk::Validation::Kind::kFailed);
  EXPECT_EQ(wrong->message.find("not this"), std::string::npos);
  const auto absent = open({{"schema", "nowhere"}})->validate();
  EXPECT_EQ(absent->message.find("will create schema nowhere") != std::string::npos, true) << absent->message;
  EXPECT_EQ(sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'nowhere'"), Lines{"0"});
}

// A statement costs the server a start and an end, and a COPY writes pages together only within itself.
TEST_F(ModesTest, ThereIsOneCopyPerCommitHoweverManyBatches) {
  Batches batches;
  for (int64_t i = 0; i < 5; ++i) batches.push_back(make_batch(two_columns(), {row(i, "x")}));
  for (const auto& [commits, copies] : {std::pair(Commits::kAtTheEnd, "1"), std::pair(Commits::kAfterEachBatch, "5")}) {
    sql("DROP TABLE IF EXISTS c, copies; CREATE TABLE c (id bigint, name text); CREATE TABLE copies (n int);"
        "CREATE OR REPLACE FUNCTION note_copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " +
        schema_name() +
        ".copies VALUES (1); RETURN NULL; END $$;"
        "CREATE TRIGGER t AFTER INSERT ON c FOR EACH STATEMENT EXECUTE FUNCTION note_copy()");
    const Outcome outcome = load(context("c", two_columns()), batches, Json::object(), commits);
    ASSERT_EQ(outcome.code(), "ok") << outcome.message();
    EXPECT_EQ(sql("SELECT count(*) FROM c"), Lines{"5"});
    EXPECT_EQ(sql("SELECT count(*) FROM copies"), Lines{copies});
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
