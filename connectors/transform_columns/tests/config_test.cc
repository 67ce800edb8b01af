#include "connectors/transform_columns/src/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::transform_columns {
namespace {

using sdk::Json;
using ::testing::HasSubstr;

std::string why(const char* config) {
  const auto parsed = Config::parse(Json::parse(config));
  return parsed.ok() ? "ok" : parsed.error().code + ": " + parsed.error().message;
}

TEST(ColumnsConfigTest, ReadsEveryRule) {
  const auto config = Config::parse(Json::parse(R"j({
      "select": ["a", "b*"], "exclude": ["c"], "rename": {"a": "x", "old_*": "new_*"}, "cast": {"b": "decimal(12, 2)"},
      "default": {"a": "none"}, "mask": {"card": 4}, "hash": ["*_email"], "null": ["note"],
      "streams": {
  "orders" : {"hash" : {"ssn" : "hmac-sha256"}}, "o*" : { "null" : ["x"] }
}
})j"));
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(config->all.select, (std::vector<std::string>{"a", "b*"}));
  EXPECT_EQ(config->all.cast[0].second, sdk::DataType::decimal128(12, 2));
  EXPECT_EQ(config->all.hash[0], (std::pair<std::string, Hash>("*_email", Hash::kSha256)));
  EXPECT_TRUE(config->needs_key());
  EXPECT_EQ(config->entry_for("orders")->first, "orders") << "a name comes before a longer or shorter pattern";
  EXPECT_EQ(config->entry_for("others")->first, "o*");
  EXPECT_EQ(config->entry_for("people"), nullptr);
}

TEST(ColumnsConfigTest, SaysEverythingThatIsWrong) {
  const std::string all =
      why(R"j({"cast": {"a": "int65", "b": 4}, "mask": {"c": -1}, "hash": {"d": "md5"}, "rename": {"e": "", "f": "x*"},
                                  "default": {"g": null}, "colour": 1})j");
  for (const char* part :
       {"INVALID_CONFIG", "int65", "decimal(p, s)", "`b`", "`c`", "hmac-sha256", "`e`", "`f`", "`g`", "colour"})
    EXPECT_THAT(all, HasSubstr(part));
  EXPECT_THAT(why("{}"), HasSubstr("give a rule"));
  EXPECT_THAT(why(R"j({"streams": {"a": {}}})j"), HasSubstr("give a rule"));
  EXPECT_THAT(why(R"j({"streams": {"a": 1}})j"), HasSubstr("needs rules"));
  EXPECT_THAT(why(R"j({"streams": {"a": {"renmae": {}}}})j"), HasSubstr("did you mean `rename`?"));
  EXPECT_THAT(why(R"j({"null": "a"})j"), HasSubstr("null"));
  EXPECT_THAT(why(R"j({"null": [""]})j"), HasSubstr("neither empty"));
  EXPECT_THAT(why(R"j({"null": ["a\u0000b"]})j"), HasSubstr("zero byte"));
  EXPECT_THAT(why(R"j({"rename": {"a": "b\u0000"}})j"), HasSubstr("needs a new name"));
  EXPECT_THAT(why(R"j({"rename": {"a?_*": "b*"}})j"), HasSubstr("only `*`"));
  EXPECT_THAT(why(R"j({"mask": {"a": 1001}})j"), HasSubstr("0 to 1000"));
}

}  // namespace
}  // namespace rapidbyte::transform_columns
