#include "src/value_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace rapidbyte::dest_sqlite {
namespace {

template <typename Write>
std::string text_of(Write write) {
  char buffer[kMaxValueText];
  return {buffer, write(buffer)};
}

TEST(ValueTextTest, DatesAreProlepticGregorian) {
  const struct {
    int64_t days;
    const char* text;
  } cases[] = {{0, "1970-01-01"},
               {-1, "1969-12-31"},
               {59, "1970-03-01"},
               {11016, "2000-02-29"},
               {19782, "2024-02-29"},
               {19783, "2024-03-01"},
               {-25509, "1900-02-28"},
               {-25508, "1900-03-01"},
               {2932896, "9999-12-31"},
               {2932897, "+10000-01-01"},
               {-719528, "0000-01-01"},
               {-719529, "-0001-12-31"},
               {INT32_MAX, "+5881580-07-11"},
               {INT32_MIN, "-5877641-06-23"}};
  for (const auto& c : cases) {
    EXPECT_EQ(text_of([&](char* out) { return write_date(out, c.days); }), c.text) << c.days;
  }
}

TEST(ValueTextTest, TimestampsKeepEveryDigitAlsoBefore1970) {
  const struct {
    int64_t value;
    int64_t units;
    bool utc;
    const char* text;
  } cases[] = {{0, 1'000'000, false, "1970-01-01T00:00:00.000000"},
               {-1, 1'000'000, true, "1969-12-31T23:59:59.999999Z"},
               {1709211909000250, 1'000'000, true, "2024-02-29T13:05:09.000250Z"},
               {1709211909, 1, false, "2024-02-29T13:05:09.000000"},
               {1709211909123, 1'000, false, "2024-02-29T13:05:09.123000"},
               {1709211909123456789, 1'000'000'000, true, "2024-02-29T13:05:09.123456789Z"},
               {INT64_MIN, 1'000'000, false, "-290308-12-21T19:59:05.224192"},
               {INT64_MAX, 1'000'000, false, "+294247-01-10T04:00:54.775807"},
               {INT64_MIN, 1, false, "-292277022657-01-27T08:29:52.000000"}};
  for (const auto& c : cases) {
    TimestampWriter writer(c.units, c.utc);
    EXPECT_EQ(text_of([&](char* out) { return writer.write(out, c.value); }), c.text) << c.value;
  }
}

TEST(ValueTextTest, OneTimestampWriterDoesNotMixUpDays) {
  TimestampWriter writer(1, false);
  for (const int64_t value : {0, 86399, 86400, 0, -1}) {
    TimestampWriter fresh(1, false);
    EXPECT_EQ(text_of([&](char* out) { return writer.write(out, value); }),
              text_of([&](char* out) { return fresh.write(out, value); }));
  }
}

TEST(ValueTextTest, TimesOfADay) {
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 86399, 1); }), "23:59:59.000000");
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 47109000250, 1'000'000); }), "13:05:09.000250");
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 86399999999999, 1'000'000'000); }), "23:59:59.999999999");
}

TEST(ValueTextTest, DecimalsAreExactAtEveryMagnitude) {
  using Int128 = __int128;
  const auto text = [](Int128 value, int32_t scale) {
    return text_of([&](char* out) {
      return write_decimal128(out, static_cast<uint64_t>(value), static_cast<int64_t>(value >> 64), scale);
    });
  };
  EXPECT_EQ(text(0, 0), "0");
  EXPECT_EQ(text(0, 2), "0.00");
  EXPECT_EQ(text(5, 2), "0.05");
  EXPECT_EQ(text(-5, 1), "-0.5");
  EXPECT_EQ(text(-12340, 3), "-12.340");
  EXPECT_EQ(text(100, 2), "1.00");
  EXPECT_EQ(text(7, -3), "7000");
  EXPECT_EQ(text(0, -3), "0");
  EXPECT_EQ(text(INT64_MAX, 4), "922337203685477.5807");
  EXPECT_EQ(text(INT64_MIN, 0), "-9223372036854775808");
  Int128 largest = 1;
  for (int i = 0; i < 38; ++i) largest *= 10;
  EXPECT_EQ(text(largest - 1, 0), std::string(38, '9'));
  EXPECT_EQ(text(largest, 38), "1." + std::string(38, '0'));
  EXPECT_EQ(text(1 - largest, 38), "-0." + std::string(38, '9'));
  EXPECT_EQ(text((Int128{1} << 126), 0), "85070591730234615865843651857942052864");
  EXPECT_EQ(text(Int128{1} << 63, 0), "9223372036854775808");
  EXPECT_EQ(text(Int128{10} * 1'000'000'000'000'000'000 * 1'000'000'000'000'000'000, 0), "1" + std::string(37, '0'));
  Int128 smallest = Int128{1} << 126;
  smallest = -smallest - smallest;
  EXPECT_EQ(text(smallest, 0), "-170141183460469231731687303715884105728");
}

TEST(ValueTextTest, IntervalsAreIso8601Durations) {
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 14, 3, -1000); }), "P14M3DT-0.000001000S");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 0, 0, 0); }), "PT0S");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, -1, 0, 0); }), "P-1M");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 0, 0, INT64_MIN); }), "PT-9223372036.854775808S");
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
