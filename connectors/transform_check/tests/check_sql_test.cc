// What the rules become. That DuckDB takes it and decides what it says, tests/e2e/test_transform_check.py shows.

#include "connectors/transform_check/src/check_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::transform_check {
namespace {

using sdk::DataType;
using sdk::Json;
using sdk::TypeId;
using ::testing::HasSubstr;

const sdk::Schema kOrders{{{"id", DataType::of(TypeId::kInt64)},
                           {"a\"b", DataType::of(TypeId::kUtf8)},
                           {"price", DataType::of(TypeId::kFloat64)},
                           {"paid_at", DataType::of(TypeId::kDate32)},
                           {"sent_at", DataType::of(TypeId::kDate32)}}};

std::string sql_of(const std::string& rule) {
  const auto config = Config::parse(Json::parse("{\"rules\": [" + rule + "]}"));
  if (!config.ok()) return config.error().message;
  const auto rules = rules_of(config->rules_for("orders"), kOrders);
  if (!rules.ok()) return rules.error().code + ": " + rules.error().message;
  return rules->conditions.empty() ? "none" : rules->conditions[0].sql;
}

TEST(CheckSqlTest, ARuleIsAConditionForEachOfItsColumns) {
  EXPECT_EQ(sql_of(R"({"expect": "id > 0 -- yes"})"), "(\nid > 0 -- yes\n)");
  EXPECT_EQ(sql_of(R"({"not_null": ["id", "*_at"]})"),
            "(input.\"id\" IS NOT NULL) AND (input.\"paid_at\" IS NOT NULL) AND (input.\"sent_at\" IS NOT NULL)");
  EXPECT_EQ(sql_of(R"({"accepted_values": {"a\"b": ["x'", "y"]}})"), "(input.\"a\"\"b\" IN ('x''', 'y'))");
  EXPECT_EQ(sql_of(R"({"range": {"id": {"min": -5}}})"), "(input.\"id\" >= CAST('-5' AS BIGINT))");
  EXPECT_EQ(sql_of(R"({"range": {"price": {"max": 1.5}}})"),
            "(input.\"price\" <= CAST('1.5' AS DOUBLE) AND NOT isnan(input.\"price\"))");
  EXPECT_EQ(sql_of(R"({"regex": {"a\"b": "^it's$"}})"), "(regexp_matches(input.\"a\"\"b\", '^it''s$'))");
  EXPECT_EQ(sql_of(R"({"not_null": "zip"})"), "none");
}

TEST(CheckSqlTest, WhatCannotBeIsRefusedWithRuleAndColumn) {
  EXPECT_EQ(sql_of(R"({"name": "r", "range": {"id": {"min": 0.5}}})"),
            "CHECK_INVALID: rule `r`: column `id`: 0.5 is no value of Int64: it must be a whole number");
  EXPECT_THAT(sql_of(R"({"accepted_values": {"id": ["1"]}})"), HasSubstr("\"1\" is no value of Int64"));
  EXPECT_THAT(sql_of(R"({"regex": {"id": "1"}})"), HasSubstr("column `id`: is Int64, not text"));
  EXPECT_THAT(sql_of(R"({"unique": ["id", "payd_at"]})"),
              HasSubstr("there is no column `payd_at`; did you mean paid_at?"));
}

TEST(CheckSqlTest, TellsPatternsThatFitFromThoseThatDoNot) {
  const auto config = Config::parse(Json::parse(R"({"rules": [{"name": "n", "not_null": ["*_at", "zip"]}]})"));
  const auto rules = rules_of(config->rules_for("orders"), kOrders);
  EXPECT_EQ(rules->used, (std::set<std::pair<std::string, std::string>>{{"n", "*_at"}}));
  EXPECT_EQ(rules->unused, (std::set<std::pair<std::string, std::string>>{{"n", "zip"}}));
}

TEST(CheckSqlTest, OneQueryDecidesAllRules) {
  const auto config = Config::parse(Json::parse(
      R"({"rules": [{"expect": "id > 0"}, {"range": {"paid_at": {"min": "2026-01-01"}}}, {"unique": "id"}]})"));
  const auto rules = rules_of(config->rules_for("orders"), kOrders);
  ASSERT_TRUE(rules.ok()) << rules.status().to_string();
  ASSERT_EQ(rules->constants.size(), 1U);
  EXPECT_EQ(rules->constants[0].second, "CAST('2026-01-01' AS DATE)");
  EXPECT_EQ(rules->constants[0].first->name, "range paid_at");
  EXPECT_EQ(rules->keys[0].columns, std::vector<size_t>{0});
  EXPECT_EQ(states_sql(rules->conditions, true),
            "SELECT CAST(coalesce(TRY(CASE WHEN ((\nid > 0\n)) IS NOT DISTINCT FROM false THEN 1 ELSE 0 END), 2) AS "
            "TINYINT) AS "
            "rapidbyte_rule_0,\nCAST(CASE WHEN ((input.\"paid_at\" >= CAST('2026-01-01' AS DATE))) IS NOT DISTINCT "
            "FROM false "
            "THEN 1 ELSE 0 END AS TINYINT) AS rapidbyte_rule_1\nFROM input");
  EXPECT_EQ(shown(config->rules[0]), "id > 0");
  EXPECT_EQ(shown(config->rules[1]), "range of paid_at");
  EXPECT_EQ(shown(config->rules[2]), "unique of id");
}

}  // namespace
}  // namespace rapidbyte::transform_check
