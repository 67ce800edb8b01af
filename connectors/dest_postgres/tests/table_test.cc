// What the connector knows of a table, asked of a real server.
#include "src/table.h"

#include <gtest/gtest.h>

#include "src/session.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class TableTest : public PostgresTest {};

// The look at a table is one prepared statement, also after an error, and the setting that makes its plan serve every
// table does not persist: functions that triggers call are planned by it, too.
TEST_F(TableTest, APreparedLookSeesTheTableAsItIsNow) {
  sql("CREATE TABLE a (x int); CREATE TABLE \"o'dd\" (x int, y int)");
  FakeHost host;
  const Json settings = config();
  sdk::ConfigReader reader(settings);
  Session session(postgres::read_connection_options(reader));
  ASSERT_TRUE(session.open().ok());
  const TableName a{schema_name(), "a"};
  EXPECT_EQ((*read_table(session, a))->columns.size(), 1U);
  EXPECT_EQ((*read_table(session, {schema_name(), "o'dd"}))->columns.size(), 2U);
  EXPECT_FALSE((*read_table(session, {schema_name(), "absent"})).has_value());
  sql("ALTER TABLE a ADD COLUMN z text");
  ASSERT_TRUE(session.begin().ok());
  EXPECT_EQ((*read_table(session, a))->columns.size(), 2U);
  ASSERT_TRUE(session.exec(std::string(kRolePath)).ok());
  EXPECT_EQ(*session.value("SELECT pg_catalog.current_setting('plan_cache_mode')"), "auto") << "for functions of users";
  ASSERT_TRUE(session.exec(std::string(kSystemPath)).ok());
  EXPECT_EQ(*session.value("SELECT count(*) || ' ' || sum(generic_plans) FROM pg_prepared_statements"), "1 4");
  EXPECT_FALSE(session.exec("SELECT 1/0").ok());
  EXPECT_FALSE(read_table(session, a).ok()) << "the transaction has failed";
  session.rollback();
  EXPECT_EQ((*read_table(session, a))->columns.size(), 2U);
  EXPECT_EQ((*read_table(session, a))->columns.size(), 2U);
  session.close();
  ASSERT_TRUE(session.open().ok());
  EXPECT_EQ((*read_table(session, a))->columns.size(), 2U) << "by another connection, which knows nothing of it";
  session.close();
}

// Functions of users are looked for by the types of their arguments first, and only then by their schema.
TEST_F(TableTest, NoFunctionOfAUserTakesThePlaceOfTheServers) {
  sql("CREATE TABLE u (id bigint PRIMARY KEY, tags text[])");
  const std::string taken = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken over'; END $$";
  sql("CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text " + taken +
      "; CREATE FUNCTION public.unnest(bigint[]) RETURNS SETOF bigint " + taken +
      "; CREATE FUNCTION public.take(text, text) RETURNS text " + taken +
      "; CREATE AGGREGATE public.array_agg(text) (SFUNC = public.take, STYPE = text)");
  const Schema schema{{{"id", kInt}, {"tags", kText}}};
  const Json method = {{"load_method", "insert"}};
  const Outcome outcome = load(context("u", schema, upsert({"id"})), schema, {row(1, "{a}"), row(1, "{b}")}, method);
  const Json skip = on_error(context("u", schema, upsert({"id"})), "skip");
  const Outcome refused = load(skip, schema, {row(2, "{c}"), row(3, "{")}, method);
  sql("CREATE TABLE v (first text[], second text[])");
  const Schema two{{{"first", kText}, {"second", kText}}};
  const Outcome named = load(context("v", two), two, {Json::array({"{d}", "{"})}, method);
  sql("DROP AGGREGATE public.array_agg(text); DROP FUNCTION public.take(text, text); "
      "DROP FUNCTION public.unnest(text[]); DROP FUNCTION public.unnest(bigint[])");
  EXPECT_EQ(outcome.code(), "ok") << outcome.message();
  EXPECT_EQ(refused.code(), "ok") << refused.message();
  EXPECT_EQ(refused.summary.records_failed, 1U);
  EXPECT_NE(named.message().find("column \"second\""), std::string::npos) << named.message();
  EXPECT_EQ(table("u"), (Lines{"(1,{b})", "(2,{c})"}));
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
