#include "rapidbyte/base/redacted_json.h"

#include <gtest/gtest.h>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte {
namespace {

using nlohmann::json;

TEST(RedactedJson, RedactsEveryTextAndKeepsTheShape) {
  add_secret("json\"secret\\1");
  const json document = {{"message", "it was json\"secret\\1"},
                         {"problems", {{{"key", "a.json\"secret\\1"}, {"line", 3}}}},
                         {"deep", {{{"list", {1, "json\"secret\\1", nullptr, true}}}}}};
  EXPECT_EQ(redacted(document).dump(),
            R"({"deep":[{"list":[1,"***",null,true]}],"message":"it was ***","problems":[{"key":"a.***","line":3}]})");
}

TEST(RedactedJson, OurOwnWordsAndNumbersStay) {
  add_secret("ours-secret-5");
  add_secret("40302010");
  EXPECT_EQ(
      redacted(json{{"stage", "ours-secret-5"}, {"rows_read", 40302010}, {"message", "ours-secret-5 40302010"}}).dump(),
      R"({"message":"*** ***","rows_read":40302010,"stage":"ours-secret-5"})");
}

TEST(RedactedJson, ForeignJsonIsRedactedAsValues) {
  add_secret("foreign/\"secret");
  add_secret("987654321");
  EXPECT_EQ(redacted_foreign_json(R"({"a":"foreign\/\u0022secret","foreign\/\"secret":[987654321,1],"b":"ok"})"),
            R"({"***":["***",1],"a":"***","b":"ok"})");
  EXPECT_EQ(redacted_foreign_json("not JSON: foreign/\"secret"), "not JSON: ***");
  EXPECT_EQ(redacted_foreign_json(std::string(100'000, '[') + "foreign/\"secret"), std::string(100'000, '[') + "***");
}

}  // namespace
}  // namespace rapidbyte
