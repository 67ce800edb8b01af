#include "rapidbyte/cli/view/text_width.h"

#include <gtest/gtest.h>

namespace rapidbyte::cli {
namespace {

TEST(TextWidth, CountsTerminalColumnsNotBytes) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Zürich"), 6U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);           // e and a combining acute accent
  EXPECT_EQ(display_width("東京"), 4U);                // ideographs
  EXPECT_EQ(display_width("\xF0\x9F\x98\x80"), 2U);    // an emoji
  EXPECT_EQ(display_width("\xED\x95\x9C"), 2U);        // a Hangul syllable
  EXPECT_EQ(display_width("\xE2\x80\x8B"), 0U);        // zero-width space
  EXPECT_EQ(display_width("\xFF\xFE"), 2U);            // not UTF-8: a column each
}

TEST(TextWidth, MakesSteeringCharactersVisible) {
  EXPECT_EQ(make_printable("a\tb\nc\r"), "a\\tb\\nc\\r");
  EXPECT_EQ(make_printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(make_printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(make_printable("\x7f"), "\\x7f");
  EXPECT_EQ(make_printable("\xC2\x9B"
                           "31m"),
            "\\u009b31m");  // C1 control: CSI in one character
  EXPECT_EQ(make_printable("\xE2\x80\xAE"
                           "txt"),
            "\\u202etxt");  // right-to-left override
  EXPECT_EQ(make_printable("Zürich 東京"), "Zürich 東京");
}

TEST(TextWidth, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(make_printable("a\xFF"
                           "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(make_printable("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");              // overlong
  EXPECT_EQ(make_printable("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(make_printable("\xE6\x9D"), "\xEF\xBF\xBD\xEF\xBF\xBD");              // cut off
}

TEST(TextWidth, CutsBetweenCharactersAndKeepsTheWidth) {
  EXPECT_EQ(fit_width("abcdef", 6), "abcdef");
  EXPECT_EQ(fit_width("abcdef", 4), "abc…");
  EXPECT_EQ(fit_width("abcdef", 5, false), "ab...");
  EXPECT_EQ(fit_width("東京都", 4), "東…");
  EXPECT_EQ(fit_width("e\xCC\x81"
                      "abc",
                      2),
            "e\xCC\x81…");
  EXPECT_EQ(fit_width("abc", 0), "");
  EXPECT_EQ(fit_width("abcdef", 2, false), "..");
  for (size_t columns = 0; columns < 8; ++columns) EXPECT_LE(display_width(fit_width("東京都庁", columns)), columns);
}

TEST(TextWidth, PadsByColumns) {
  EXPECT_EQ(pad_width("東", 4), "東  ");
  EXPECT_EQ(pad_width("7", 3, Align::kRight), "  7");
  EXPECT_EQ(pad_width("long", 2), "long");
}

}  // namespace
}  // namespace rapidbyte::cli
