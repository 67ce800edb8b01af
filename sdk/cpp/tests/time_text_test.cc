#include "rapidbyte/text/time_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>

#include "rapidbyte/text/calendar.h"

namespace rapidbyte::text {
namespace {

template <typename Write>
std::string text_of(Write write) {
  char buffer[kMaxValueText];
  char* end = write(buffer);
  return {buffer, end};
}

constexpr int64_t kMicrosPerDay = 86'400'000'000;

// By the calendar's own rules, independent of the arithmetic.
uint32_t month_length(int64_t year, uint32_t month) {
  if (month == 2) return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

void expect_day(int32_t days, int64_t year, uint32_t month, uint32_t day) {
  const CivilDate date = civil_from_days(days);
  const bool right = date == CivilDate{year, month, day} &&
                     days_from_civil(static_cast<int32_t>(year), month, day) == days && is_valid_date(year, month, day);
  if (!right) ADD_FAILURE() << days << " is not " << year << "-" << month << "-" << day;
}

TEST(CalendarTest, TheFirstAndLastDayOfEachMonthOfEveryYearThatPostgresqlKnows) {
  // 4714 BC to 294276: the range of its timestamps. The days in between are counted, so a day too many or too few shows
  // in all that follow. Of three cycles of 400 years each day is looked at.
  int32_t days = days_from_civil(-4713, 1, 1);
  ASSERT_EQ(days_from_civil(-4713, 11, 24), -2440588);  // day 0 of the Julian count
  for (int64_t year = -4713; year <= 294276; ++year) {
    const bool each_day = (year >= -450 && year < 450) || (year >= 1800 && year < 2200);
    for (uint32_t month = 1; month <= 12; ++month) {
      const uint32_t length = month_length(year, month);
      for (uint32_t day = 1; day <= length; day += each_day || day == length ? 1 : length - 1) {
        expect_day(days + static_cast<int32_t>(day) - 1, year, month, day);
      }
      EXPECT_FALSE(is_valid_date(year, month, length + 1));
      days += static_cast<int32_t>(length);
    }
    if (HasFailure()) return;
  }
  EXPECT_EQ(days, days_from_civil(294276, 12, 31) + 1);
}

TEST(CalendarTest, AgreesWithTheStandardLibraryWhereThatReaches) {
  using namespace std::chrono;
  for (int days = -12'000'000; days <= 11'000'000; days += 97) {
    const year_month_day date{sys_days(std::chrono::days(days))};
    const CivilDate ours = civil_from_days(days);
    ASSERT_EQ(ours.year, static_cast<int>(date.year()));
    ASSERT_EQ(ours.month, static_cast<unsigned>(date.month()));
    ASSERT_EQ(ours.day, static_cast<unsigned>(date.day()));
  }
}

TEST(CalendarTest, LeapYearsAndValidDates) {
  EXPECT_TRUE(is_leap_year(2000));
  EXPECT_TRUE(is_leap_year(0));
  EXPECT_TRUE(is_leap_year(-4));
  EXPECT_FALSE(is_leap_year(1900));
  EXPECT_FALSE(is_leap_year(-100));
  EXPECT_TRUE(is_leap_year(-400));
  EXPECT_TRUE(is_valid_date(2024, 2, 29));
  EXPECT_FALSE(is_valid_date(2023, 2, 29));
  EXPECT_FALSE(is_valid_date(2023, 0, 1));
  EXPECT_FALSE(is_valid_date(2023, 13, 1));
  EXPECT_FALSE(is_valid_date(2023, 1, 0));
  EXPECT_FALSE(is_valid_date(2023, 4, 31));
  EXPECT_FALSE(is_valid_date(2023, UINT32_MAX, UINT32_MAX));
}

TEST(CalendarTest, BothEndsOfThirtyTwoBits) {
  EXPECT_EQ(civil_from_days(INT32_MAX), (CivilDate{5881580, 7, 11}));
  EXPECT_EQ(civil_from_days(INT32_MIN), (CivilDate{-5877641, 6, 23}));
  EXPECT_EQ(days_from_civil(5881580, 7, 11), INT32_MAX);
  EXPECT_EQ(days_from_civil(-5877641, 6, 23), INT32_MIN);
  static_assert(days_from_civil(1970, 1, 1) == 0 && civil_from_days(-1) == CivilDate{1969, 12, 31});
}

TEST(TimeTextTest, DatesAreProlepticGregorian) {
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
               {-2440588, "-4713-11-24"},
               {INT32_MAX, "+5881580-07-11"},
               {INT32_MIN, "-5877641-06-23"}};
  for (const auto& c : cases) {
    EXPECT_EQ(text_of([&](char* out) { return write_date(out, c.days); }), c.text) << c.days;
    EXPECT_EQ(date_text(c.days), c.text);
  }
  EXPECT_EQ(text_of([](char* out) { return write_year_month_day(out, 44, 3, 15); }), "0044-03-15");
  EXPECT_EQ(text_of([](char* out) { return write_year_month_day(out, 294276, 12, 31); }), "294276-12-31");
}

TEST(TimeTextTest, TimestampsKeepEveryDigitAlsoBefore1970) {
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

TEST(TimeTextTest, OneTimestampWriterDoesNotMixUpDays) {
  TimestampWriter writer(1, false);
  for (const int64_t value : {0, 86399, 86400, 0, -1}) {
    TimestampWriter fresh(1, false);
    EXPECT_EQ(text_of([&](char* out) { return writer.write(out, value); }),
              text_of([&](char* out) { return fresh.write(out, value); }));
  }
}

TEST(TimeTextTest, TimesOfADay) {
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 86399, 1); }), "23:59:59.000000");
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 47109000250, 1'000'000); }), "13:05:09.000250");
  EXPECT_EQ(text_of([](char* out) { return write_time(out, 86399999999999, 1'000'000'000); }), "23:59:59.999999999");
  EXPECT_EQ(text_of([](char* out) { return write_clock(out, 86399); }), "23:59:59");
}

TEST(TimeTextTest, IntervalsAreIso8601Durations) {
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 14, 3, -1000); }), "P14M3DT-0.000001000S");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 0, 0, 0); }), "PT0S");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, -1, 0, 0); }), "P-1M");
  EXPECT_EQ(text_of([](char* out) { return write_interval(out, 0, 0, INT64_MIN); }), "PT-9223372036.854775808S");
}

TEST(TimeTextTest, EveryDateThatCanBeReadComesBack) {
  const int32_t last = days_from_civil(9999, 12, 31);
  for (int32_t days = days_from_civil(1, 1, 1); days <= last; ++days) {
    int32_t back = 0;
    if (!parse_date(date_text(days), back) || back != days) FAIL() << date_text(days);
  }
  for (const char* text :
       {"0000-01-01", "2023-02-29", "1900-02-29", "2024-00-10", "2024-13-10", "2024-01-32", "2024-1-01", "2024-01-1",
        "2024-01-011", "-001-01-01", "2024/01/01", "2024-01-0x", "", "+2024-01-01"}) {
    int32_t days = 0;
    EXPECT_FALSE(parse_date(text, days)) << text;
  }
}

TEST(TimeTextTest, EveryTimestampThatCanBeReadComesBack) {
  std::mt19937_64 random(20240229);
  std::uniform_int_distribution<int64_t> any(days_from_civil(1, 1, 1) * kMicrosPerDay,
                                             (days_from_civil(9999, 12, 31) + 1) * kMicrosPerDay - 1);
  for (int i = 0; i < 200'000; ++i) {
    const int64_t value = any(random);
    const bool utc = i % 2 == 0;
    TimestampWriter writer(1'000'000, utc);
    const std::string text = text_of([&](char* out) { return writer.write(out, value); });
    int64_t back = 0;
    bool has_zone = false;
    ASSERT_TRUE(parse_timestamp(text, back, has_zone)) << text;
    ASSERT_EQ(back, value) << text;
    ASSERT_EQ(has_zone, utc);
    int64_t time = 0;
    ASSERT_TRUE(parse_time(std::string_view(text).substr(11, 15), time));
    ASSERT_EQ(time, value - floor_divide(value, kMicrosPerDay) * kMicrosPerDay);
  }
}

TEST(TimeTextTest, ZonesAreTakenOffAndSpellingsOfTheSameTimeAgree) {
  for (const char* text :
       {"2024-02-29T13:05:09.25Z", "2024-02-29 13:05:09.250000000 UTC", "2024-02-29t15:05:09.25+02",
        "2024-02-29T15:35:09.25+0230", "2024-02-29 04:05:09.25-09:00", "2024-02-29 13:05:09.25GMT"}) {
    int64_t value = 0;
    bool has_zone = false;
    ASSERT_TRUE(parse_timestamp(text, value, has_zone)) << text;
    EXPECT_TRUE(has_zone);
    EXPECT_EQ(value, 1709211909250000) << text;
  }
  for (const char* text : {"2024-02-29T13:05:09.1234567", "2024-02-29T13:05:09.", "2024-02-29T24:00",
                           "2024-02-29T13:60", "2024-02-29T13:05:60", "2024-02-29T13:05+24", "2024-02-29T13:05+1",
                           "2024-02-29T13:05 PST", "2024-02-29X13:05", "2024-02-29T13:05:09.0000000000"}) {
    int64_t value = 0;
    bool has_zone = false;
    EXPECT_FALSE(parse_timestamp(text, value, has_zone)) << text;
  }
}

}  // namespace
}  // namespace rapidbyte::text
