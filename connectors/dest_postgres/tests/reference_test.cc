// Values that name an object of the database (regclass, regtype and the like): a missing one refuses the row, and a
// table's rows may name the table itself.
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class ReferenceTest : public PostgresTest {
 protected:
  /// A column r of this type, in which each row names something.
  static Schema schema(const std::string& type) {
    Schema out{{{"id", kInt}, {"r", kText}}};
    out.fields[1].native_type = "postgresql:" + type;
    return out;
  }
};

// The server has the same SQLSTATEs for a statement whose table is missing.
TEST_F(ReferenceTest, AValueThatNamesWhatIsNotThereRefusesItsRow) {
  sql("CREATE TYPE holder AS (n integer, r regclass); CREATE DOMAIN named AS regclass; CREATE TABLE good (id bigint)");
  const std::string s = schema_name();
  const struct {
    std::string type;
    std::string good;
    std::string bad;
    std::string reason;
  } cases[] = {
      {"regclass", s + ".good", "public.nothing", R"(relation "public.nothing" does not exist)"},
      {"regclass", s + ".good", "nowhere.nothing", R"(schema "nowhere" does not exist)"},
      {"regclass", s + ".good", "a.b.c", R"(cross-database references are not implemented: "a.b.c")"},
      {"regclass", s + ".good", "a.b.c.d", "improper relation name (too many dotted names): a.b.c.d"},
      {s + ".named", s + ".good", "public.nothing", R"(relation "public.nothing" does not exist)"},
      {s + ".holder", "(1," + s + ".good)", "(1,nowhere.nothing)", R"(schema "nowhere" does not exist)"},
      {"regclass[]", "{" + s + ".good,-}", "{" + s + ".good,nothing}", R"(relation "nothing" does not exist)"},
      {"regtype", s + ".good[]", "public.nothing", R"(type "public.nothing" does not exist)"},
      {"regtype", "integer", "no type at all", R"(syntax error at or near "type")"},
      {"regproc", "pg_catalog.now", "pg_catalog.nothing", R"(function "pg_catalog.nothing" does not exist)"},
      {"regprocedure", "abs(integer)", "abs(nothing.at_all)", R"(schema "nothing" does not exist)"},
      {"regoperator", "+(integer,integer)", "+(integer,text)", "operator does not exist: +(integer,text)"},
      {"regrole", "pg_monitor", "nobody_at_all", R"(role "nobody_at_all" does not exist)"},
      {"regnamespace", s, "nowhere", R"(schema "nowhere" does not exist)"},
      {"regconfig", "english", "nowhere.english", R"(schema "nowhere" does not exist)"},
  };
  const Lines kept = {"1", "2", "4", "6"};
  for (const auto& c : cases) {
    const std::vector<Json> rows = {row(1, c.good), row(2, nullptr), row(3, c.bad),
                                    row(4, c.good), row(5, c.bad),   row(6, c.good)};
    const std::string named = "stream \"s\", row 3, column \"r\", value \"" + c.bad + "\": " + c.reason;
    for (const std::string method : {"copy", "insert"}) {
      for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
        // How rows come into the table is the same for all types.
        if (mode != "append" && c.type != "regclass" && c.type != s + ".holder") continue;
        SCOPED_TRACE(c.type + " " + c.bad + " " + method + " " + mode.dump());
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, r " +
            c.type + ")");
        const Json ctx = context("s", schema(c.type), mode);
        const Json config = {{"load_method", method}};
        const Outcome failed = load(ctx, schema(c.type), rows, config);
        EXPECT_EQ(failed.code(), "ROW_REFUSED") << failed.message();
        EXPECT_NE(failed.message().find(named), std::string::npos) << failed.message();
        const Outcome apart = load(on_error(ctx, "dlq"), schema(c.type), rows, config);
        ASSERT_TRUE(apart.status.ok()) << apart.message();
        EXPECT_EQ(sql("SELECT id FROM s ORDER BY 1"), kept);
        ASSERT_EQ(apart.dlq.size(), 2U);
        EXPECT_EQ(Json::parse(apart.dlq[0].record_json), (Json{{"id", 3}, {"r", c.bad}}));
        EXPECT_NE(apart.dlq[0].error_message.find(named), std::string::npos) << apart.dlq[0].error_message;
        if (c.type != "regclass") continue;
        sql("TRUNCATE s");
        const Outcome skipped = load(on_error(ctx, "skip"), schema(c.type), rows, config);
        ASSERT_TRUE(skipped.status.ok()) << skipped.message();
        EXPECT_EQ(skipped.summary.records_failed, 2U);
        EXPECT_EQ(sql("SELECT id FROM s ORDER BY 1"), kept);
      }
    }
  }
}

// What is missing elsewhere is not a row's fault: no row is skipped for it.
TEST_F(ReferenceTest, WhatATriggerMissesIsNoRowsFault) {
  sql("CREATE TABLE good (id bigint); CREATE TABLE s (id bigint PRIMARY KEY, r regclass); CREATE FUNCTION f() RETURNS "
      "trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO nowhere.nothing VALUES (1); RETURN new; END $$; CREATE TRIGGER "
      "t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION f()");
  for (const char* method : {"copy", "insert"}) {
    for (const Json& mode : {Json("append"), upsert({"id"})}) {
      const Outcome outcome = load(on_error(context("s", schema("regclass"), mode), "skip"), schema("regclass"),
                                   {row(1, schema_name() + ".good")}, {{"load_method", method}});
      EXPECT_EQ(outcome.code(), "TABLE_MISSING") << method << " " << sdk::to_text(mode) << ": " << outcome.message();
      EXPECT_EQ(outcome.summary.records_failed, 0U);
    }
  }
}

// A domain's CHECK runs where the server reads a value, but a right that the role lacks is missing for all of them.
TEST_F(ReferenceTest, WhatADomainsCheckMayNotDoIsNoRowsFault) {
  const std::string role = "reader_" + schema_name();
  const std::string s = schema_name();
  sql("CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 <> 'bad' $$; REVOKE ALL "
      "ON "
      "FUNCTION f(text) FROM PUBLIC; CREATE DOMAIN checked AS text CHECK (" +
      s +
      ".f(VALUE)); CREATE DOMAIN asked AS text CHECK (VALUE <> pg_catalog.current_setting('app.nothing')); "
      "CREATE ROLE " +
      role + " LOGIN PASSWORD 'few'; GRANT ALL ON SCHEMA " + s + " TO " + role);
  for (const std::string domain : {"checked", "asked"}) {
    sql("CREATE TABLE s (id bigint PRIMARY KEY, r " + domain + "); ALTER TABLE s OWNER TO " + role);
    for (const char* method : {"copy", "insert"}) {
      for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
        SCOPED_TRACE(domain + " " + method + " " + mode.dump());
        const Outcome outcome =
            load(on_error(context("s", schema("text"), mode), "skip"), schema("text"), {row(1, "x"), row(2, "bad")},
                 {{"load_method", method}, {"user", role}, {"password", "few"}});
        EXPECT_EQ(outcome.code(), domain == "checked" ? "PERMISSION_DENIED" : "OBJECT_MISSING") << outcome.message();
        EXPECT_EQ(outcome.summary.records_failed, 0U);
      }
    }
    sql("DROP TABLE s");
  }
}

// Its values are read while the new rows are in another table, and dropped with the old one they would name nothing.
TEST_F(ReferenceTest, AReplacedTableMayNameItself) {
  sql("CREATE TYPE holder AS (n integer, r regclass); CREATE TABLE other (id bigint)");
  const std::string s = schema_name();
  const struct {
    const char* type;
    std::string itself;
    std::string other;
  } cases[] = {
      {"regclass", s + ".s", s + ".other"},
      {"regclass[]", "{" + s + ".s,-}", "{" + s + ".other}"},
      {"holder", "(1," + s + ".s)", "(2," + s + ".other)"},
      {"regtype", s + ".s", s + ".other[]"},
  };
  for (const auto& c : cases) {
    for (const char* method : {"copy", "insert"}) {
      for (const char* made : {"", "CREATE TABLE s (id bigint, r TYPE); INSERT INTO s VALUES (0, NULL)",
                               "CREATE TABLE s (id bigint PRIMARY KEY); INSERT INTO s VALUES (0)"}) {
        SCOPED_TRACE(std::string(c.type) + " " + method + " " + made);
        const std::string type = std::string(c.type) == "holder" ? s + ".holder" : c.type;
        std::string before = made;
        if (const size_t at = before.find("TYPE"); at != std::string::npos) before.replace(at, 4, type);
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; " + before);
        // The second time the table is there in any case.
        for (int64_t load_number = 1; load_number <= 2; ++load_number) {
          const Outcome outcome = load(context("s", schema(type), "replace"), schema(type),
                                       {row(load_number, c.itself), row(9, c.other)}, {{"load_method", method}});
          ASSERT_TRUE(outcome.status.ok()) << outcome.message();
          EXPECT_EQ(sql("SET search_path = pg_catalog; SELECT id, r FROM " + s + ".s ORDER BY id"),
                    (Lines{std::to_string(load_number) + "\t" + c.itself, "9\t" + c.other}));
          EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relname LIKE '_rapidbyte_staging_%' AND relnamespace = '" +
                        s + "'::regnamespace"),
                    Lines{"0"});
        }
      }
    }
  }
}

// A table that takes the target's place has another OID, and values of other tables would name nothing from then on.
TEST_F(ReferenceTest, OtherTablesMayNameAReplacedTable) {
  const std::string s = schema_name();
  const Schema plain{{{"id", kInt}, {"t", kText}}};
  // Without a staging the table stays anyway.
  const Json staged = {{"small_replace", "staging"}};
  const struct {
    const char* made;
    std::string value;
    std::string shown;
  } cases[] = {
      {"CREATE TABLE audit (r regclass)", s + ".s", s + ".s"},
      {"CREATE TABLE audit (r regtype[])", "{" + s + ".s}", "{" + s + ".s}"},
      {"CREATE DOMAIN d AS regclass; CREATE TYPE holder AS (n integer, r d[]); CREATE TABLE audit (r holder)",
       "(1,{" + s + ".s})", "(1,{" + s + ".s})"},
      {"CREATE TYPE holder AS (r regclass); CREATE DOMAIN d AS holder; CREATE TABLE parts (v d); CREATE TABLE audit ("
       "id int, r parts) PARTITION BY LIST (id); CREATE TABLE audit_1 PARTITION OF audit DEFAULT",
       "(\"(" + s + ".s)\")", "(\"(" + s + ".s)\")"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.made);
    sql(std::string("CREATE TABLE s (id bigint, t text); ") + c.made + "; INSERT INTO audit (r) VALUES ('" + c.value +
        "')");
    for (int64_t load_number = 1; load_number <= 2; ++load_number) {
      const Outcome outcome = load(context("s", plain, "replace"), plain, {row(load_number, "x")}, staged);
      ASSERT_TRUE(outcome.status.ok()) << outcome.message();
      EXPECT_EQ(sql("SET search_path = pg_catalog; SELECT r FROM " + s + ".audit"), Lines{c.shown});
      EXPECT_EQ(table("s"), Lines{"(" + std::to_string(load_number) + ",x)"});
      EXPECT_TRUE(std::any_of(outcome.logs.begin(), outcome.logs.end(), [](const std::string& line) {
        return line.find("keeps its definition (columns of other tables may name it") != std::string::npos;
      }));
    }
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS audit, parts, s; DROP TYPE IF EXISTS holder CASCADE; "
        "DROP DOMAIN IF EXISTS d CASCADE");
  }
  // A column that is gone, a view and a type that no table has name nothing.
  sql("CREATE TABLE audit (id int, r regclass); ALTER TABLE audit DROP COLUMN r; CREATE VIEW v AS SELECT "
      "'pg_class'::regclass AS r; CREATE TYPE holder AS (r regclass); CREATE TABLE s (id bigint, t text)");
  const std::string oid = sql("SELECT 's'::regclass::oid").front();
  ASSERT_TRUE(load(context("s", plain, "replace"), plain, {row(1, "x")}, staged).status.ok());
  EXPECT_NE(sql("SELECT 's'::regclass::oid").front(), oid);
}

TEST_F(ReferenceTest, ATableThatWasMadeForAReplaceGoesWithIt) {
  const std::string s = schema_name();
  const Json ctx = context("s", schema("regclass"), "replace");
  const std::string there =
      "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%s' AND relnamespace = '" + s +
      "'::regnamespace ORDER BY 1";
  // A load that fails, and one that reads nothing.
  EXPECT_EQ(load(ctx, schema("regclass"), {row(1, s + ".s"), row(2, "nowhere.s")}).code(), "ROW_REFUSED");
  EXPECT_EQ(sql(there), Lines{"_rapidbyte_receipts"});
  ASSERT_TRUE(load(ctx, Batches{}).status.ok());
  EXPECT_EQ(sql(there), (Lines{"_rapidbyte_receipts", "s"}));
  sql("DROP TABLE s");
  // A run that is killed: the next one, of whatever mode, finds what it left.
  const std::string staged = "_rapidbyte_staging_s";
  for (const Json& next : {Json("append"), Json("replace"), upsert({"id"})}) {
    for (const std::string use : {"", "ALTER TABLE s ADD PRIMARY KEY (id); CREATE VIEW v AS SELECT * FROM s",
                                  "GRANT SELECT ON s TO PUBLIC", "ALTER TABLE s ENABLE ROW LEVEL SECURITY"}) {
      const bool used = !use.empty();
      // Without a key there is no upsert into a table that stays.
      if (used && next.is_object() && !use.starts_with("ALTER TABLE s ADD")) continue;
      SCOPED_TRACE(next.dump() + " used: " + use);
      FakeHost host;
      push(host, ctx, {make_batch(schema("regclass"), {row(1, s + ".s")})});
      auto killed = open();
      ASSERT_TRUE(killed->begin_stream(sdk::to_text(ctx)).ok());
      const auto written = killed->run_write(sdk::to_text(ctx));
      ASSERT_TRUE(written.ok()) << written.status().to_string();
      ASSERT_TRUE(killed->close().ok());
      killed.reset();
      EXPECT_EQ(sql(there), (Lines{"_rapidbyte_receipts", staged, "s"}));
      EXPECT_EQ(table("s"), Lines{});
      const std::string oid = sql("SELECT 's'::regclass::oid").front();
      // Somebody's already.
      if (used) sql(use);
      Json again = context("s", schema("regclass"), next);
      again["load_id"] = "another";
      const Outcome outcome = load(again, schema("regclass"), {row(2, s + ".s")});
      ASSERT_TRUE(outcome.status.ok()) << outcome.message();
      EXPECT_EQ(sql(there), (Lines{"_rapidbyte_receipts", "s"}));
      EXPECT_EQ(table("s"), Lines{"(2,s)"});
      EXPECT_EQ(sql("SELECT 's'::regclass::oid").front() == oid, used);
      sql("SET client_min_messages = error; DROP TABLE s CASCADE; DELETE FROM _rapidbyte_receipts");
    }
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
