// What the rules become. That DuckDB takes it and gives what it says, tests/e2e/test_transform_columns.py shows.

#include "connectors/transform_columns/src/column_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::transform_columns {
namespace {

using sdk::DataType;
using sdk::Json;
using sdk::Schema;
using sdk::TimeUnit;
using sdk::TypeId;
using ::testing::HasSubstr;
using ::testing::Not;

Schema columns_of(const std::vector<std::pair<std::string, DataType>>& columns) {
  Schema schema;
  for (const auto& [name, type] : columns) schema.fields.push_back({name, type});
  return schema;
}

const Schema kPeople = columns_of({{"id", DataType::of(TypeId::kInt64)},
                                   {"name", DataType::of(TypeId::kUtf8)},
                                   {"home_email", DataType::of(TypeId::kUtf8)},
                                   {"work_email", DataType::of(TypeId::kUtf8)},
                                   {"born", DataType::of(TypeId::kDate32)},
                                   {"photo", DataType::of(TypeId::kBinary)}});

sdk::Result<ColumnQuery> query_of(const char* config, const Schema& columns = kPeople,
                                  std::string_view stream = "people") {
  auto parsed = Config::parse(Json::parse(config));
  if (!parsed.ok()) return parsed.status();
  return make_query(*parsed, stream, columns);
}
std::string sql_of(const char* config, const Schema& columns = kPeople, std::string_view stream = "people") {
  const auto query = query_of(config, columns, stream);
  return query.ok() ? query->sql : query.error().code + ": " + query.error().message;
}

TEST(ColumnSqlTest, ChoosesInTheOrderOfSelectAndRenames) {
  EXPECT_EQ(
      sql_of(
          R"j({"select": ["born", "*_email", "id", "i*"], "exclude": ["work*"], "rename": {"id": "key", "*_email": "mail_*"}})j"),
      "SELECT input.\"born\" AS \"born\", input.\"home_email\" AS \"mail_home\", input.\"id\" AS "
      "\"key\" FROM input");
  EXPECT_THAT(sql_of(R"j({"exclude": ["*"]})j"), HasSubstr("leave no column"));
  EXPECT_THAT(sql_of(R"j({"select": ["x*"]})j"), HasSubstr("leave no column"));
}

TEST(ColumnSqlTest, WhatChangesNothingPassesThrough) {
  EXPECT_TRUE(query_of(R"j({"rename": {"zip": "postcode"}})j")->unchanged);
  EXPECT_TRUE(query_of(R"j({"select": ["*"]})j")->unchanged);
  EXPECT_TRUE(query_of(R"j({"cast": {"id": "bigint"}})j")->unchanged) << "it is one already";
  EXPECT_FALSE(query_of(R"j({"select": ["name", "*"]})j")->unchanged) << "another order";
  EXPECT_FALSE(query_of(R"j({"rename": {"id": "ID"}})j")->unchanged);
  const auto query = query_of(R"j({"rename": {"id": "key"}, "hash": ["*_email"], "exclude": ["photo"]})j");
  EXPECT_EQ(query->note, "2 hashed, 1 left out, 1 renamed");
}

TEST(ColumnSqlTest, NamesAreQuotedWhateverTheyAre) {
  const Schema hostile = columns_of({{"a\"b", DataType::of(TypeId::kUtf8)},
                                     {"count(*)", DataType::of(TypeId::kUtf8)},
                                     {"*", DataType::of(TypeId::kUtf8)},
                                     {"'; DROP TABLE input; --", DataType::of(TypeId::kUtf8)}});
  const std::string sql = sql_of(
      R"j({"rename": {"*": "it's \"x\""}, "null": ["a\"b"], "default": {"count(*)": "'; SELECT 1 --"}})j", hostile);
  EXPECT_EQ(sql,
            "SELECT CASE WHEN false THEN input.\"a\"\"b\" END AS \"a\"\"b\", "
            "coalesce(input.\"count(*)\", '''; SELECT 1 --') AS \"count(*)\", "
            "input.\"*\" AS \"it's \"\"x\"\"\", "
            "input.\"'; DROP TABLE input; --\" AS \"'; DROP TABLE input; --\" FROM input")
      << "a name that is one comes before patterns, so `*` is the column";
}

TEST(ColumnSqlTest, ARuleOfTheStreamComesBeforeThoseForAllAndANameBeforePatterns) {
  const char* config = R"j({"default": {"*_email": "any", "home_email": "name", "h*": "short"},
                           "streams": {"people": {"default": {"w*": "own"}}, "p*": {"default": {"work_email": "no"}}}})j";
  const std::string sql = sql_of(config);
  EXPECT_THAT(sql, HasSubstr("coalesce(input.\"home_email\", 'name')"));
  EXPECT_THAT(sql, HasSubstr("coalesce(input.\"work_email\", 'own')"));
  EXPECT_THAT(sql_of(config, kPeople, "places"), HasSubstr("coalesce(input.\"work_email\", 'no')"));
  EXPECT_THAT(sql_of(config, kPeople, "orders"), HasSubstr("coalesce(input.\"work_email\", 'any')"));
}

TEST(ColumnSqlTest, NamesThatCollideAreRefused) {
  EXPECT_THAT(sql_of(R"j({"rename": {"id": "name"}})j"),
              HasSubstr("COLUMNS_COLLIDE: columns `id` and `name` would both be named `name`"));
  EXPECT_THAT(sql_of(R"j({"rename": {"id": "NAME"}})j"), HasSubstr("the case of letters does not count"));
  EXPECT_THAT(sql_of(R"j({"rename": {"*_email": "email"}})j"), HasSubstr("COLUMNS_COLLIDE"));
  EXPECT_THAT(sql_of(R"j({"rename": {"id": "name", "name": "id"}})j"), HasSubstr("AS \"name\""))
      << "they change places";
}

TEST(ColumnSqlTest, CastsThatCannotBeAreRefusedAndOthersAreExact) {
  EXPECT_THAT(sql_of(R"j({"cast": {"born": "int64"}})j"), HasSubstr("CAST_IMPOSSIBLE: column `born` is Date32"));
  EXPECT_THAT(sql_of(R"j({"cast": {"photo": "date"}})j"), HasSubstr("CAST_IMPOSSIBLE"));
  EXPECT_THAT(sql_of(R"j({"cast": {"id": "date"}})j"), HasSubstr("CAST_IMPOSSIBLE"));
  const auto cast = [](const DataType& from, const DataType& to) { return *exact_cast("v", "c", from, to); };
  EXPECT_EQ(cast(DataType::of(TypeId::kInt64), DataType::of(TypeId::kUtf8)), "CAST(v AS VARCHAR)");
  EXPECT_EQ(cast(DataType::of(TypeId::kInt64), DataType::of(TypeId::kInt8)), "CAST(v AS TINYINT)")
      << "out of range fails";
  EXPECT_EQ(cast(DataType::of(TypeId::kFloat64), DataType::of(TypeId::kInt64)),
            "CASE WHEN v IS NULL OR CAST(CAST(v AS BIGINT) AS DOUBLE) = v THEN CAST(v AS BIGINT) ELSE error('column "
            "`c`: ' || "
            "CAST(v AS VARCHAR) || ' would not stay what it is as BIGINT') END");
  for (const auto& [from, to] : std::vector<std::pair<DataType, DataType>>{
           {DataType::decimal128(10, 3), DataType::decimal128(10, 2)},
           {DataType::decimal128(10, 3), DataType::of(TypeId::kInt64)},
           {DataType::of(TypeId::kFloat64), DataType::of(TypeId::kFloat32)},
           {DataType::of(TypeId::kInt64), DataType::of(TypeId::kFloat64)},
           {DataType::of(TypeId::kInt64), DataType::of(TypeId::kBoolean)},
           {DataType::timestamp(TimeUnit::kMicrosecond), DataType::of(TypeId::kDate32)},
           {DataType::timestamp(TimeUnit::kNanosecond), DataType::timestamp(TimeUnit::kMicrosecond)},
           {DataType::of(TypeId::kUtf8), DataType::of(TypeId::kInt32)},
           {DataType::of(TypeId::kUtf8), DataType::decimal128(9, 2)},
           {DataType::of(TypeId::kUtf8), DataType::of(TypeId::kDate32)},
           {DataType::of(TypeId::kUtf8), DataType::timestamp(TimeUnit::kMicrosecond)}})
    EXPECT_THAT(cast(from, to), HasSubstr("error(")) << from.name() << " to " << to.name();
  EXPECT_THAT(cast(DataType::decimal128(9, 2), DataType::decimal128(12, 4)), Not(HasSubstr("error(")));
}

TEST(ColumnSqlTest, MaskHashAndNullHideValues) {
  EXPECT_THAT(sql_of(R"j({"mask": {"name": 4}})j"),
              HasSubstr("CASE WHEN length(input.\"name\") > 4 THEN repeat('*', length(input.\"name\") - 4) || "
                        "right(input.\"name\", 4) "
                        "ELSE repeat('*', length(input.\"name\")) END AS \"name\""));
  EXPECT_THAT(sql_of(R"j({"mask": {"name": 0}})j"), HasSubstr(" repeat('*', length(input.\"name\")) AS"));
  EXPECT_THAT(sql_of(R"j({"mask": {"id": 2}})j"), HasSubstr("right(CAST(input.\"id\" AS VARCHAR), 2)"));
  EXPECT_THAT(sql_of(R"j({"mask": {"photo": 2}})j"), HasSubstr("no characters to mask"));
  EXPECT_THAT(sql_of(R"j({"hash": ["name"]})j"), HasSubstr("sha256(encode(input.\"name\"))"));
  EXPECT_THAT(sql_of(R"j({"hash": ["photo"]})j"), HasSubstr("sha256(input.\"photo\")"));
  EXPECT_THAT(sql_of(R"j({"hash": {"id": "hmac-sha256"}})j"),
              HasSubstr("sha256(unhex($rapidbyte_outer) || unhex(sha256(unhex($rapidbyte_inner) || "
                        "encode(CAST(input.\"id\" AS VARCHAR)))))"));
  EXPECT_THAT(sql_of(R"j({"hash": ["name"], "null": ["n*"]})j"), HasSubstr("several of `mask`, `hash` and `null`"));
  EXPECT_THAT(sql_of(R"j({"hash": ["name"], "streams": {"people": {"mask": {"name": 1}}}})j"), HasSubstr("several of"));
}

TEST(ColumnSqlTest, DefaultsAreOfTheColumnsTypeAfterItsCast) {
  EXPECT_THAT(sql_of(R"j({"cast": {"name": "decimal(9, 2)"}, "default": {"name": 0.25}})j"),
              HasSubstr(", CAST('0.25' AS DECIMAL(9, 2))) AS \"name\""));
  EXPECT_THAT(sql_of(R"j({"default": {"id": "none"}})j"),
              HasSubstr("`default` of column `id`: \"none\" is no value of Int64"));
  const auto query = query_of(R"j({"default": {"born": "2026-13-01", "name": "x"}})j");
  EXPECT_EQ(query->constants, "SELECT CAST('2026-13-01' AS DATE) AS \"born\"")
      << "which DuckDB refuses before the first row";
}

TEST(ColumnSqlTest, KnowsWhichPatternsFit) {
  const auto query = query_of(
      R"j({"hash": ["*_email", "nmae"], "null": ["photo"], "streams": {"people": {"mask": {"x*": 1, "id": 2}}}})j");
  EXPECT_EQ(query->used,
            (std::set<PatternPlace>{{"", "hash", "*_email"}, {"", "null", "photo"}, {"people", "mask", "id"}}));
}

}  // namespace
}  // namespace rapidbyte::transform_columns
