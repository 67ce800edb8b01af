#include "rapidbyte/base/checked_math.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace rapidbyte {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

TEST(CheckedMath, AddsAndMultipliesUpToTheLimitAndNotBeyond) {
  EXPECT_EQ(checked_add<uint64_t>(kMost - 1, 1), kMost);
  EXPECT_EQ(checked_add<uint64_t>(kMost, 1), std::nullopt);
  EXPECT_EQ(checked_add<int8_t>(100, 27), int8_t{127});
  EXPECT_EQ(checked_add<int8_t>(100, 28), std::nullopt);
  EXPECT_EQ(checked_add<int8_t>(-100, -29), std::nullopt);
  EXPECT_EQ(checked_mul<uint64_t>(kMost / 3, 3), kMost);
  EXPECT_EQ(checked_mul<uint64_t>(kMost / 3 + 1, 3), std::nullopt);
  EXPECT_EQ(checked_mul<uint64_t>(0, kMost), 0U);
  EXPECT_EQ(checked_mul<int32_t>(std::numeric_limits<int32_t>::min(), -1), std::nullopt);
}

TEST(CheckedMath, ARangeFitsWithoutASumThatWraps) {
  EXPECT_TRUE((range_fits<uint64_t>(0, 0, 0)));
  EXPECT_TRUE((range_fits<uint64_t>(4, 6, 10)));
  EXPECT_TRUE((range_fits<uint64_t>(10, 0, 10)));
  EXPECT_FALSE((range_fits<uint64_t>(4, 7, 10)));
  EXPECT_FALSE((range_fits<uint64_t>(11, 0, 10)));
  EXPECT_FALSE((range_fits<uint64_t>(8, kMost - 2, 10)));
  EXPECT_FALSE((range_fits<uint64_t>(kMost, 1, 10)));
  EXPECT_FALSE((range_fits<uint32_t>(1, std::numeric_limits<uint32_t>::max(), 10)));
}

}  // namespace
}  // namespace rapidbyte
