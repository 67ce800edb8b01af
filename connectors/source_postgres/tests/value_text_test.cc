#include "value_text.h"

#include <gtest/gtest.h>

namespace rapidbyte::source_postgres {
namespace {

TEST(ValueText, PrintsDatesOfAllOfTheRange) {
  EXPECT_EQ(date_text(0), "2000-01-01");
  EXPECT_EQ(date_text(59), "2000-02-29");
  EXPECT_EQ(date_text(-kEpochDays), "1970-01-01");
  EXPECT_EQ(date_text(-730'119), "0001-01-01");
  EXPECT_EQ(date_text(-730'120), "0001-12-31 BC");
  EXPECT_EQ(date_text(-2'451'507), "4713-01-01 BC");
  EXPECT_EQ(date_text(2'145'031'948), "5874897-12-31");
  EXPECT_EQ(date_text(INT32_MAX), "infinity");
  EXPECT_EQ(date_text(INT32_MIN), "-infinity");
}

TEST(ValueText, PrintsTimestampsOfAllOfTheRange) {
  EXPECT_EQ(timestamp_text(0, false), "2000-01-01 00:00:00");
  EXPECT_EQ(timestamp_text(-1, true), "1999-12-31 23:59:59.999999+00");
  EXPECT_EQ(timestamp_text(1'500'000, false), "2000-01-01 00:00:01.5");
  EXPECT_EQ(timestamp_text(9'223'371'331'199'999'999, false), "294276-12-31 23:59:59.999999");
  EXPECT_EQ(timestamp_text(-211'810'204'800'000'000, true), "4713-01-01 00:00:00+00 BC");
  EXPECT_EQ(timestamp_text(INT64_MAX, true), "infinity");
  EXPECT_EQ(timestamp_text(INT64_MIN, true), "-infinity");
}

TEST(ValueText, PrintsTheLastTimeOfTheDay) {
  EXPECT_EQ(time_text(86'400'000'000), "24:00:00");
  EXPECT_EQ(time_text(86'399'999'999), "23:59:59.999999");
  EXPECT_EQ(time_text(10), "00:00:00.00001");
}

TEST(ValueText, ShowsBytesThatFitNoKindAsHex) {
  ColumnPlan column;
  column.kind = WireKind::kInt32;
  const uint8_t bytes[] = {0, 0xAB, 9};
  EXPECT_EQ(value_text(column, bytes), "\\x00ab09");
}

TEST(ValueText, CutsLongTextsBetweenCharacters) {
  EXPECT_EQ(shortened("a\nb"), "a?b");
  EXPECT_EQ(shortened(std::string(100, 'x')), std::string(100, 'x'));
  EXPECT_EQ(shortened(std::string(99, 'x') + "\xC3\xA4"), std::string(99, 'x') + "...");
  EXPECT_EQ(shortened(std::string(97, 'x') + "\xF0\x9F\x98\x80 end"), std::string(97, 'x') + "...");
}

}  // namespace
}  // namespace rapidbyte::source_postgres
