#include "rapidbyte/sdk/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json parse(std::string_view text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json.ok()) << json.status().to_string();
  return json.ok() ? *json : Json();
}

TEST(ConfigReaderTest, ReadsValuesOfEveryType) {
  const Json json = parse(R"({"folder": "data", "rows": 10, "shift": -3, "ratio": 0.5, "header": false,
                              "names": ["a", "b"], "format": "csv", "csv": {"delimiter": ";"}})");
  ConfigReader reader(json);
  EXPECT_EQ(reader.required_string("folder"), "data");
  EXPECT_EQ(reader.optional_uint("rows", 1, 1, 100), 10U);
  EXPECT_EQ(reader.optional_int("shift", 0, -10, 10), -3);
  EXPECT_DOUBLE_EQ(reader.optional_double("ratio", 1, 0, 1), 0.5);
  EXPECT_FALSE(reader.optional_bool("header", true));
  EXPECT_THAT(reader.optional_strings("names"), ElementsAre("a", "b"));
  EXPECT_EQ(reader.optional_enum("format", "ndjson", {"csv", "ndjson"}), "csv");
  ConfigReader csv = reader.child("csv");
  EXPECT_EQ(csv.optional_string("delimiter", ","), ";");
  EXPECT_EQ(csv.optional_string("quote", "\""), "\"");
  EXPECT_EQ(reader.maybe_string("comment"), std::nullopt);
  EXPECT_TRUE(reader.finish().ok());
}

TEST(ConfigReaderTest, ReportsEveryProblemAtOnce) {
  const Json json = parse(R"({"rows": 0, "shift": "x", "header": 1, "names": ["a", 2], "format": "cvs",
                              "csv": {"delimitor": ";"}, "fodler": "data", "big": 99999999999999999999})");
  ConfigReader reader(json, "config of source-file");
  EXPECT_EQ(reader.required_string("folder"), "");
  EXPECT_EQ(reader.optional_uint("rows", 7, 1, 100), 7U);
  EXPECT_EQ(reader.optional_int("shift", 5, -10, 10), 5);
  EXPECT_TRUE(reader.optional_bool("header", true));
  (void)reader.optional_strings("names");
  EXPECT_EQ(reader.optional_enum("format", "ndjson", {"csv", "ndjson"}), "ndjson");
  (void)reader.child("csv").optional_string("delimiter", ",");
  (void)reader.optional_uint("big", 1, 1, 10);
  const Status status = reader.finish();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "INVALID_CONFIG");
  EXPECT_EQ(status.error().category, ErrorCategory::kConfig);
  const std::string& message = status.error().message;
  EXPECT_THAT(message, HasSubstr("config of source-file: 9 problems:"));
  EXPECT_THAT(message, HasSubstr("`folder` is missing"));
  EXPECT_THAT(message, HasSubstr("`rows` is 0 but must be an integer from 1 to 100"));
  EXPECT_THAT(message, HasSubstr("`shift` must be an integer from -10 to 10, not a string"));
  EXPECT_THAT(message, HasSubstr("`header` must be true or false, not an integer"));
  EXPECT_THAT(message, HasSubstr("`names[1]` must be a string, not an integer"));
  EXPECT_THAT(message, HasSubstr("`format` is `cvs` but must be one of csv, ndjson, did you mean `csv`?"));
  EXPECT_THAT(message, HasSubstr("`csv.delimitor` is not a known key, did you mean `delimiter`?"));
  EXPECT_THAT(message, HasSubstr("`fodler` is not a known key, did you mean `folder`?"));
  EXPECT_THAT(message, HasSubstr("`big` must be an integer from 1 to 10, not a number"));
}

TEST(ConfigReaderTest, RefusesAnEmptyRequiredString) {
  const Json json = parse(R"({"folder": ""})");
  ConfigReader reader(json);
  (void)reader.required_string("folder");
  EXPECT_THAT(reader.finish().to_string(), HasSubstr("`folder` must not be empty"));
}

TEST(ConfigReaderTest, RefusesAConfigThatIsNotAnObject) {
  const Json json = parse("[1]");
  ConfigReader reader(json);
  EXPECT_EQ(reader.optional_string("a", "b"), "b");
  EXPECT_THAT(reader.finish().to_string(), HasSubstr("must be an object, not a list"));
}

TEST(ConfigReaderTest, ARawKeyIsKnown) {
  const Json json = parse(R"({"streams": [{"name": "a"}]})");
  ConfigReader reader(json);
  ASSERT_NE(reader.raw("streams"), nullptr);
  EXPECT_TRUE(reader.finish().ok());
}

TEST(ConfigReaderTest, OwnProblemsAreListedToo) {
  const Json json = parse(R"({"a": "1", "b": "2"})");
  ConfigReader reader(json);
  (void)reader.raw("a");
  (void)reader.raw("b");
  reader.add_problem("a", "excludes `b`");
  EXPECT_THAT(reader.finish().to_string(), HasSubstr("`a` excludes `b`"));
}

TEST(SdkJsonTest, SaysWhereTextIsNotJson) {
  const auto json = parse_json(R"({"a": 1, "b" 2})");
  ASSERT_FALSE(json.ok());
  EXPECT_EQ(json.error().code, "INVALID_JSON");
  EXPECT_THAT(json.error().message, HasSubstr("at byte 14 of 15"));
  const auto behind = parse_json(std::string_view("{}\0junk", 7));
  ASSERT_FALSE(behind.ok());
  EXPECT_THAT(behind.error().message, HasSubstr("at byte 3 of 7"));
}

TEST(SdkJsonTest, TakesNumbersOnlyWhenTheyFit) {
  const Json json = parse(R"({"max": 18446744073709551615, "low": -1, "text": "1", "none": null})");
  EXPECT_EQ(uint_member(json, "max"), UINT64_MAX);
  EXPECT_EQ(int_member(json, "max"), std::nullopt);
  EXPECT_EQ(int_member(json, "low"), -1);
  EXPECT_EQ(uint_member(json, "low"), std::nullopt);
  EXPECT_EQ(int_member(json, "text"), std::nullopt);
  EXPECT_EQ(string_member(json, "none"), std::nullopt);
  EXPECT_EQ(string_member(Json(3), "x"), std::nullopt);
}

TEST(SdkJsonTest, WritesTextThatIsNotUtf8) { EXPECT_EQ(to_text(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace rapidbyte::sdk
