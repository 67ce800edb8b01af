#include "rapidbyte/cli/view/quantities.h"

#include <gtest/gtest.h>

#include <limits>

namespace rapidbyte::cli {
namespace {

TEST(Quantities, CountsAreGroupedByThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(std::numeric_limits<uint64_t>::max()), "18,446,744,073,709,551,615");
  EXPECT_EQ(format_rows(1), "1 row");
  EXPECT_EQ(format_rows(2), "2 rows");
}

TEST(Quantities, BytesAreDecimalAndNeverShowAThousandOfAUnit) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(999'949), "999.9 kB");
  EXPECT_EQ(format_bytes(999'951), "1.0 MB");
  EXPECT_EQ(format_bytes(38'100'000), "38.1 MB");
  EXPECT_EQ(format_bytes(std::numeric_limits<uint64_t>::max()), "18.4 EB");
}

TEST(Quantities, DurationsChangeTheirUnitWithTheirLength) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(-1), "0 s");
  EXPECT_EQ(format_duration(0.042), "0.04 s");
  EXPECT_EQ(format_duration(0.999), "1.0 s");
  EXPECT_EQ(format_duration(3.24), "3.2 s");
  EXPECT_EQ(format_duration(59.96), "1 min 00 s");
  EXPECT_EQ(format_duration(125), "2 min 05 s");
  EXPECT_EQ(format_duration(3720), "1 h 02 min");
}

TEST(Quantities, ClocksCountUp) {
  EXPECT_EQ(format_clock(0), "0:00");
  EXPECT_EQ(format_clock(3.9), "0:03");
  EXPECT_EQ(format_clock(3723), "1:02:03");
}

TEST(Quantities, RatesOfNoTimeAreZero) {
  EXPECT_EQ(per_second(10, 0), 0U);
  EXPECT_EQ(per_second(10, std::numeric_limits<double>::quiet_NaN()), 0U);
  EXPECT_EQ(per_second(10, 4), 3U);
  EXPECT_EQ(per_second(std::numeric_limits<uint64_t>::max(), 1e-9), 1'000'000'000'000'000'000U);
}

}  // namespace
}  // namespace rapidbyte::cli
