#include "connectors/transform_check/src/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::transform_check {
namespace {

using sdk::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string why(const std::string& rules) {
  const auto parsed = Config::parse(Json::parse("{\"rules\": " + rules + "}"));
  return parsed.ok() ? "ok" : parsed.error().code + ": " + parsed.error().message;
}

TEST(CheckConfigTest, ReadsEveryRule) {
  const auto config = Config::parse(Json::parse(R"({"rules": [
      {"name": "positive", "expect": "amount >= 0", "on_fail": "dlq", "at_most": "0.1%"},
      {"not_null": ["id", "*_at"], "streams": "orders"},
      {"unique": ["a", "b"], "on_fail": "skip", "at_most": 10},
      {"accepted_values": {"status": ["paid", "open"]}, "streams": ["o*", "people"]},
      {"range": {"amount": {"min": 0, "max": 5}}, "on_fail": "warn"},
      {"regex": {"email": "@"}}]})"));
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  ASSERT_EQ(config->rules.size(), 6U);
  EXPECT_DOUBLE_EQ(*config->rules[0].at_most->share, 0.001);
  EXPECT_EQ(config->rules[0].on_fail, OnFail::kDlq);
  EXPECT_EQ(config->rules[1].name, "not_null id, *_at");
  EXPECT_EQ(config->rules[1].on_fail, OnFail::kFail);
  EXPECT_EQ(config->rules[2].at_most->rows, 10U);
  EXPECT_EQ(config->rules[3].name, "accepted_values status");
  EXPECT_EQ(std::get<Ranges>(config->rules[4].what).columns[0].second.max, Json(5));
  const auto names = [&](const char* stream) {
    std::vector<std::string> found;
    for (const Rule* rule : config->rules_for(stream)) found.push_back(rule->name);
    return found;
  };
  EXPECT_THAT(names("orders"), ElementsAre("positive", "not_null id, *_at", "unique a, b", "accepted_values status",
                                           "range amount", "regex email"));
  EXPECT_THAT(names("zips"), ElementsAre("positive", "unique a, b", "range amount", "regex email"));
}

TEST(CheckConfigTest, SaysWhatIsWrongWithWhichRule) {
  EXPECT_THAT(why("[]"), HasSubstr("must be a list of rules"));
  EXPECT_THAT(why("[1]"), HasSubstr("rule 1 must be an object"));
  EXPECT_THAT(why(R"([{"name": "x"}])"), HasSubstr("rule 1 (`x`) says nothing to check"));
  EXPECT_THAT(why(R"([{"expect": "true"}, {"expct": "true"}])"), HasSubstr("rule 2 has an unknown key `expct`"));
  EXPECT_THAT(why(R"([{"expect": "true", "unique": "a"}])"), HasSubstr("make two rules of it"));
  EXPECT_THAT(why(R"([{"expect": ""}])"), HasSubstr("a condition in SQL"));
  EXPECT_THAT(why(R"([{"expect": "true\u0000"}])"), HasSubstr("a condition in SQL"));
  EXPECT_THAT(why(R"([{"expect": "true", "on_fail": "drop"}])"), HasSubstr("fail, skip, dlq or warn"));
  EXPECT_THAT(why(R"([{"expect": "true", "at_most": 5}])"), HasSubstr("needs another `on_fail`"));
  for (const char* most : {"\"\"", "\"x\"", "\"101%\"", "\"-1%\"", "\"nan%\"", "\"1 %x\"", "-1", "1.5", "\"%\""})
    EXPECT_THAT(why(R"([{"expect": "true", "on_fail": "skip", "at_most": )" + std::string(most) + "}]"),
                HasSubstr("a number of rows, or a share"))
        << most;
  EXPECT_THAT(why(R"([{"not_null": []}])"), HasSubstr("must name a column"));
  EXPECT_THAT(why(R"([{"unique": [1]}])"), HasSubstr("must name a column"));
  EXPECT_THAT(why(R"([{"accepted_values": {"a": []}}])"), HasSubstr("{status: [paid, open]}"));
  EXPECT_THAT(why(R"([{"accepted_values": {"a": [null]}}])"), HasSubstr("{status: [paid, open]}"));
  EXPECT_THAT(why(R"([{"range": {"a": {"from": 1}}}])"), HasSubstr("{amount: {min: 0, max: 100}}"));
  EXPECT_THAT(why(R"([{"regex": {"a": 1}}])"), HasSubstr("must look like"));
  EXPECT_THAT(why(R"([{"not_null": "a"}, {"not_null": "a"}])"), HasSubstr("two rules are named `not_null a`"));
  EXPECT_THAT(why(R"([{"not_null": "a", "name": ""}])"), HasSubstr("`name` must be"));
}

}  // namespace
}  // namespace rapidbyte::transform_check
