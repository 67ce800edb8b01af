#include "rapidbyte/protocol/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::protocol {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json column(const std::string& name) { return {{"name", name}, {"data_type", "Int64"}, {"nullable", false}}; }

json catalog_of(const json& columns) { return {{"streams", {{{"name", "orders"}, {"schema", columns}}}}}; }

std::string refusal(const std::string& text) {
  auto catalog = parse_catalog(text, "source-x");
  if (catalog.ok()) return "taken";
  EXPECT_EQ(catalog.error().code, "CATALOG_INVALID");
  EXPECT_THAT(catalog.error().message, HasSubstr("source-x"));
  return catalog.error().message;
}

TEST(Catalog, ReadsStreamsAndKeepsWhatItDoesNotKnow) {
  auto catalog = parse_catalog(R"({"streams": [{"name": "a", "schema": [{"name": "id", "data_type": "Int64",
    "nullable": false, "native_type": "x:int"}], "supported_sync_modes": ["full_refresh"],
    "source_defined_cursor": "id", "source_defined_primary_key": ["id"]},
    {"name": "b", "schema": {"columns": [{"name": "c", "data_type": "Utf8"}]}}, {"name": "c"}]})",
                               "source-x");
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  ASSERT_EQ(catalog->streams.size(), 3U);
  EXPECT_FALSE(catalog->streams[0].columns[0].nullable);
  EXPECT_EQ(catalog->streams[0].cursor, "id");
  EXPECT_EQ(catalog->columns_json(0)[0]["native_type"], "x:int");
  EXPECT_EQ(catalog->columns_json(1)[0]["name"], "c");
  EXPECT_TRUE(catalog->streams[1].columns[0].nullable);
  EXPECT_TRUE(catalog->columns_json(2).empty());
  EXPECT_EQ(catalog->find("b"), &catalog->streams[1]);
  EXPECT_EQ(catalog->find("z"), nullptr);
}

TEST(Catalog, AMemberNestedAHundredThousandDeepIsAnErrorThatNamesTheStream) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const std::string message = refusal(
      R"({"streams": [{"name": "a"}, {"name": "orders", "schema": [{"name": "id", "data_type": "Int64", "x": )" + deep +
      "}]}]}");
  EXPECT_THAT(message, HasSubstr("in stream 'orders': is nested deeper than 64 levels, at /streams/1/schema/0/x"));
}

TEST(Catalog, CountsAreBounded) {
  json columns = json::array();
  for (int i = 0; i < 100'000; ++i) columns.push_back(column("c" + std::to_string(i)));
  EXPECT_THAT(refusal(catalog_of(columns).dump()), HasSubstr("100000 columns in stream 'orders'; 20000 are allowed"));
  json streams = json::array();
  for (int i = 0; i < 100'000; ++i)
    streams.push_back({{"name", "s" + std::to_string(i)}, {"schema", json::array({column("id")})}});
  EXPECT_THAT(refusal(json{{"streams", streams}}.dump()), HasSubstr("100000 streams, the first is 's0'; 50000 are"));
  std::string values = R"({"streams": [{"name": "orders", "x": [)";
  for (int i = 0; i < 2'000'000; ++i) values += "1,";
  EXPECT_THAT(refusal(values + "1]}]}"), HasSubstr("in stream 'orders': has more than 2000000 values"));
  EXPECT_THAT(refusal(std::string(kCatalogLimits.max_bytes + 1, ' ')), HasSubstr("33554432 are allowed"));
}

// A wide file is not its connector's mistake.
TEST(Catalog, WhatIsTooMuchSaysWhatToDoAndWhatIsWrongWhomToTell) {
  json columns = json::array();
  for (int i = 0; i < 20'190; ++i) columns.push_back(column("c" + std::to_string(i)));
  const std::string wide = refusal(catalog_of(columns).dump());
  EXPECT_THAT(wide, HasSubstr("20190 columns in stream 'orders'; 20000 are allowed. Leave columns out"));
  EXPECT_THAT(wide, Not(HasSubstr("author")));
  json streams = json::array();
  for (int i = 0; i < 50'001; ++i) streams.push_back({{"name", "s" + std::to_string(i)}});
  for (const std::string& text : {json{{"streams", streams}}.dump(), std::string(kCatalogLimits.max_bytes + 1, ' ')}) {
    const std::string many = refusal(text);
    EXPECT_THAT(many, HasSubstr("list fewer streams"));
    EXPECT_THAT(many, Not(HasSubstr("author")));
  }
  EXPECT_THAT(refusal(R"({"streams": [{"name": 1}]})"), HasSubstr("author"));
}

TEST(Catalog, NamesAreBounded) {
  const auto with = [](const std::string& name) { return refusal(catalog_of(json::array({column(name)})).dump()); };
  EXPECT_EQ(with(std::string(kMaxNameBytes, 'x')), "taken");
  EXPECT_EQ(with("tab\there, escape \x1b[31m and \xE2\x80\xAE bidi"), "taken");
  EXPECT_THAT(with(std::string(kMaxNameBytes + 1, 'x')), HasSubstr("in stream 'orders' that has a name of 4097 bytes"));
  EXPECT_THAT(with(std::string("price\0old", 9)),
              HasSubstr("a column ('price\\x00old') in stream 'orders' that has a NUL"));
  EXPECT_THAT(with(""), HasSubstr("empty name"));
  EXPECT_THAT(refusal("{\"streams\": [{\"name\": \"a\xFF\"}]}"), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal(R"({"streams": [{"name": "a\u0000b"}]})"), HasSubstr("a stream ('a\\x00b') that has a NUL"));
  EXPECT_THAT(refusal(R"({"streams": [{"name": "a"}, {"name": "a"}]})"), HasSubstr("two streams of the name 'a'"));
}

TEST(Catalog, ShapesThatAreNoCatalog) {
  for (const char* text : {"null", "[]", "{}", R"({"streams": {}})", R"({"streams": [1]})", R"({"streams": [{}]})",
                           R"({"streams": [{"name": 1}]})", R"({"streams": [{"name": "a", "schema": 1}]})",
                           R"({"streams": [{"name": "a", "schema": [1]}]})",
                           R"({"streams": [{"name": "a", "schema": [{"name": "c"}]}]})"}) {
    EXPECT_NE(refusal(text), "taken") << text;
  }
}

}  // namespace
}  // namespace rapidbyte::protocol
