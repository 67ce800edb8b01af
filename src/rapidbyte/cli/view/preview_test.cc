#include "rapidbyte/cli/view/preview.h"

#include <gtest/gtest.h>

namespace rapidbyte::cli {
namespace {

engine::Preview two_rows() { return {{{"id", "Int64"}, {"name", "Utf8"}}, {{"1", "Ada"}, {"20", std::nullopt}}}; }

TEST(Preview, IsATablePerStreamInThePipelinesOrder) {
  PreviewCollector collector;
  collector.preview("b", {{{"x", "Utf8"}}, {}});
  collector.preview("a", two_rows());
  EXPECT_EQ(collector.render({"a", "b", "c"}, {.width = 0, .unicode = false, .color = false}),
            "a (first 2 rows)\n"
            "    id | name\n"
            " Int64 | Utf8\n"
            "-------+--------\n"
            "     1 | Ada\n"
            "    20 | <null>\n"
            "\n"
            "b (no rows)\n"
            " x\n"
            " Utf8\n"
            "------\n");
}

TEST(Preview, AStreamThatWasTriedAgainIsShownOnce) {
  PreviewCollector collector;
  collector.preview("a", {{{"id", "Int64"}}, {{"9"}}});
  collector.preview("a", two_rows());
  EXPECT_EQ(
      collector.to_json().dump(),
      R"({"a":{"columns":[{"name":"id","type":"Int64"},{"name":"name","type":"Utf8"}],"rows":[["1","Ada"],["20",null]]}})");
}

TEST(Preview, NumbersStandAtTheRight) {
  EXPECT_EQ(align_of("Int64"), Align::kRight);
  EXPECT_EQ(align_of("UInt8"), Align::kRight);
  EXPECT_EQ(align_of("Decimal128(10, 2)"), Align::kRight);
  EXPECT_EQ(align_of("Float64"), Align::kRight);
  EXPECT_EQ(align_of("Interval(MonthDayNano)"), Align::kLeft);
  EXPECT_EQ(align_of("Utf8"), Align::kLeft);
}

}  // namespace
}  // namespace rapidbyte::cli
