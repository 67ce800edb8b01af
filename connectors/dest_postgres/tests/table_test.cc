// What the connector knows of a table, asked of a real server.
#include "src/table.h"

#include <gtest/gtest.h>

#include "src/session.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class TableTest : public PostgresTest {};

// What the connector looks up again and again is planned once, also after an error, and the setting that this takes does
// not stay: functions that triggers call are planned by it, too.
TEST_F(TableTest, TheLookAtATableIsPlannedOnceAndSeesItAsItIsNow) {
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
  EXPECT_EQ(*session.value("SELECT current_setting('plan_cache_mode')"), "auto");
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

}  // namespace
}  // namespace rapidbyte::dest_postgres
