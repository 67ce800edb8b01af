// What another user of the database, who may create objects in the target's schema, can do to a load: functions,
// operators and types with the names that our statements use, tables with the names that we create, default rights.
// Whatever of it runs writes into the table `traps`.
#include <gtest/gtest.h>

#include "batches.h"
#include "postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class NeighbourTest : public PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    sql("CREATE ROLE " + neighbour() + "; GRANT USAGE, CREATE ON SCHEMA " + schema_name() + " TO " + neighbour() +
        "; CREATE TABLE traps (what text); GRANT INSERT ON traps TO PUBLIC");
    // The loader's role path, as ALTER ROLE would give it: the target's schema in front of the system's.
    sql("ALTER ROLE CURRENT_USER IN DATABASE " + database() + " SET search_path = " + schema_name() + ", pg_catalog");
  }
  void TearDown() override {
    sql("ALTER ROLE CURRENT_USER IN DATABASE " + database() + " RESET search_path; DROP OWNED BY " + neighbour() +
        " CASCADE; DROP ROLE " + neighbour());
    PostgresTest::TearDown();
  }
  std::string neighbour() { return "neighbour_" + schema_name(); }
  std::string database() { return sql("SELECT current_database()").front(); }
  void as_neighbour(const std::string& text) { sql("SET ROLE " + neighbour() + "; " + text + "; RESET ROLE"); }
  /// A function of the neighbour's that records that it was run, under what name and for which arguments.
  void trap(const std::string& signature, const std::string& returns, const std::string& gives) {
    as_neighbour("CREATE FUNCTION " + schema_name() + "." + signature + " RETURNS " + returns +
                 " LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " + schema_name() + ".traps VALUES ('" + signature +
                 "'); RETURN " + gives + "; END $$");
  }
  Lines trapped() { return sql("SELECT DISTINCT what FROM traps"); }
  /// Replaces table `stream` by a row (1, secret), which the neighbour may not read while it is staged.
  void replace_unseen(const std::string& stream) {
    const Json ctx = context(stream, two_columns(), "replace");
    FakeHost host;
    auto connector = open();
    ASSERT_TRUE(connector->begin_stream(sdk::to_text(ctx)).ok());
    push(host, ctx, {make_batch(two_columns(), {row(1, "secret")})});
    ASSERT_TRUE(connector->run_write(sdk::to_text(ctx)).ok());
    EXPECT_EQ(sql("SELECT has_table_privilege('" + neighbour() + "', '_rapidbyte_staging_" + stream + "', 'SELECT')"),
              Lines{"f"});
    const Status finished = connector->finish_stream(sdk::to_text(ctx), true);
    ASSERT_TRUE(finished.ok()) << finished.to_string();
  }
};

TEST_F(NeighbourTest, NoFunctionOfThatNameRunsInAnyModeOfLoading) {
  for (const char* one : {"to_jsonb(pg_catalog.pg_attribute)", "row_to_json(record)", "to_json(text)"})
    trap(one, "pg_catalog.json", "'{}'::pg_catalog.json");
  trap("count(pg_catalog.text)", "bigint", "0");
  trap("now()", "timestamptz", "pg_catalog.now()");
  trap("format_type(oid, integer)", "text", "'text'");
  trap("hashtextextended(text, bigint)", "bigint", "1");
  trap("string_agg(text, text)", "text", "''");
  trap("current_setting(text)", "text", "''");
  trap("left(text, integer)", "text", "''");
  trap("generate_series(integer, integer)", "bigint", "1");
  trap("quote_ident(text)", "text", "'x'");
  trap("obj_description(oid, name)", "text", "''");
  trap("equals_text(text, text)", "boolean", "false");
  trap("equals_varchar(varchar, varchar)", "boolean", "false");
  trap("at_least(bigint, bigint)", "boolean", "false");
  for (const char* op : {"=", "<>"}) {
    as_neighbour(std::string("CREATE OPERATOR ") + schema_name() + "." + op +
                 " (LEFTARG = text, RIGHTARG = text, FUNCTION = " + schema_name() + ".equals_text)");
    as_neighbour(std::string("CREATE OPERATOR ") + schema_name() + "." + op +
                 " (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = " + schema_name() + ".equals_varchar)");
  }
  for (const char* op : {">=", "<", "="}) {
    as_neighbour(std::string("CREATE OPERATOR ") + schema_name() + "." + op +
                 " (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = " + schema_name() + ".at_least)");
  }
  sql("CREATE TABLE t (id bigint PRIMARY KEY, name varchar); CREATE INDEX ON t (name); INSERT INTO t VALUES (9, "
      "'old')");
  for (const char* method : {"copy", "insert"}) {
    const Json more = {{"load_method", method}};
    for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
      if (mode == "append") sql("TRUNCATE t");
      const Outcome done = load(on_error(context("t", two_columns(), mode), "dlq"), two_columns(),
                                {row(1, "a"), row(2, "b"), row(2, "b")}, more);
      EXPECT_EQ(done.code(), "ok") << method << " " << sdk::to_text(mode) << ": " << done.message();
      EXPECT_EQ(trapped(), Lines{}) << method << " " << sdk::to_text(mode);
    }
  }
  const Lines loaded = table("t");
  ASSERT_FALSE(loaded.empty());
  EXPECT_EQ(loaded.front(), "(1,a)");
}

TEST_F(NeighbourTest, TriggersStillSeeTheRolesOwnPath) {
  sql("CREATE TABLE t (id bigint, name text); CREATE TABLE log (id bigint); CREATE FUNCTION note() RETURNS trigger "
      "LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END'; "
      "CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note(); "
      "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "note()");
  for (const char* mode : {"append", "replace"}) {
    for (const char* method : {"copy", "insert"}) {
      sql("TRUNCATE log");
      // In an append each batch has its own transaction.
      const Batches batches = {make_batch(two_columns(), {row(1, "a")}), make_batch(two_columns(), {row(2, "b")})};
      const Outcome done = load(context("t", two_columns(), mode), batches, {{"load_method", method}});
      EXPECT_EQ(done.code(), "ok") << mode << " " << method << ": " << done.message();
      EXPECT_EQ(table("log"), (Lines{"(1)", "(1)", "(2)", "(2)"})) << mode << " " << method;
    }
  }
}

TEST_F(NeighbourTest, AStrangersTableIsNotTakenForTheReceipts) {
  as_neighbour("CREATE TABLE " + schema_name() +
               "._rapidbyte_receipts (pipeline text, stream text, partition text, target text, load_id text, "
               "checkpoint_json text, rows bigint, published boolean, committed_at timestamptz, target_identity text); "
               "GRANT ALL ON " +
               schema_name() + "._rapidbyte_receipts TO PUBLIC");
  const Outcome done = load(context("t", two_columns()), two_columns(), {row(1, "a")});
  EXPECT_EQ(done.code(), "RECEIPTS_FOREIGN") << done.message();
  EXPECT_NE(done.message().find("receipts_schema"), std::string::npos) << done.message();
}

TEST_F(NeighbourTest, WhateverHasTheReceiptsNameAndIsNoTableOfOursIsRefused) {
  const std::string name = schema_name() + "._rapidbyte_receipts";
  const std::string columns =
      "'p'::text AS pipeline, 't'::text AS stream, ''::text AS partition, 't'::text AS target, 'x'::text AS load_id, "
      "'{}'::text AS checkpoint_json, 9::bigint AS rows, true AS published, now() AS committed_at, '1'::text AS "
      "target_identity";
  const struct {
    const char* what;
    std::string make;
    const char* drop;
  } cases[] = {
      {"a view", "CREATE VIEW " + name + " AS SELECT " + columns, "VIEW"},
      {"a materialized view", "CREATE MATERIALIZED VIEW " + name + " AS SELECT " + columns, "MATERIALIZED VIEW"},
      {"a sequence", "CREATE SEQUENCE " + name, "SEQUENCE"},
      {"a composite type", "CREATE TYPE " + name + " AS (pipeline text)", "TYPE"},
      {"a partitioned table", "CREATE TABLE " + name + " (pipeline text) PARTITION BY LIST (pipeline)", "TABLE"},
      {"a table of ours with row security",
       "RESET ROLE; CREATE TABLE " + name + " AS SELECT " + columns + "; ALTER TABLE " + name +
           " ENABLE ROW LEVEL SECURITY",
       "TABLE"},
      {"a table of ours with a rule",
       "RESET ROLE; CREATE TABLE " + name + " AS SELECT " + columns + "; CREATE RULE r AS ON INSERT TO " + name +
           " DO ALSO NOTHING",
       "TABLE"},
  };
  for (const auto& c : cases) {
    as_neighbour(c.make);
    for (const char* mode : {"append", "replace"}) {
      const Outcome done = load(context("t", two_columns(), mode), two_columns(), {row(1, "a")});
      EXPECT_EQ(done.code(), "RECEIPTS_FOREIGN") << c.what << ": " << done.message();
    }
    sql(std::string("DROP ") + c.drop + " " + name);
  }
}

TEST_F(NeighbourTest, DefaultPrivilegesGiveNobodyTheReceipts) {
  sql("ALTER DEFAULT PRIVILEGES IN SCHEMA " + schema_name() + " GRANT ALL ON TABLES TO " + neighbour() + ", PUBLIC");
  ASSERT_EQ(load(context("t", two_columns()), two_columns(), {row(1, "a")}).code(), "ok");
  EXPECT_EQ(sql("SELECT has_table_privilege('" + neighbour() +
                "', '_rapidbyte_receipts', 'SELECT, INSERT, UPDATE, DELETE, TRIGGER, TRUNCATE, REFERENCES'), "
                "has_table_privilege('" +
                neighbour() + "', 't', 'SELECT')"),
            Lines{"f\tt"});
}

TEST_F(NeighbourTest, WhateverHasTheStagingsNameAndIsNotOursIsLeftAlone) {
  const std::string name = schema_name() + "._rapidbyte_staging_t";
  const struct {
    const char* what;
    std::string make;
    const char* drop;
    const char* code;
  } cases[] = {
      {"a table", "CREATE TABLE " + name + " (id bigint, name text)", "TABLE", "STAGING_FOREIGN"},
      {"a table with row security",
       "CREATE TABLE " + name + " (id bigint, name text); CREATE FUNCTION " + schema_name() +
           ".judge() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " + schema_name() +
           ".traps VALUES ('policy'); RETURN true; END $$; CREATE POLICY p ON " + name + " USING (" + schema_name() +
           ".judge()); ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY; ALTER TABLE " + name +
           " FORCE ROW LEVEL SECURITY; GRANT ALL ON " + name + " TO PUBLIC",
       "TABLE", "STAGING_FOREIGN"},
      {"a view", "CREATE VIEW " + name + " AS SELECT 1::bigint AS id, 'x'::text AS name", "VIEW", "STAGING_FOREIGN"},
      {"a sequence", "CREATE SEQUENCE " + name, "SEQUENCE", "STAGING_FOREIGN"},
      {"a composite type", "CREATE TYPE " + name + " AS (id bigint)", "TYPE", "STAGING_FOREIGN"},
      {"a type", "CREATE DOMAIN " + name + " AS text", "DOMAIN", "SQL_REFUSED"},
  };
  sql("CREATE TABLE t (id bigint, name text); INSERT INTO t VALUES (9, 'old')");
  for (const auto& c : cases) {
    as_neighbour(c.make);
    const Outcome done =
        load(context("t", two_columns(), "replace"), two_columns(), {row(1, "a")}, {{"small_replace", "staging"}});
    EXPECT_EQ(done.code(), c.code) << c.what << ": " << done.message();
    EXPECT_EQ(table("t"), Lines{"(9,old)"}) << c.what;
    // It does not concern a load that needs no staging table.
    Json ctx = context("other", two_columns());
    ctx["load_id"] = std::string("load ") + c.what;
    const Outcome other = load(ctx, two_columns(), {row(1, "a")});
    EXPECT_EQ(other.code(), "ok") << c.what << ": " << other.message();
    EXPECT_EQ(trapped(), Lines{}) << c.what;
    sql(std::string("DROP ") + c.drop + " " + name);  // it is still there
  }
}

TEST_F(NeighbourTest, AStagingTableOfOursThatGotATriggerIsRecreated) {
  sql("CREATE TABLE _rapidbyte_staging_t (id bigint, name text); CREATE FUNCTION spy() RETURNS trigger LANGUAGE "
      "plpgsql AS "
      "$$ BEGIN INSERT INTO traps VALUES ('trigger'); RETURN NEW; END $$; CREATE TRIGGER spy BEFORE INSERT ON "
      "_rapidbyte_staging_t FOR EACH ROW EXECUTE FUNCTION spy()");
  const Outcome done = load(context("t", two_columns(), "replace"), two_columns(), {row(1, "a")});
  EXPECT_EQ(done.code(), "ok") << done.message();
  EXPECT_EQ(trapped(), Lines{});
  EXPECT_EQ(table("t"), Lines{"(1,a)"});
}

// Between begin-stream and the end; an empty stream creates its staging table only then.
TEST_F(NeighbourTest, AStagingThatAStrangerPutsThereIsNotPublished) {
  sql("CREATE TABLE t (id bigint, name text); INSERT INTO t VALUES (9, 'old')");
  for (const char* kind : {"TABLE", "VIEW"}) {
    const Json ctx = context("t", two_columns(), "replace");
    FakeHost host;
    auto connector = open({{"small_replace", "staging"}});
    ASSERT_TRUE(connector->begin_stream(sdk::to_text(ctx)).ok());
    const std::string name = schema_name() + "._rapidbyte_staging_t";
    as_neighbour(std::string("CREATE ") + kind + " " + name +
                 " AS SELECT 1::bigint AS id, 'x'::text AS name WHERE false");
    push(host, ctx, {});
    ASSERT_TRUE(connector->run_write(sdk::to_text(ctx)).ok());
    const Status finished = connector->finish_stream(sdk::to_text(ctx), true);
    ASSERT_FALSE(finished.ok()) << kind;
    EXPECT_EQ(finished.error().code, "STAGING_FOREIGN") << finished.error().message;
    EXPECT_EQ(table("t"), Lines{"(9,old)"});
    EXPECT_EQ(sql("SELECT pg_get_userbyid(relowner) = current_user FROM pg_class WHERE oid = 't'::regclass"),
              Lines{"t"});
    sql(std::string("DROP ") + kind + " " + name);
  }
  // A load that needs no staging does not look at it.
  const Json ctx = context("t", two_columns(), "replace");
  FakeHost host;
  auto connector = open();
  ASSERT_TRUE(connector->begin_stream(sdk::to_text(ctx)).ok());
  as_neighbour("CREATE TABLE " + schema_name() + "._rapidbyte_staging_t AS SELECT 1::bigint AS id, 'x'::text AS name");
  push(host, ctx, {make_batch(two_columns(), {row(1, "a")})});
  const Status written = connector->run_write(sdk::to_text(ctx)).status();
  ASSERT_TRUE(written.ok()) << written.to_string();
  const Status finished = connector->finish_stream(sdk::to_text(ctx), true);
  EXPECT_TRUE(finished.ok()) << finished.to_string();
  EXPECT_EQ(table("t"), Lines{"(1,a)"});
  EXPECT_EQ(table("_rapidbyte_staging_t"), Lines{"(1,x)"});
}

TEST_F(NeighbourTest, AReplaceKeepsRowSecurityAndRules) {
  sql("CREATE TABLE t (id bigint, name text); INSERT INTO t VALUES (9, 'old'); CREATE TABLE log (id bigint); "
      "CREATE RULE note AS ON UPDATE TO t DO ALSO INSERT INTO log VALUES (NEW.id); "
      "CREATE TABLE u (id bigint, name text); INSERT INTO u VALUES (9, 'old'); "
      "ALTER TABLE u ENABLE ROW LEVEL SECURITY; ALTER TABLE u FORCE ROW LEVEL SECURITY; GRANT SELECT ON u TO PUBLIC");
  for (const char* stream : {"t", "u"}) {
    // A policy that lets nobody see a row says nothing about the staging, which has none.
    replace_unseen(stream);
    EXPECT_EQ(table(stream), Lines{"(1,secret)"});
  }
  EXPECT_EQ(sql("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'u'::regclass"), Lines{"t\tt"});
  EXPECT_EQ(sql("SELECT count(*) FROM pg_rules WHERE tablename = 't' AND schemaname = '" + schema_name() + "'"),
            Lines{"1"});
  sql("GRANT USAGE ON SCHEMA " + schema_name() + " TO " + neighbour());
  EXPECT_EQ(sql("SET ROLE " + neighbour() + "; SELECT count(*) FROM u"), Lines{"0"});
}

// COPY bypasses rules, as the server's manual says; what goes through them must not silently lose rows.
TEST_F(NeighbourTest, ARuleThatTakesRowsAwayIsFound) {
  const struct {
    const char* mode;
    const char* method;
    const char* code;
    Lines rows;
  } cases[] = {
      {"append", "copy", "ok", {"(1,a)", "(9,old)"}},
      {"append", "insert", "ROW_DISCARDED", {"(9,old)"}},
      {"replace", "copy", "ROW_DISCARDED", {"(9,old)"}},
      {"replace", "insert", "ROW_DISCARDED", {"(9,old)"}},
  };
  for (const auto& c : cases) {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS t, _rapidbyte_receipts; CREATE TABLE t (id bigint, name "
        "text); INSERT INTO t VALUES (9, 'old'); CREATE RULE away AS ON INSERT TO t DO INSTEAD NOTHING");
    const Outcome done =
        load(context("t", two_columns(), c.mode), two_columns(), {row(1, "a")}, {{"load_method", c.method}});
    EXPECT_EQ(done.code(), c.code) << c.mode << " " << c.method << ": " << done.message();
    EXPECT_EQ(table("t"), c.rows) << c.mode << " " << c.method;
  }
}

// A cast belongs to the owner of one of its types, and a value of an enum that comes as a text is cast.
TEST_F(NeighbourTest, ACastOfAStrangersTypeDoesNotRun) {
  as_neighbour("CREATE TYPE " + schema_name() + ".mood AS ENUM ('sad', 'glad')");
  trap("to_mood(text)", schema_name() + ".mood", "'sad'");
  as_neighbour("CREATE CAST (text AS " + schema_name() + ".mood) WITH FUNCTION " + schema_name() +
               ".to_mood(text) AS IMPLICIT");
  Schema schema = two_columns();
  schema.fields[1].native_type = "postgresql:" + schema_name() + ".mood";
  for (const char* method : {"copy", "insert"}) {
    for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS t, _rapidbyte_receipts");
      const Outcome done = load(context("t", schema, mode), schema, {row(1, "glad")}, {{"load_method", method}});
      EXPECT_EQ(done.code(), "ok") << method << " " << sdk::to_text(mode) << ": " << done.message();
      EXPECT_EQ(trapped(), Lines{}) << method << " " << sdk::to_text(mode);
      EXPECT_EQ(table("t"), Lines{"(1,glad)"}) << method << " " << sdk::to_text(mode);
    }
  }
}

// Rows are written under the role's path, and values that come as texts are cast to the column's type.
TEST_F(NeighbourTest, ATypeOfTheSystemsNameIsNotCastTo) {
  const char* const types[] = {"inet", "xml", "text", "bit", "integer"};
  for (const char* type : types) {
    const std::string quoted = "\"" + std::string(type == std::string("integer") ? "int4" : type) + "\"";
    trap("judge(pg_catalog." + quoted + ")", "boolean", "true");
    as_neighbour("CREATE DOMAIN " + schema_name() + "." + quoted + " AS pg_catalog." + quoted + " CHECK (" +
                 schema_name() + ".judge(VALUE))");
  }
  sql("CREATE TABLE t (id bigint PRIMARY KEY, a pg_catalog.inet, b pg_catalog.xml, c pg_catalog.text[], d "
      "pg_catalog.bit(3), e pg_catalog.int4[])");
  Schema schema{{{"id", kInt}}};
  for (const char* name : {"a", "b", "c", "d", "e"}) schema.fields.push_back({name, kText});
  const char* const native[] = {"inet", "xml", "text[]", "bit(3)", "integer[]"};
  for (size_t i = 0; i < 5; ++i) schema.fields[i + 1].native_type = std::string("postgresql:") + native[i];
  for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
    sql("TRUNCATE t; DELETE FROM traps");
    const Outcome done = load(on_error(context("t", schema, mode), "dlq"), schema,
                              {Json::array({1, "10.0.0.1", "<a/>", "{x}", "101", "{5}"})}, {{"load_method", "insert"}});
    EXPECT_EQ(done.code(), "ok") << sdk::to_text(mode) << ": " << done.message();
    EXPECT_EQ(done.summary.records_written, 1U) << sdk::to_text(mode);
    EXPECT_EQ(trapped(), Lines{}) << sdk::to_text(mode);
  }
}

TEST_F(NeighbourTest, AStrangersTypeIsNotTakenForTheSources) {
  as_neighbour("CREATE DOMAIN " + schema_name() + ".price AS text");
  Schema schema = two_columns();
  schema.fields[1].native_type = "postgresql:" + schema_name() + ".price";
  const Outcome done = load(context("t", schema), schema, {row(1, "a")});
  EXPECT_EQ(done.code(), "ok") << done.message();
  EXPECT_EQ(sql("SELECT data_type || coalesce(domain_name, '') FROM information_schema.columns WHERE table_name = 't' "
                "AND column_name = 'name' AND table_schema = '" +
                schema_name() + "'"),
            Lines{"text"});
  EXPECT_NE(std::find_if(done.logs.begin(), done.logs.end(),
                         [](const std::string& line) { return line.find("that this user can trust") != line.npos; }),
            done.logs.end());
  // The loader's own is used.
  sql("CREATE DOMAIN own AS text");
  schema.fields[1].native_type = "postgresql:" + schema_name() + ".own";
  ASSERT_EQ(load(context("u", schema), schema, {row(1, "a")}).code(), "ok");
  EXPECT_EQ(
      sql("SELECT domain_name FROM information_schema.columns WHERE table_name = 'u' AND column_name = 'name' AND "
          "table_schema = '" +
          schema_name() + "'"),
      Lines{"own"});
}

TEST_F(NeighbourTest, TheStagingOfAReplaceBelongsToTheLoaderAlone) {
  sql("ALTER DEFAULT PRIVILEGES IN SCHEMA " + schema_name() + " GRANT SELECT ON TABLES TO " + neighbour() +
      "; ALTER DEFAULT PRIVILEGES IN SCHEMA " + schema_name() + " GRANT SELECT ON TABLES TO PUBLIC");
  sql("CREATE TABLE t (id bigint, name text); REVOKE ALL ON t FROM PUBLIC, " + neighbour());
  for (const char* stream : {"t", "fresh"}) {
    replace_unseen(stream);
  }
  EXPECT_EQ(sql("SELECT has_table_privilege('" + neighbour() + "', 't', 'SELECT')"), Lines{"f"});
  // A table that was not there before gets the rights of a new table.
  EXPECT_EQ(sql("SELECT has_table_privilege('" + neighbour() + "', 'fresh', 'SELECT')"), Lines{"t"});
}

TEST_F(NeighbourTest, TwoStreamsOfOneTableAreRefusedBeforeAnythingIsMade) {
  Json ctx = context("orders", two_columns());
  ctx["pipeline_streams"] = {"orders", "customers", schema_name() + ".orders"};
  const Outcome done = load(ctx, two_columns(), {row(1, "a")});
  EXPECT_EQ(done.code(), "TARGET_CONFLICT") << done.message();
  EXPECT_EQ(sql("SELECT to_regclass('" + schema_name() + ".orders') IS NULL"), Lines{"t"});
}

// A receipt whose rows are gone.
class LostRowsTest : public NeighbourTest {
 protected:
  std::string last_committed(const Json& ctx) {
    FakeHost host;
    auto connector = open();
    auto answer = connector->last_committed(sdk::to_text(ctx));
    if (answer.ok()) return answer->value_or("none");
    EXPECT_EQ(answer.error().code, "RECEIPT_MISSING") << answer.status().to_string();
    return "refused";
  }
  bool is_believed(const Json& ctx) {
    const std::string answer = last_committed(ctx);
    return answer != "none" && answer != "refused";
  }
  /// The context of an incremental load that resumes after two rows, which load 2025-load-1 has written.
  Json behind_two_rows() {
    Json ctx = context("t", two_columns());
    ctx["load_id"] = "2025-load-1";
    EXPECT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
    ctx["load_id"] = "2026-load-2";
    ctx["sync_mode"] = "incremental";
    ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
    return ctx;
  }
};

// A host whose state has missed the commit would restart when it is told that there is none: only with an empty table
// does that double nothing.
TEST_F(LostRowsTest, AReceiptIsNotBelievedWhenItsRowsAreGone) {
  constexpr const char* kBelieved = "believed";
  const struct {
    const char* what;
    const char* how;
    std::string expected;
  } cases[] = {
      {"nothing happened", "SELECT 1", kBelieved},
      {"rows were added", "INSERT INTO t VALUES (7, 'x')", kBelieved},
      {"some rows were deleted", "DELETE FROM t WHERE id = 1", kBelieved},
      {"VACUUM", "VACUUM t", kBelieved},
      {"VACUUM FULL", "VACUUM FULL t", "refused"},
      {"rewritten", "ALTER TABLE t ALTER id TYPE numeric", "refused"},
      {"truncated", "TRUNCATE t", "none"},
      {"truncated and filled by others", "TRUNCATE t; INSERT INTO t VALUES (7, 'x')", "refused"},
      {"recreated", "DROP TABLE t; CREATE TABLE t (id bigint, name text)", "none"},
      {"recreated and filled", "DROP TABLE t; CREATE TABLE t (id bigint, name text); INSERT INTO t VALUES (7, 'x')",
       "refused"},
      {"all deleted", "DELETE FROM t", "none"},
      {"unlogged since", "ALTER TABLE t SET UNLOGGED", "refused"},
  };
  for (const auto& c : cases) {
    sql("DROP TABLE IF EXISTS t, _rapidbyte_receipts");
    const Json ctx = context("t", two_columns());
    ASSERT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
    sql(c.how);
    const std::string answer = last_committed(ctx);
    EXPECT_EQ(answer == "none" || answer == "refused" ? answer : kBelieved, c.expected) << c.what << ": " << answer;
    // Rows with a key may be written again.
    EXPECT_NE(last_committed(context("t", two_columns(), upsert({"id"}))), "refused") << c.what;
  }
}

TEST_F(LostRowsTest, AReceiptOfAPartitionedTableIsNotBelievedWhenAPartitionHasLostItsRows) {
  const struct {
    const char* what;
    const char* how;
    bool believed;
  } cases[] = {
      {"nothing happened", "SELECT 1", true},
      {"a partition came", "CREATE TABLE p3 PARTITION OF t FOR VALUES FROM (200) TO (300)", true},
      {"a partition came before the others",
       "CREATE TABLE p0 PARTITION OF t FOR VALUES FROM (-100) TO (0); INSERT INTO t VALUES (-1, 'x')", true},
      {"a partition was detached and attached again",
       "ALTER TABLE t DETACH PARTITION p1; ALTER TABLE t ATTACH PARTITION p1 FOR VALUES FROM (0) TO (100)", true},
      {"a partition was truncated", "TRUNCATE p1", false},
      {"a partition of a partition was truncated", "TRUNCATE p2a", false},
      {"a partition was dropped", "DROP TABLE p1", false},
      {"a partition of a partition was dropped", "DROP TABLE p2a", false},
      {"a partition was detached", "ALTER TABLE t DETACH PARTITION p1", false},
      {"a partition was recreated and filled",
       "DROP TABLE p1; CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (0) TO (100); INSERT INTO t VALUES (7, 'x')",
       false},
      {"a partition is unlogged since", "ALTER TABLE p2a SET UNLOGGED", false},
      {"all were truncated", "TRUNCATE t", false},
      {"the receipt is of an earlier version",
       "UPDATE _rapidbyte_receipts SET target_identity = to_regclass('t')::oid::text", true},
      {"the receipt is of an earlier version, and the table another one",
       "UPDATE _rapidbyte_receipts SET target_identity = '1'", false},
  };
  for (const auto& c : cases) {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS t, p1, _rapidbyte_receipts; "
        "CREATE TABLE t (id bigint, name text) PARTITION BY RANGE (id); "
        "CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (0) TO (100); "
        "CREATE TABLE p2 PARTITION OF t FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id); "
        "CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (100) TO (150); "
        "CREATE TABLE p2b PARTITION OF p2 FOR VALUES FROM (150) TO (200)");
    const Json ctx = context("t", two_columns());
    ASSERT_EQ(load(ctx, two_columns(), {row(1, "a"), row(101, "b"), row(160, "c")}).code(), "ok");
    sql(c.how);
    EXPECT_EQ(is_believed(ctx), c.believed) << c.what;
  }
}

// Whatever is in it now may have come after a crash that emptied it.
TEST_F(LostRowsTest, AReceiptOfAnUnloggedTableIsNotBelieved) {
  const struct {
    const char* made;
    bool believed;
  } cases[] = {
      {"CREATE TABLE t (id bigint, name text)", true},
      {"CREATE UNLOGGED TABLE t (id bigint, name text)", false},
      {"CREATE TABLE t (id bigint, name text) PARTITION BY RANGE (id); CREATE TABLE p PARTITION OF t DEFAULT", true},
      {"CREATE TABLE t (id bigint, name text) PARTITION BY RANGE (id); CREATE UNLOGGED TABLE p PARTITION OF t DEFAULT",
       false},
  };
  for (const auto& c : cases) {
    sql(std::string("SET client_min_messages = error; DROP TABLE IF EXISTS t, _rapidbyte_receipts; ") + c.made);
    const Json ctx = context("t", two_columns());
    ASSERT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
    EXPECT_EQ(is_believed(ctx), c.believed) << c.made;
  }
}

TEST_F(LostRowsTest, AnIncrementalLoadDoesNotResumeInATableThatWasEmptied) {
  Json ctx = context("t", two_columns());
  ctx["sync_mode"] = "incremental";
  ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
  const Outcome absent = load(ctx, two_columns(), {row(3, "c")});
  EXPECT_EQ(absent.code(), "TARGET_EMPTIED") << absent.message();
  sql("CREATE TABLE t (id bigint, name text)");
  const Outcome empty = load(ctx, two_columns(), {row(3, "c")});
  EXPECT_EQ(empty.code(), "TARGET_EMPTIED") << empty.message();
  EXPECT_NE(empty.message().find("emptied_target: continue"), std::string::npos);
  const std::string reset = "rapidbyte state reset PIPELINE.yaml --stream 't'";
  EXPECT_NE(empty.message().find("t is still empty (an append would double those rows), then: " + reset),
            std::string::npos)
      << empty.message();
  const Outcome meant = load(ctx, two_columns(), {row(3, "c")}, {{"emptied_target", "continue"}});
  EXPECT_EQ(meant.code(), "ok") << meant.message();
  ctx["load_id"] = "2026-load-2";
  EXPECT_EQ(load(ctx, two_columns(), {row(4, "d")}).code(), "ok");
}

// The same name on another server: a table exists, and its rows are different.
TEST_F(LostRowsTest, AnIncrementalLoadResumesOnlyAfterItsReceipt) {
  Json ctx = context("t", two_columns());
  ASSERT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
  ctx["load_id"] = "2026-load-2";
  ctx["sync_mode"] = "incremental";
  ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
  ASSERT_EQ(load(ctx, two_columns(), {row(3, "c")}).code(), "ok");
  sql("DELETE FROM _rapidbyte_receipts");
  ctx["load_id"] = "2026-load-3";
  const Outcome refused = load(ctx, two_columns(), {row(4, "d")});
  EXPECT_EQ(refused.code(), "RECEIPT_MISSING") << refused.message();
  EXPECT_NE(refused.message().find("rapidbyte run PIPELINE.yaml --keep-positions"), std::string::npos);
  const std::string reset = "rapidbyte state reset PIPELINE.yaml --stream 't'";
  EXPECT_NE(refused.message().find("To load all rows again: first empty table " + schema_name() + ".t or remove"),
            std::string::npos)
      << refused.message();
  EXPECT_NE(refused.message().find("(an append would double those rows), then: " + reset), std::string::npos);
  sql("ALTER TABLE t ADD PRIMARY KEY (id)");
  Json by_key = ctx;
  by_key["write_mode"] = upsert({"id"});
  const Outcome upserted = load(by_key, two_columns(), {row(4, "d")});
  EXPECT_EQ(upserted.code(), "RECEIPT_MISSING") << upserted.message();
  EXPECT_NE(upserted.message().find("To load all rows again: " + reset), std::string::npos)
      << "an upsert doubles nothing: " << upserted.message();
  EXPECT_EQ(load(ctx, two_columns(), {row(4, "d")}, {{"emptied_target", "continue"}}).code(), "RECEIPT_MISSING")
      << "that an empty table is meant says nothing about a full one";
  EXPECT_EQ(sql("SELECT count(*) FROM t"), Lines{"3"});
  ctx["keep_positions"] = true;
  EXPECT_EQ(load(ctx, two_columns(), {row(4, "d")}).code(), "ok");
  ctx.erase("keep_positions");
  ctx["load_id"] = "2026-load-4";
  EXPECT_EQ(load(ctx, two_columns(), {row(5, "e")}).code(), "ok") << "the receipt of the load before is there";
}

// A table or a state from another day: what the receipt says and what the run starts from disagree.
TEST_F(LostRowsTest, AnIncrementalLoadResumesOnlyAfterTheReceiptOfItsPosition) {
  Json ctx = behind_two_rows();
  ctx["cursor_load_id"] = "2026-load-1b";
  const Outcome older = load(ctx, two_columns(), {row(3, "c")});
  EXPECT_EQ(older.code(), "RECEIPT_FOREIGN") << older.message();
  EXPECT_NE(older.message().find("--keep-positions"), std::string::npos) << older.message();
  ctx["cursor_load_id"] = "2024-load-0";
  const Outcome newer = load(ctx, two_columns(), {row(3, "c")});
  EXPECT_EQ(newer.code(), "RECEIPT_FOREIGN") << newer.message();
  EXPECT_NE(newer.message().find("--allow-doubled-rows"), std::string::npos) << newer.message();
  EXPECT_EQ(sql("SELECT count(*) FROM t"), Lines{"2"});
  ctx["cursor_load_id"] = "2025-load-1";
  ctx["allow_doubled_rows"] = true;
  ctx["keep_positions"] = true;
  EXPECT_EQ(load(ctx, two_columns(), {row(3, "c")}).code(), "ok");
}

// Only the table is restored: the receipt beside it knows nothing of that.
TEST_F(LostRowsTest, AnIncrementalLoadDoesNotResumeInATableThatReplacedItsOwn) {
  // Without the load of its cursor, so that the receipt's own cursor is not compared: only the table can be wrong.
  Json ctx = behind_two_rows();
  sql("CREATE TABLE copy AS SELECT * FROM t WHERE id = 1; DROP TABLE t; ALTER TABLE copy RENAME TO t");
  const Outcome refused = load(ctx, two_columns(), {row(3, "c")});
  EXPECT_EQ(refused.code(), "RECEIPT_FOREIGN") << refused.message();
  EXPECT_NE(refused.message().find("is not the one that earlier runs have loaded"), std::string::npos)
      << refused.message();
  EXPECT_NE(refused.message().find("--keep-positions"), std::string::npos) << refused.message();
  EXPECT_EQ(sql("SELECT count(*) FROM t"), Lines{"1"});
  ctx["keep_positions"] = true;
  EXPECT_EQ(load(ctx, two_columns(), {row(3, "c")}).code(), "ok");
}

TEST_F(LostRowsTest, AnIncrementalAppendDoesNotRestartOverItsRows) {
  Json ctx = context("t", two_columns());
  ctx["sync_mode"] = "incremental";
  ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", nullptr}};
  ASSERT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
  EXPECT_EQ(load(ctx, two_columns(), {}).code(), "ok") << "its own load, tried again";
  ctx["load_id"] = "2026-load-2";
  EXPECT_EQ(load(ctx, two_columns(), {row(1, "a")}).code(), "POSITION_MISSING");
  EXPECT_EQ(sql("SELECT count(*) FROM t"), Lines{"2"});
  sql("DELETE FROM t");
  EXPECT_EQ(load(ctx, two_columns(), {row(1, "a"), row(2, "b")}).code(), "ok");
  ctx["load_id"] = "2026-load-3";
  ctx["allow_doubled_rows"] = true;
  EXPECT_EQ(load(ctx, two_columns(), {row(1, "a")}).code(), "ok");
  EXPECT_EQ(sql("SELECT count(*) FROM t"), Lines{"3"});
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
