// How a replace takes the target's place: what is kept of a target that changes while the load runs, the wait for
// readers, and rows that only the target refuses.
#include <algorithm>
#include <chrono>

#include "postgres/connection.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class PublishTest : public PostgresTest {
 protected:
  /// A replace, with statements of somebody else between its last row and its publishing.
  Status replace_while(const std::string& statements, const Schema& schema, const std::vector<Json>& rows,
                       const Json& more = Json::object()) {
    FakeHost host;
    Json ctx = context("s", schema, "replace");
    ctx["load_id"] = "load-" + std::to_string(++loads_) + "-replace";
    push(host, ctx, {make_batch(schema, rows)});
    const std::string text = sdk::to_text(ctx);
    // What is published here is a staging; direct_replace_test.cc has loads that need none.
    Json staged = {{"small_replace", "staging"}};
    staged.update(more);
    auto destination = open(staged);
    Status status = destination->begin_stream(text);
    if (status.ok()) status = destination->run_write(text).status();
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!statements.empty()) sql(statements);
    const Status finished = destination->finish_stream(text, true);
    if (!finished.ok()) {
      EXPECT_TRUE(destination->finish_stream(text, false).ok());
    }
    logs_ = host.logs();
    EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_rapidbyte\\_staging%' AND "
                  "relnamespace = '" +
                  schema_name() + "'::regnamespace"),
              Lines{"0"});
    return finished;
  }
  std::string oid() { return sql("SELECT 's'::regclass::oid").front(); }
  /// All that makes up the table except for its rows.
  Lines definition() {
    return sql(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attstorage, attcompression, pg_get_expr(adbin, "
        "adrelid), col_description(attrelid, attnum) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND "
        "adnum = attnum WHERE attrelid = 's'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum; "
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's'::regclass ORDER BY conname; "
        "SELECT pg_get_indexdef(indexrelid), obj_description(indexrelid) FROM pg_index WHERE indrelid = 's'::regclass "
        "ORDER BY 1; SELECT obj_description('s'::regclass)");
  }
  size_t warnings(const std::string& part) const {
    return static_cast<size_t>(std::count_if(logs_.begin(), logs_.end(), [&](const auto& line) {
      return line.level == sdk::host::LogLevel::kWarn && line.message.find(part) != std::string::npos;
    }));
  }

 private:
  int loads_ = 0;
  std::vector<sdk::testing::LogLine> logs_;
};

TEST_F(PublishTest, WhatIsMadeOnTheTargetWhileTheLoadRunsStays) {
  const struct {
    const char* change;
    const char* stored;
  } cases[] = {
      {"ALTER TABLE s ADD COLUMN note text DEFAULT 'x', ADD CHECK (id > 0)", "(2,b,x)"},
      {"ALTER TABLE s ADD CHECK (id > 0)", "(2,b)"},
      {"ALTER TABLE s ADD CONSTRAINT u UNIQUE (name)", "(2,b)"},
      {"ALTER TABLE s ALTER name SET DEFAULT 'd'", "(2,b)"},
      {"ALTER TABLE s ALTER name SET NOT NULL", "(2,b)"},
      {"ALTER TABLE s ALTER name SET STORAGE EXTERNAL", "(2,b)"},
      {"ALTER TABLE s ALTER name SET COMPRESSION pglz", "(2,b)"},
      {"COMMENT ON COLUMN s.name IS 'a name'", "(2,b)"},
      {"CREATE INDEX later ON s (name)", "(2,b)"},
      {"COMMENT ON INDEX my_key IS 'mine'", "(2,b)"},
      {"ALTER INDEX my_key RENAME TO your_key", "(2,b)"},
      {"DROP INDEX i", "(2,b)"},
      {"ALTER TABLE s DROP CONSTRAINT short", "(2,b)"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.change);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint CONSTRAINT my_key PRIMARY "
        "KEY, name text CONSTRAINT short CHECK (length(name) < 9)); CREATE INDEX i ON s (lower(name)); INSERT INTO s "
        "VALUES (1, 'old')");
    const std::string old = oid();
    const Status status = replace_while(c.change, two_columns(), {row(2, "b")});
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(table("s"), Lines{c.stored});
    EXPECT_EQ(oid(), old) << "another table would be without the change";
    // The same by hand.
    const Lines kept = definition();
    sql("DROP TABLE s; CREATE TABLE s (id bigint CONSTRAINT my_key PRIMARY KEY, name text CONSTRAINT short CHECK "
        "(length(name) < 9)); CREATE INDEX i ON s (lower(name))");
    sql(c.change);
    EXPECT_EQ(kept, definition());
  }
}

// What is not part of the table and refers to it by its OID.
TEST_F(PublishTest, WhatComesToHoldOnToTheTableWhileTheLoadRunsKeepsIt) {
  const struct {
    const char* change;
    std::string check;
  } cases[] = {
      {"CREATE TABLE audit (r regclass); INSERT INTO audit VALUES ('s')", "SELECT r FROM audit"},
      // What CREATE SUBSCRIPTION writes when it reaches a publisher.
      {"SET allow_system_table_mods = on; INSERT INTO pg_subscription_rel VALUES (1, 's'::regclass, 'r', NULL)",
       "SELECT srrelid::regclass FROM pg_subscription_rel WHERE srsubid = 1"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.change);
    sql("CREATE TABLE s (id bigint, name text)");
    const std::string old = oid();
    EXPECT_TRUE(replace_while(c.change, two_columns(), {row(2, "b")}).ok());
    EXPECT_EQ(table("s"), Lines{"(2,b)"});
    EXPECT_EQ(sql(c.check), Lines{"s"});
    EXPECT_EQ(oid(), old);
    sql("SET client_min_messages = error; SET allow_system_table_mods = on; DELETE FROM pg_subscription_rel WHERE "
        "srsubid = 1; DROP TABLE s; DROP TABLE IF EXISTS audit");
  }
}

TEST_F(PublishTest, ATableThatNobodyChangesIsSwappedAndKeepsNothingOfOurs) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text DEFAULT 'd' CHECK (name <> ''))");
  const Lines before = definition();
  const std::string old = oid();
  const Schema wider{{{"id", kInt}, {"name", kText}, {"more", kInt}}};
  ASSERT_TRUE(replace_while("", two_columns(), {row(2, "b")}).ok());
  EXPECT_NE(oid(), old);
  EXPECT_EQ(definition(), before);
  // A column that the load itself adds is no change by somebody else.
  const std::string second = oid();
  ASSERT_TRUE(replace_while("", wider, {Json::array({3, "c", 5})}).ok());
  EXPECT_NE(oid(), second);
  EXPECT_EQ(table("s"), Lines{"(3,c,5)"});
  // And when the target goes while the load runs.
  ASSERT_TRUE(replace_while("DROP TABLE s", two_columns(), {row(4, "d")}).ok());
  EXPECT_EQ(table("s"), Lines{"(4,d,)"});
  EXPECT_EQ(sql("SELECT obj_description('s'::regclass)"), Lines{"\\N"});
}

TEST_F(PublishTest, ColumnsThatTheLoadAddsComeToATableThatChangedMeanwhile) {
  sql("CREATE TABLE s (id bigint, gone text, name text); ALTER TABLE s DROP COLUMN gone");
  const Schema wider{{{"id", kInt}, {"name", kText}, {"more", kInt}}};
  const Status status =
      replace_while("ALTER TABLE s ADD COLUMN note text DEFAULT 'x'", wider, {Json::array({3, "c", 5})});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(sql("SELECT id, name, note, more FROM s"), Lines{"3\tc\tx\t5"});
}

TEST_F(PublishTest, ATableThatAppearsWhileTheLoadRunsStaysWhatItIs) {
  const Status status =
      replace_while("CREATE TABLE s (name text DEFAULT 'x', n int DEFAULT 7, id bigint CHECK (id > 0))", two_columns(),
                    {row(3, "c")});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(table("s"), Lines{"(c,7,3)"});
}

TEST_F(PublishTest, AColumnThatIsDroppedOrRetypedWhileTheLoadRunsFailsItAndDoesNotComeBack) {
  for (const bool has_view : {false, true}) {
    for (const char* change : {"ALTER TABLE s DROP COLUMN name", "ALTER TABLE s RENAME name TO title",
                               "ALTER TABLE s ALTER name TYPE varchar(3)", "ALTER TABLE s DROP COLUMN other",
                               "ALTER TABLE s DROP COLUMN name, ADD name text GENERATED ALWAYS AS ('x') STORED"}) {
      SCOPED_TRACE(std::string(change) + (has_view ? ", with a view" : ""));
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s CASCADE; CREATE TABLE s (id bigint, name text, "
          "other "
          "int); INSERT INTO s VALUES (1, 'old', 1)");
      if (has_view) sql("CREATE VIEW v AS SELECT id FROM s");
      const Status status = replace_while(change, two_columns(), {row(2, "long name")});
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().code, "TARGET_CHANGED") << status.to_string();
      EXPECT_TRUE(status.error().retryable);
      EXPECT_TRUE(status.error().safe_to_retry);
      const std::string column = std::string(change).find("other") != std::string::npos ? "\"other\"" : "\"name\"";
      EXPECT_NE(status.error().message.find(column), std::string::npos) << status.error().message;
      EXPECT_EQ(sql("SELECT id FROM s"), Lines{"1"});
      const Lines after = definition();
      sql("DROP TABLE s CASCADE; CREATE TABLE s (id bigint, name text, other int)");
      sql(change);
      EXPECT_EQ(after, definition());
    }
  }
}

TEST_F(PublishTest, SettingsOfTheToastTableAndTheAccessMethodAreKept) {
  const std::string method = schema_name() + "_heap";
  sql("CREATE ACCESS METHOD " + method + " TYPE TABLE HANDLER heap_tableam_handler");
  for (const std::string& made :
       {std::string("CREATE TABLE s (id bigint, name text) WITH (toast.autovacuum_enabled = off)"),
        std::string("CREATE TABLE s (id bigint, name text); ALTER TABLE s SET (toast.autovacuum_enabled = off)"),
        std::string("CREATE TABLE s (id bigint, name text) USING ") + method}) {
    SCOPED_TRACE(made);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s");
    sql(made);
    const std::string look =
        "SELECT c.oid, t.reloptions, amname FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid JOIN pg_am ON "
        "pg_am.oid = c.relam WHERE c.oid = 's'::regclass";
    const Lines before = sql(look);
    ASSERT_EQ(before.size(), 1U);
    ASSERT_TRUE(replace_while("", two_columns(), {row(2, "b")}).ok());
    EXPECT_EQ(sql(look), before);
    EXPECT_EQ(table("s"), Lines{"(2,b)"});
  }
  sql("DROP TABLE s; DROP ACCESS METHOD " + method);
}

TEST_F(PublishTest, WaitingForAnIdleReaderEndsAndNamesIt) {
  sql("CREATE TABLE s (id bigint, name text) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF s DEFAULT; INSERT "
      "INTO s VALUES (1, 'old')");
  FakeHost host;
  auto reader = postgres::Connection::connect(PostgresServer::shared().options());
  ASSERT_TRUE(reader.ok());
  // Of a partition's reader only the partition is locked.
  ASSERT_TRUE(reader->exec("BEGIN; SELECT count(*) FROM " + schema_name() + ".part").ok());
  for (const int limit : {1, 4}) {
    SCOPED_TRACE(limit);
    const auto begin = std::chrono::steady_clock::now();
    const Status status = replace_while("", two_columns(), {row(2, "b")}, {{"read_timeout_seconds", limit}});
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "LOCKED") << status.to_string();
    EXPECT_TRUE(status.error().retryable);
    EXPECT_GE(seconds, limit);
    EXPECT_LT(seconds, limit + 5);
    const std::string who = "session " + std::to_string(reader->backend_pid()) +
                            " (user rb_admin, test, idle in "
                            "transaction since ";
    EXPECT_NE(status.error().message.find(who), std::string::npos) << status.error().message;
    EXPECT_EQ(warnings(who), 1U);
    EXPECT_EQ(table("s"), Lines{"(1,old)"});
  }
  ASSERT_TRUE(reader->exec("COMMIT").ok());
  EXPECT_TRUE(replace_while("", two_columns(), {row(2, "b")}, {{"read_timeout_seconds", 1}}).ok());
  EXPECT_EQ(table("s"), Lines{"(2,b)"});
}

TEST_F(PublishTest, ARowThatOnlyTheTargetRefusesIsNamed) {
  sql("CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 2000);"
      "CREATE TABLE s (id bigint REFERENCES parent, name text NOT NULL, above bigint); ALTER TABLE s ADD PRIMARY KEY "
      "(id),"
      " ADD FOREIGN KEY (above) REFERENCES s; INSERT INTO s VALUES (1, 'old'); CREATE FUNCTION judge() RETURNS trigger "
      "LANGUAGE plpgsql AS 'BEGIN IF NEW.name = ''none'' THEN NEW.name := NULL; END IF; IF NEW.name = ''bad'' THEN "
      "RAISE "
      "''no bad ones'' USING ERRCODE = ''45000''; END IF; RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON s FOR "
      "EACH "
      "ROW EXECUTE FUNCTION judge()");
  const Schema schema{{{"id", kInt}, {"name", kText}, {"above", kInt}}};
  // Wide enough that the rows fill several of the server's pages.
  const std::string name(40, 'n');
  std::vector<Json> good;
  for (int64_t id = 1; id < 1500; ++id) good.push_back(Json::array({id, name, id == 1200 ? Json(7) : Json()}));
  const struct {
    Json row;
    const char* named;
  } cases[] = {
      {Json::array({1500, "bad", nullptr}),
       R"(stream "s": no bad ones in {"id":1500,"name":"bad","above":null}. Table)"},
      {Json::array({1500, "none", nullptr}),
       R"(stream "s", column "name", value "none": null value in column "name" of relation "s" violates not-null)"},
      {Json::array({9999, name, nullptr}), R"((Key (id)=(9999) is not present in table "parent".) in {"id":9999,)"},
      // What is not there may come with a later row, so this one is not looked for.
      {Json::array({1500, name, 8888}), R"((Key (above)=(8888) is not present in table "s".). Table)"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.named);
    std::vector<Json> rows = good;
    rows.insert(rows.begin() + 1234, c.row);
    const Status status = replace_while("", schema, rows);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "ROW_REFUSED") << status.to_string();
    EXPECT_EQ(status.error().category, sdk::ErrorCategory::kData);
    EXPECT_NE(status.error().message.find(c.named), std::string::npos) << status.error().message;
    EXPECT_EQ(table("s"), Lines{"(1,old,)"});
  }
  ASSERT_TRUE(replace_while("", schema, good).ok());
  EXPECT_EQ(sql("SELECT count(*) FROM s"), Lines{"1499"});
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
