#include "rapidbyte/pipeline/env_substitution.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace rapidbyte::pipeline {
namespace {

EnvLookup environment(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

const EnvLookup kEnv =
    environment({{"A", "1"}, {"EMPTY", ""}, {"NESTED", "${A} $${A} }"}, {"BAD", "\xFF"}, {"_x9", "u"}});

TEST(EnvSubstitution, ReplacesNamesDefaultsAndEscapes) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", ""},
      {"plain", "plain"},
      {"${A}", "1"},
      {"x${A}y${_x9}z", "x1yuz"},
      {"${EMPTY}", ""},
      {"${NONE:-fall back}", "fall back"},
      {"${EMPTY:-fall back}", "fall back"},
      {"${A:-unused}", "1"},
      {"${NONE:-}", ""},
      {"${NONE:-a:-b}", "a:-b"},
      {"$${A}", "${A}"},
      {"$$${A}", "$${A}"},
      {"cost $5 $A $", "cost $5 $A $"},
      {"$$", "$$"},
      {"${NESTED}", "${A} $${A} }"},
  };
  for (const auto& [text, expected] : cases) {
    const Substitution done = substitute(text, kEnv);
    EXPECT_EQ(done.text, expected) << text;
    EXPECT_TRUE(done.missing.empty()) << text;
    EXPECT_TRUE(done.mistakes.empty()) << text;
  }
}

TEST(EnvSubstitution, ListsEveryMissingNameOnce) {
  const Substitution done = substitute("${B}${C}${B}${A}", kEnv);
  EXPECT_EQ(done.missing, (std::vector<std::string>{"B", "C"}));
}

TEST(EnvSubstitution, SaysWhichValuesCameFromTheEnvironment) {
  const Substitution done = substitute("${A}-${NONE:-default}-${EMPTY:-other}", kEnv);
  ASSERT_EQ(done.used.size(), 1U);
  EXPECT_EQ(done.used[0].name, "A");
  EXPECT_EQ(done.used[0].value, "1");
}

TEST(EnvSubstitution, ReportsWhatIsNoSubstitution) {
  for (const char* text : {"${", "${A", "a ${A b", "${}", "${1A}", "${A-B}", "${A:x}", "${ A }", "${:-x}", "${BAD}"}) {
    const Substitution done = substitute(text, kEnv);
    EXPECT_EQ(done.mistakes.size(), 1U) << text;
    EXPECT_TRUE(done.missing.empty()) << text;
  }
}

TEST(EnvSubstitution, NeverShowsAValueThatIsNotUtf8) {
  const Substitution done = substitute("${BAD}", kEnv);
  ASSERT_EQ(done.mistakes.size(), 1U);
  EXPECT_EQ(done.mistakes[0], "the value of environment variable BAD is not valid UTF-8");
}

TEST(EnvSubstitution, ReadsTheProcessEnvironment) {
  ASSERT_EQ(::setenv("RB_ENV_SUBSTITUTION_TEST", "here", 1), 0);
  EXPECT_EQ(process_environment()("RB_ENV_SUBSTITUTION_TEST"), "here");
  ASSERT_EQ(::unsetenv("RB_ENV_SUBSTITUTION_TEST"), 0);
  EXPECT_EQ(process_environment()("RB_ENV_SUBSTITUTION_TEST"), std::nullopt);
}

}  // namespace
}  // namespace rapidbyte::pipeline
