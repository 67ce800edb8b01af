// What another user of the database creates in a schema on the reader's path: none of it runs as the reader, and the
// rows are those of the table. A trap that runs writes into the server's log.

#include <gtest/gtest.h>

#include "rapidbyte/testing/fake_host.h"
#include "server_fixture.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;
using Rows = std::vector<std::string>;

class Neighbour : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (IsSkipped()) return;
    mark_ = "trap of " + database_;
  }
  /// Of a function's body that a trap runs before `value`.
  std::string trap(const std::string& value) const {
    return "LANGUAGE plpgsql AS $trap$ BEGIN RAISE LOG '" + mark_ + "'; RETURN " + value + "; END $trap$; ";
  }
  void expect_no_trap() const {
    EXPECT_EQ(postgres::testing::PostgresServer::shared().log().find("LOG:  " + mark_), std::string::npos);
  }
  /// Comparison operators of public for this pair of types, all of which say no.
  std::string operators(const std::string& left, const std::string& right, const std::string& tag) const {
    std::string out =
        "CREATE FUNCTION public.never_" + tag + "(" + left + ", " + right + ") RETURNS bool " + trap("false");
    for (const std::string name : {"=", "<>", "<", "<=", ">", ">="}) {
      out += "CREATE OPERATOR public." + name + " (LEFTARG = " + left + ", RIGHTARG = " + right +
             ", FUNCTION = public.never_" + tag + "); ";
    }
    return out;
  }

  std::string mark_;
};

TEST_F(Neighbour, OperatorsForACursorOfVarcharHideNoRows) {
  sql("CREATE TABLE t (code varchar(10) COLLATE \"C\" NOT NULL, id varchar(5) NOT NULL, PRIMARY KEY (code, id));"
      "INSERT INTO t VALUES ('a', '1'), ('b', '1'), ('b', '2'), ('c', '1');" +
      operators("varchar", "varchar", "v") + operators("varchar", "text", "vt") +
      operators("varchar[]", "varchar[]", "a"));
  RunOptions options;
  options.cursor_field = "code";
  options.stream["select"] = {"code", "id"};
  RunResult result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), (Rows{"a", "b", "b", "c"}));
  options.last_value = result.cursor();
  sql("INSERT INTO t VALUES ('c', '0'), ('d', '1')");
  // On the role's own path as well, which a condition needs.
  for (const bool with_condition : {false, true}) {
    if (with_condition) {
      options.stream["where"] = "code IS NOT NULL";
      options.stream["keep_position"] = true;
    }
    result = run(options);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_EQ(result.firsts(), (Rows{"c", "d"}));
  }
  expect_no_trap();
}

TEST_F(Neighbour, OperatorsForOtherCursorsAndKeysHideNoRows) {
  struct Case {
    std::string type;
    std::string first;
    std::string second;
  };
  // Pairs without an operator in the system's schema, or that the path could find elsewhere first.
  const Case cases[] = {{"varchar", "a", "b"},      {"character(3)", "a", "b"},  {"mood", "sad", "happy"},
                        {"pair", "(1,a)", "(2,b)"}, {"integer[]", "{1}", "{2}"}, {"code_domain", "a", "b"}};
  sql("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN code_domain AS "
      "varchar(9)");
  sql("ALTER DATABASE " + database_ + " SET search_path = public, pg_catalog");
  int tag = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.type);
    const bool may_be_cursor = c.type != "pair" && c.type != "integer[]";
    const std::string bare = c.type == "character(3)" ? "bpchar" : c.type;
    sql("DROP TABLE IF EXISTS t; CREATE TABLE t (k " + c.type + " NOT NULL, n int NOT NULL, PRIMARY KEY (k, n)); " +
        "INSERT INTO t VALUES ('" + c.first + "', 7); " +
        (c.type == "code_domain" ? "" : operators(bare, bare, "t" + std::to_string(++tag))));
    for (const std::string where : {"", "true"}) {
      for (const bool is_cursor : {true, false}) {
        if (is_cursor && !may_be_cursor) continue;
        sql("DELETE FROM t WHERE n <> 7");
        RunOptions options;
        options.cursor_field = is_cursor ? "k" : "n";
        options.stream["tie_breaker"] = {is_cursor ? "n" : "k"};
        options.stream["select"] = {"k"};
        if (!where.empty()) options.stream["where"] = where;
        RunResult result = run(options);
        ASSERT_TRUE(result.status.ok()) << result.status.error().message;
        ASSERT_EQ(result.firsts(), Rows{c.type == "character(3)" ? "a  " : c.first});
        options.last_value = result.cursor();
        sql("INSERT INTO t VALUES ('" + c.second + "', 8)");
        result = run(options);
        ASSERT_TRUE(result.status.ok()) << result.status.error().message;
        ASSERT_EQ(result.rows.size(), 1U);
        options.last_value = result.cursor();
        EXPECT_EQ(run(options).rows.size(), 0U);
      }
    }
  }
  expect_no_trap();
}

TEST_F(Neighbour, FunctionsAndTypesOfTheSystemsNamesAreNotTaken) {
  sql("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, d date NOT NULL, n numeric NOT NULL, note "
      "varchar, l timestamp NOT NULL); INSERT INTO t SELECT i, now() - i * interval '1 day', current_date - i, i, "
      "'note', now() - i * interval '1 day' FROM generate_series(1, 10) i");
  // The path that asks for it: the user's schema before the system's.
  sql("ALTER DATABASE " + database_ + " SET search_path = public, pg_catalog");
  std::string traps =
      "CREATE FUNCTION public.now() RETURNS timestamptz " + trap("'-infinity'") +
      "CREATE FUNCTION public.max(numeric) RETURNS numeric " + trap("-1") +
      "CREATE FUNCTION public.max(bigint) RETURNS bigint " + trap("-1") +
      "CREATE FUNCTION public.text(varchar) RETURNS text " + trap("'x'") +
      "CREATE FUNCTION public.timezone(text, timestamptz) RETURNS timestamp " + trap("'-infinity'") +
      "CREATE FUNCTION public.make_interval(secs double precision) RETURNS interval " + trap("'1 year'") +
      "CREATE FUNCTION public.minus(timestamptz, interval) RETURNS timestamptz " + trap("'-infinity'") +
      "CREATE OPERATOR public.- (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = public.minus);" +
      "CREATE FUNCTION public.minus(numeric, numeric) RETURNS numeric " + trap("-5") +
      "CREATE OPERATOR public.- (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = public.minus);" +
      operators("timestamptz", "timestamptz", "z") + operators("numeric", "numeric", "n") +
      operators("date", "date", "d") + operators("timestamp", "timestamp", "l") + operators("bigint", "bigint", "i");
  for (const std::string name : {"int8", "timestamptz", "date", "numeric", "tid", "oid", "interval", "float8"}) {
    traps += "CREATE FUNCTION public.wrong_" + name + "(pg_catalog." + name + ") RETURNS bool " + trap("false") +
             "CREATE DOMAIN public." + name + " AS pg_catalog." + name + " CHECK (public.wrong_" + name + "(VALUE)); ";
  }
  sql(traps);
  for (const std::string where : {"", "id > 0"}) {
    RunOptions options;
    options.stream["select"] = {"id"};
    options.stream["columns"] = {{"note", "text"}};
    // An operator of bigint would be what the condition itself asks for.
    if (!where.empty()) options.stream["where"] = "note IS NOT NULL";
    for (const std::string cursor : {"at", "d", "n", "l", "id"}) {
      SCOPED_TRACE(cursor + where);
      options.cursor_field = cursor;
      options.stream["lag"] = cursor == "n" || cursor == "id" ? Json(3) : Json("50h");
      options.last_value = {};
      RunResult result = run(options);
      ASSERT_TRUE(result.status.ok()) << result.status.error().message;
      EXPECT_GE(result.rows.size(), 7U);
      options.last_value = result.cursor();
      result = run(options);
      ASSERT_TRUE(result.status.ok()) << result.status.error().message;
      EXPECT_EQ(result.rows.size(), 0U);
    }
    options.cursor_field.clear();
    options.stream.erase("lag");
    EXPECT_EQ(run(options).rows.size(), 10U);
  }
  expect_no_trap();
}

TEST_F(Neighbour, ATypesOwnCastToTextIsNotRun) {
  sql("CREATE TYPE pair AS (a int, b text); CREATE TYPE span AS RANGE (subtype = int); CREATE TYPE mood AS ENUM "
      "('sad');"
      "CREATE FUNCTION public.pair_text(pair) RETURNS text " +
      trap("'forged'") + "CREATE FUNCTION public.span_text(span) RETURNS text " + trap("'forged'") +
      "CREATE FUNCTION public.mood_text(mood) RETURNS text " + trap("'forged'") +
      "CREATE FUNCTION public.pairs_text(pair[]) RETURNS text " + trap("'forged'") +
      "CREATE CAST (pair AS text) WITH FUNCTION public.pair_text(pair);"
      "CREATE CAST (span AS text) WITH FUNCTION public.span_text(span) AS IMPLICIT;"
      "CREATE CAST (mood AS text) WITH FUNCTION public.mood_text(mood);"
      "CREATE CAST (pair[] AS text) WITH FUNCTION public.pairs_text(pair[]);"
      "CREATE DOMAIN pair_domain AS pair;"
      "CREATE TABLE t (n int, p pair, s span, m mood, ps pair[], d pair_domain);"
      "INSERT INTO t VALUES (1, (1, 'x'), '[1,2)', 'sad', ARRAY[(1, 'x')::pair], (2, 'y')), (2, NULL, NULL, NULL, "
      "NULL, "
      "NULL), (3, (NULL, NULL), 'empty', 'sad', '{}', (NULL, NULL))");
  RunOptions options;
  for (const bool as_text : {false, true}) {
    if (as_text)
      options.stream["columns"] = {{"p", "text"}, {"s", "text"}, {"m", "text"}, {"ps", "text"}, {"d", "text"}};
    const RunResult result = run(options);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_EQ(result.rows,
              (std::vector<std::vector<std::string>>{{"1", "(1,x)", "[1,2)", "sad", "{\"(1,x)\"}", "(2,y)"},
                                                     {"2", "NULL", "NULL", "NULL", "NULL", "NULL"},
                                                     {"3", "(,)", "empty", "sad", "{}", "(,)"}}));
  }
  expect_no_trap();
}

TEST_F(Neighbour, AConditionAndAViewSeeTheRolesOwnPath) {
  sql("CREATE SCHEMA app; CREATE TABLE app.limits (low int); INSERT INTO app.limits VALUES (2);"
      "CREATE FUNCTION app.is_wanted(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN $1 >= (SELECT low FROM "
      "limits); END';"
      "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL);"
      "CREATE VIEW v AS SELECT id FROM t WHERE app.is_wanted(id)");
  sql("ALTER DATABASE " + database_ + " SET search_path = app, public");
  RunOptions options;
  options.stream["where"] = "is_wanted(id)";
  EXPECT_EQ(run(options).firsts(), (Rows{"2", "3"}));
  options.cursor_field = "id";
  EXPECT_EQ(run(options).firsts(), (Rows{"2", "3"}));
  // The look for rows without a cursor uses the condition, too.
  options.cursor_field = "note";
  options.stream["tie_breaker"] = {"id"};
  EXPECT_EQ(run(options).status.error().code, "NULL_CURSOR");
  EXPECT_EQ(validate({{"streams", {{{"name", "t"}, {"where", "is_wanted(id)"}}}}})->kind,
            sdk::Validation::Kind::kSuccess);
  RunOptions view;
  view.name = "v";
  EXPECT_EQ(run(view).firsts(), (Rows{"2", "3"}));
}

// Whoever may create can make a view and let everybody read it.
TEST_F(Neighbour, ViewsThatRunOthersFunctionsAreReadOnlyWhenTheyAreNamed) {
  sql("CREATE ROLE maker; GRANT CREATE ON SCHEMA public TO maker; CREATE TABLE t (id int); INSERT INTO t VALUES (1);"
      "CREATE VIEW plain AS SELECT id, lower('A') AS l FROM t; CREATE FUNCTION ours(int) RETURNS int LANGUAGE sql AS "
      "'SELECT $1'; CREATE VIEW with_ours AS SELECT ours(id) FROM t; SET ROLE maker;"
      "CREATE FUNCTION evil(int) RETURNS int " +
      trap("$1") + "CREATE FUNCTION evil_equal(int, text) RETURNS bool " + trap("true") +
      "CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = text, FUNCTION = evil_equal);"
      "CREATE VIEW direct AS SELECT evil(1) AS a; CREATE VIEW behind AS SELECT a FROM direct; CREATE VIEW operated AS "
      "SELECT "
      "1 AS a WHERE 1 = 'x'::text; CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; "
      "CREATE POLICY "
      "p ON guarded USING (evil(id) > 0); CREATE MATERIALIZED VIEW stored AS SELECT 1 AS a;"
      "GRANT SELECT ON direct, behind, operated, guarded, stored TO PUBLIC; RESET ROLE; CREATE ROLE view_reader LOGIN "
      "PASSWORD "
      "'reader'; GRANT SELECT ON t, plain, with_ours TO view_reader");
  const Json reader = {{"user", "view_reader"}, {"password", "reader"}};
  sdk::testing::FakeHost host;
  PostgresSource source;
  Json config = this->config();
  config.update(reader);
  ASSERT_TRUE(source.open(config).ok());
  const auto catalog = source.discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  Rows names;
  for (const sdk::CatalogStream& stream : catalog->streams) names.push_back(stream.name);
  EXPECT_EQ(names, (Rows{"plain", "stored", "t", "with_ours"}));
  size_t warnings = 0;
  for (const sdk::testing::LogLine& line : host.logs())
    warnings += line.message.find("of the role `maker`") != std::string::npos;
  EXPECT_EQ(warnings, 4U);
  expect_no_trap();
  RunOptions named;
  named.name = "behind";
  EXPECT_EQ(run(named, reader).firsts(), Rows{"1"});
  sql("DROP OWNED BY view_reader, maker CASCADE; DROP ROLE view_reader, maker");
}

TEST_F(Neighbour, WhatNamesATableNamesItsSchema) {
  sql("CREATE SCHEMA sales; CREATE TABLE orders (id int); CREATE TABLE sales.orders (id int);"
      "CREATE FUNCTION sales.total(int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
      "CREATE TYPE sales.holder AS (r regclass); CREATE DOMAIN sales.named AS regclass;"
      "CREATE TABLE t (n int, r regclass, ra regclass[], h sales.holder, d sales.named, p regproc, ty regtype);"
      "INSERT INTO t SELECT 1, c, ARRAY[c], ROW(c)::sales.holder, c, 'sales.total', 'sales.holder' FROM (SELECT "
      "'sales.orders'::regclass AS c) x;"
      "INSERT INTO t SELECT 2, c, ARRAY[c], ROW(c)::sales.holder, c, 'sales.total', 'sales.holder' FROM (SELECT "
      "'public.orders'::regclass AS c) x; CREATE VIEW v AS SELECT * FROM t");
  sql("ALTER DATABASE " + database_ + " SET search_path = sales, public");
  for (const std::string name : {"t", "v"}) {
    for (const std::string where : {"", "n > 0"}) {
      RunOptions options;
      options.name = name;
      if (!where.empty()) options.stream["where"] = where;
      const RunResult result = run(options);
      ASSERT_TRUE(result.status.ok()) << result.status.error().message;
      EXPECT_EQ(result.rows, (std::vector<Rows>{{"1", "sales.orders", "{sales.orders}", "(sales.orders)",
                                                 "sales.orders", "sales.total", "sales.holder"},
                                                {"2", "public.orders", "{public.orders}", "(public.orders)",
                                                 "public.orders", "sales.total", "sales.holder"}}))
          << name << where;
    }
  }
}

}  // namespace
}  // namespace rapidbyte::source_postgres
