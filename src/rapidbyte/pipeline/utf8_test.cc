#include "rapidbyte/pipeline/utf8.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::pipeline {
namespace {

TEST(Utf8, FindsTheFirstByteThatIsWrong) {
  struct Case {
    std::string text;
    std::optional<size_t> at;
  };
  const std::vector<Case> cases = {
      {"", std::nullopt},
      {"plain", std::nullopt},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", std::nullopt},
      {"a\xFF", 1},
      {"ab\xC3", 2},                // cut off
      {"\xC0\x80", 0},              // overlong
      {"\xE0\x80\x80", 0},          // overlong
      {"x\xED\xA0\x80", 1},         // surrogate
      {"\xF4\x90\x80\x80", 0},      // beyond U+10FFFF
      {"\x80", 0},                  // continuation without a lead
      {"\xE2\x28\xA1", 0},          // no continuation
      {std::string("a\0b", 3), std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(first_invalid_utf8(c.text), c.at) << printable(c.text);
}

TEST(Utf8, PrintableEscapesControlCharactersAndCutsBetweenCharacters) {
  EXPECT_EQ(printable("a\x1B[2J\n"), "a\\x1b[2J\\x0a");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("ab\xE2\x82\xAC", 3), "ab...");
  EXPECT_EQ(printable("ab\xE2\x82\xAC", 4), "ab...");
  EXPECT_EQ(printable("ab\xE2\x82\xAC", 5), "ab\xE2\x82\xAC");
}

}  // namespace
}  // namespace rapidbyte::pipeline
