// Foreign keys between the targets of a pipeline's streams, as the host asks for them before the first one begins.
#include <gtest/gtest.h>

#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class ReferencesTest : public PostgresTest {
 protected:
  Json ask(const std::vector<std::string>& streams, const Json& more = Json::object()) {
    FakeHost host;
    auto connector = open(more);
    const auto answer =
        connector->last_committed(sdk::to_text({{"ask", "references"}, {"streams", streams}, {"stream_name", ""}}));
    EXPECT_TRUE(answer.ok()) << answer.status().to_string();
    EXPECT_TRUE(connector->close().ok());
    return answer.ok() && *answer ? Json::parse(**answer).at("references") : Json();
  }
};

TEST_F(ReferencesTest, NamesTheStreamsThatHaveToComeFirst) {
  sql("CREATE TABLE c (id bigint PRIMARY KEY); CREATE TABLE o (id bigint PRIMARY KEY, c bigint REFERENCES c, up bigint "
      "REFERENCES o); CREATE TABLE i (o bigint REFERENCES o, c bigint REFERENCES c); CREATE TABLE free (id bigint); "
      "CREATE SCHEMA \"other " +
      schema_name() + "\"; CREATE TABLE \"other " + schema_name() + "\".\"x.y\" (i bigint REFERENCES c)");
  const std::string quoted = "\"other " + schema_name() + "\".\"x.y\"";
  EXPECT_EQ(ask({"i", "free", "o", "c", "absent", quoted, "pg_catalog.pg_class"}),
            (Json{{"i", {"o", "c"}}, {"o", {"c"}}, {quoted, {"c"}}}));
  // Of those that were asked about.
  EXPECT_EQ(ask({"i", "c"}), (Json{{"i", {"c"}}}));
  EXPECT_EQ(ask({"o"}), Json::object());
  EXPECT_EQ(ask({}), Json::object());
  sql("DROP SCHEMA \"other " + schema_name() + "\" CASCADE");
}

TEST_F(ReferencesTest, KnowsThePrefixOfTheTables) {
  sql("CREATE TABLE load_c (id bigint PRIMARY KEY); CREATE TABLE load_i (c bigint REFERENCES load_c)");
  EXPECT_EQ(ask({"i", "c"}, {{"table_prefix", "load_"}}), (Json{{"i", {"c"}}}));
  EXPECT_EQ(ask({"i", "c"}), Json::object());
}

TEST_F(ReferencesTest, APartitionedTableAndItsPartitionsCountForEachOther) {
  sql("CREATE TABLE c (id bigint PRIMARY KEY); CREATE TABLE o (id bigint PRIMARY KEY, c bigint REFERENCES c) PARTITION "
      "BY "
      "RANGE (id); CREATE TABLE o1 PARTITION OF o FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id); "
      "CREATE TABLE o1a PARTITION OF o1 FOR VALUES FROM (0) TO (5); CREATE TABLE i (o bigint REFERENCES o)");
  EXPECT_EQ(ask({"i", "o", "c"}), (Json{{"i", {"o"}}, {"o", {"c"}}}));
  EXPECT_EQ(ask({"i", "o1", "c"}), (Json{{"i", {"o1"}}, {"o1", {"c"}}}));
  EXPECT_EQ(ask({"i", "o1a", "c"}), (Json{{"i", {"o1a"}}, {"o1a", {"c"}}}));
}

TEST_F(ReferencesTest, ARingIsAllOfItsParts) {
  sql("CREATE TABLE a (id bigint PRIMARY KEY, b bigint); CREATE TABLE b (id bigint PRIMARY KEY, a bigint REFERENCES "
      "a); "
      "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b");
  EXPECT_EQ(ask({"a", "b"}), (Json{{"a", {"b"}}, {"b", {"a"}}}));
  Json ctx = context("a", {{{"id", kInt}, {"b", kInt}}});
  ctx["reference_ring"] = {"a", "b"};
  const Schema schema{{{"id", kInt}, {"b", kInt}}};
  const Outcome refused = load(ctx, schema, {Json::array({1, 1})});
  EXPECT_EQ(refused.code(), "ROW_REFUSED");
  EXPECT_NE(refused.message().find("(\"a\" -> \"b\" -> \"a\")"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("session_replication_role"), std::string::npos);
  ASSERT_FALSE(refused.logs.empty());
  EXPECT_NE(refused.logs.front().find("form a cycle"), std::string::npos) << refused.logs.front();
  // Nothing is checked, so nothing has to come first.
  const std::string database = sql("SELECT current_database()").front();
  sql("ALTER ROLE CURRENT_USER IN DATABASE " + database + " SET session_replication_role = replica");
  EXPECT_EQ(ask({"a", "b"}), Json::object());
  sql("ALTER ROLE CURRENT_USER IN DATABASE " + database + " RESET session_replication_role");
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
