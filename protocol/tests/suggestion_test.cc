#include "rapidbyte/protocol/suggestion.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace rapidbyte::protocol {
namespace {

constexpr std::array<std::string_view, 4> kKeys = {"use", "config", "write_mode", "primary_key"};

TEST(Suggestion, DistanceCountsInsertDeleteReplaceAndSwap) {
  struct Case {
    std::string_view a, b;
    size_t distance;
  };
  const std::vector<Case> cases = {{"", "", 0},
                                   {"abc", "abc", 0},
                                   {"abc", "", 3},
                                   {"abc", "abd", 1},
                                   {"abc", "ab", 1},
                                   {"ab", "abc", 1},
                                   {"abc", "acb", 1},
                                   {"wrte_mode", "write_mode", 1},
                                   {"kitten", "sitting", 3}};
  for (const Case& c : cases) {
    EXPECT_EQ(edit_distance(c.a, c.b), c.distance) << c.a << " " << c.b;
    EXPECT_EQ(edit_distance(c.b, c.a), c.distance) << c.b << " " << c.a;
  }
}

TEST(Suggestion, FindsWhatWasMeantAndNothingElse) {
  EXPECT_EQ(closest("wrte_mode", kKeys), "write_mode");
  EXPECT_EQ(closest("write-mode", kKeys), "write_mode");
  EXPECT_EQ(closest("WriteMode", kKeys), "write_mode");
  EXPECT_EQ(closest("ues", kKeys), "use");
  EXPECT_EQ(closest("confg", kKeys), "config");
  EXPECT_EQ(closest("path", kKeys), std::nullopt);
  EXPECT_EQ(closest("", kKeys), std::nullopt);
  EXPECT_EQ(closest(std::string(100'000, 'w'), kKeys), std::nullopt);
}

TEST(Suggestion, ListsWhatIsKnownWhenNothingIsNear) {
  EXPECT_EQ(suggestion_text("confg", kKeys), "; did you mean config?");
  EXPECT_EQ(suggestion_text("zzzz", kKeys), "; known are use, config, write_mode, primary_key");
  std::vector<std::string_view> many(20, "t");
  EXPECT_EQ(suggestion_text("zzzz", many).find("more"), std::string::npos);
  many.resize(2000, "hidden");
  const std::string text = suggestion_text("zzzz", many);
  EXPECT_TRUE(text.ends_with(", t and 1980 more")) << text;
  EXPECT_EQ(text.find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace rapidbyte::protocol
