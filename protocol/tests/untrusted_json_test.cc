#include "rapidbyte/protocol/untrusted_json.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace rapidbyte::protocol {
namespace {

using nlohmann::json;

constexpr JsonLimits kSmall = {200, 4, 10};

std::string nested(size_t depth, const std::string& inner = "1") {
  return std::string(depth, '[') + inner + std::string(depth, ']');
}

TEST(UntrustedJson, AnswersWithACodeAndAPlace) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"{\"a\": [1, {\"b\": [2]}]}", "ok", ""},
      {"[1, 2", "INVALID_JSON", "is not JSON: it ends too early, after 5 bytes"},
      {"", "INVALID_JSON", "is not JSON: it ends too early, after 0 bytes"},
      {"\"\xFF\"", "INVALID_JSON", "is not JSON: it goes wrong at byte 2 of 3"},
      {"1e999", "INVALID_JSON", "is not JSON: it goes wrong at byte 5 of 5"},
      {"[1] [2]", "INVALID_JSON", "is not JSON: it goes wrong at byte 5 of 7"},
      {std::string("{}\0junk", 7), "INVALID_JSON", "is not JSON: it goes wrong at byte 3 of 7"},
      {std::string("[1]\0", 4), "INVALID_JSON", "is not JSON: it goes wrong at byte 4 of 4"},
      {nested(5), "JSON_TOO_DEEP", "is nested deeper than 4 levels, at /0/0/0/0"},
      {"{\"a\": {\"b\": [0, {\"c\": {}}]}}", "JSON_TOO_DEEP", "is nested deeper than 4 levels, at /a/b/1/c"},
      {"[1,2,3,4,5,6,7,8,9,10]", "JSON_TOO_MANY_VALUES", "has more than 10 values; the next one is at /9"},
      {"{\"x\":[[],[],[],[],[],[],[],[],[]]}", "JSON_TOO_MANY_VALUES",
       "has more than 10 values; the next one is at /x/8"},
      {std::string(201, ' '), "JSON_TOO_LARGE", "has 201 bytes; 200 are allowed"},
  };
  for (const auto& [text, code, message] : cases) {
    auto value = parse_untrusted(text, kSmall);
    EXPECT_EQ(value.ok() ? "ok" : value.error().code, code) << text;
    EXPECT_EQ(value.ok() ? "" : value.error().message, message) << text;
    EXPECT_EQ(is_sound_json(text, kSmall), value.ok()) << text;
  }
}

TEST(UntrustedJson, AHundredThousandLevelsAreNeverBuilt) {
  for (const std::string& text : {nested(100'000), std::string(100'000, '['), "{\"a\":" + nested(100'000) + "}"}) {
    for (const JsonLimits& limits :
         {kCheckpointLimits, kReceiptLimits, kMetricLimits, kPartitionsLimits, kManifestLimits}) {
      auto value = parse_untrusted(text, limits);
      ASSERT_FALSE(value.ok());
      EXPECT_TRUE(value.error().code == "JSON_TOO_DEEP" || value.error().code == "JSON_TOO_LARGE")
          << value.error().code;
    }
  }
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(parse_untrusted(objects, kCheckpointLimits).error().code, "JSON_TOO_DEEP");
}

TEST(UntrustedJson, BuildsWhatTheLibraryBuilds) {
  for (const char* text :
       {"null", "true", "-1", "18446744073709551615", "1.5e3", "\"\\u0000\\ud83d\\ude00\"", "{}", "[]", "[[],{},[1]]",
        R"({"a":1,"b":{"c":[1,2,{"d":null}],"e":"x"},"a":[2]})", R"({"a":{"x":1},"a":{"y":2}})", " [1 , 2 ] "}) {
    auto value = parse_untrusted(text, kCheckpointLimits);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_EQ(*value, json::parse(text)) << text;
  }
}

TEST(UntrustedJson, WhatIsAllowedMayBeCopiedComparedAndPrinted) {
  auto value = parse_untrusted(nested(kReceiptLimits.max_depth), kReceiptLimits);
  ASSERT_TRUE(value.ok());
  const json copy = *value;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  EXPECT_EQ(copy, *value);
  EXPECT_EQ(json_text(copy), nested(kReceiptLimits.max_depth));
  EXPECT_EQ(json_text(json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

TEST(UntrustedJson, APlaceOfManyOrLongStepsIsCut) {
  auto deep = parse_untrusted("{\"" + std::string(1000, 'k') + "\":" + nested(20, "") + "}", {1 << 20, 15, 100});
  EXPECT_EQ(deep.error().message,
            "is nested deeper than 15 levels, at /" + std::string(64, 'k') + "/0/0/0/0/0/0/0/...");
}

TEST(UntrustedJson, TheObjectFormTakesAnythingElseForNothing) {
  EXPECT_EQ(parse_untrusted_object("{\"a\":1}", kSmall), json({{"a", 1}}));
  for (const std::string& text : {std::string("[1]"), std::string("nonsense"), nested(9)})
    EXPECT_EQ(parse_untrusted_object(text, kSmall), json::object());
}

}  // namespace
}  // namespace rapidbyte::protocol
