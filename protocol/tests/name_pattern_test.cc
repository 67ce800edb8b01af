#include "rapidbyte/protocol/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <random>
#include <string>
#include <vector>

namespace rapidbyte::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NamePattern, MatchesAsAShellDoes) {
  struct Case {
    std::string_view pattern;
    std::vector<std::string_view> matching, others;
  };
  const std::vector<Case> cases = {
      {"orders", {"orders"}, {"order", "orders2", "Orders", ""}},
      {"*", {"", "a", "public.orders", "a/b", "*"}, {}},
      {"public.*", {"public.", "public.a.b"}, {"public", "publics.a", "my.public.a"}},
      {"*_log", {"_log", "a_log", "a_log_log"}, {"a_logs", "log"}},
      {"a*b*c", {"abc", "axxbyyc", "abcbc"}, {"ab", "acb", "abcd"}},
      {"a**", {"a", "abc"}, {"ba"}},
      {"?", {"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "?"}, {"", "ab", "\xC3\xA4\xC3\xA4"}},
      {"t_??", {"t_01"}, {"t_1", "t_001"}},
      {"t[0-3]", {"t0", "t3"}, {"t4", "t", "t00", "t-"}},
      {"t[!0-3]", {"t4", "t-", "t\xC3\xA4"}, {"t0", "t"}},
      {"t[^0-3]", {"t4"}, {"t0"}},
      {"[a-cx]1", {"a1", "c1", "x1"}, {"d1", "-1", "a"}},
      {"[-a]", {"-", "a"}, {"b"}},
      {"[a-]", {"-", "a"}, {"b"}},
      {"[]a]", {"]", "a"}, {"b"}},
      {"[!]]", {"a"}, {"]"}},
      {"[*]x", {"*x"}, {"ax", "x"}},
      {"[?][[]", {"?["}, {"a["}},
      {"[\xC3\xA4-\xC3\xB6]", {"\xC3\xA4", "\xC3\xB6", "\xC3\xA5"}, {"\xC3\xBC", "a", "\xC3"}},
      {"a[b", {"a[b"}, {"ab"}},
      {"[", {"["}, {"", "a"}},
      {"[!", {"[!"}, {"a"}},
      {"[]", {"[]"}, {"]"}},
      {"*[", {"[", "a["}, {"a"}},
      {"[c-a]", {}, {"a", "b", "c"}},
      {"\xFF?", {"\xFF\xFE"}, {"\xFF"}},  // a command line may hold any bytes
      {"?\xA4", {}, {"\xC3\xA4"}}};
  for (const Case& c : cases) {
    for (const std::string_view name : c.matching)
      EXPECT_TRUE(matches_name_pattern(c.pattern, name)) << c.pattern << " " << name;
    for (const std::string_view name : c.others)
      EXPECT_FALSE(matches_name_pattern(c.pattern, name)) << c.pattern << " " << name;
  }
}

/// Tries everything.
bool matches_naively(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return matches_naively(pattern.substr(1), name) || (!name.empty() && matches_naively(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         matches_naively(pattern.substr(1), name.substr(1));
}

TEST(NamePattern, FindsWhatTryingEverythingFinds) {
  std::mt19937 random(1);
  const auto text_of = [&](std::string_view letters, size_t most) {
    std::string text(random() % (most + 1), ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    return text;
  };
  int matching = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = text_of("ab*?*", 8);
    const std::string name = text_of("ab", 8);
    const bool expected = matches_naively(pattern, name);
    ASSERT_EQ(matches_name_pattern(pattern, name), expected) << pattern << " " << name;
    matching += expected ? 1 : 0;
  }
  EXPECT_GT(matching, 5'000);
}

TEST(NamePattern, ManyStarsTakeNoLongTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(matches_name_pattern(pattern + "b", std::string(512, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5)) << "tried one after the other: years";
}

TEST(NamePattern, AnExactNameWins) {
  constexpr std::array<std::string_view, 4> kNames = {"orders", "order[s]", "*", "orders_2024"};
  EXPECT_THAT(named_by("orders", kNames), ElementsAre(0U));
  EXPECT_THAT(named_by("orders*", kNames), ElementsAre(0U, 3U));
  EXPECT_THAT(named_by("order[s]", kNames), ElementsAre(1U)) << "not orders, which it would match";
  EXPECT_THAT(named_by("*", kNames), ElementsAre(2U));
  EXPECT_THAT(named_by("[*]", kNames), ElementsAre(2U));
  EXPECT_THAT(named_by("**", kNames), ElementsAre(0U, 1U, 2U, 3U));
  EXPECT_THAT(named_by("x*", kNames), IsEmpty());
  EXPECT_THAT(named_by("Orders", kNames), IsEmpty());
}

TEST(NamePattern, SuggestsByTheLetters) {
  constexpr std::array<std::string_view, 2> kNames = {"orders", "customers"};
  EXPECT_EQ(name_suggestion("odrers*", kNames), "; did you mean orders?");
  EXPECT_EQ(name_suggestion("custmers", kNames), "; did you mean customers?");
  EXPECT_EQ(name_suggestion("[x]*", kNames), "; known are orders, customers");
}

}  // namespace
}  // namespace rapidbyte::protocol
