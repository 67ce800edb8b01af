// Values out of text: exactly, or not at all. And the types that a sample of texts gets.

#include "value_parse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "fast_parse.h"
#include "file_set.h"
#include "options.h"
#include "type_inference.h"

namespace rapidbyte::source_file {
namespace {

TEST(IntegerTest, HoldsTheWholeRangeAndNothingBeyond) {
  struct Case {
    std::string_view text;
    bool ok;
    int64_t value;
    bool ok_lenient;
  };
  const Case cases[] = {
      {"0", true, 0, true},
      {"7", true, 7, true},
      {"-1", true, -1, true},
      {"9223372036854775807", true, INT64_MAX, true},
      {"-9223372036854775808", true, INT64_MIN, true},
      {"9223372036854775808", false, 0, false},
      {"-9223372036854775809", false, 0, false},
      {"18446744073709551616", false, 0, false},
      {"99999999999999999999", false, 0, false},
      {"100000000000000000000000", false, 0, false},
      {"1234567890123456789", true, 1234567890123456789, true},
      {"007", false, 7, true},
      {"00000000000000000000000007", false, 7, true},
      {"+5", false, 5, true},
      {"-0", false, 0, true},
      {"-05", false, -5, true},
      {"", false, 0, false},
      {"-", false, 0, false},
      {"+", false, 0, false},
      {"1 ", false, 0, false},
      {" 1", false, 0, false},
      {"1.0", false, 0, false},
      {"1e5", false, 0, false},
      {"0x10", false, 0, false},
      {"1_000", false, 0, false},
      {"--1", false, 0, false},
      {"\xD9\xA1", false, 0, false},
  };
  for (const Case& c : cases) {
    int64_t value = 0;
    EXPECT_EQ(parse_int64(c.text, true, value), c.ok) << c.text;
    if (c.ok) {
      EXPECT_EQ(value, c.value) << c.text;
    }
    value = 0;
    EXPECT_EQ(parse_int64(c.text, false, value), c.ok_lenient) << c.text;
    if (c.ok_lenient) {
      EXPECT_EQ(value, c.value) << c.text;
    }
  }
  uint64_t value = 0;
  EXPECT_TRUE(parse_uint64("18446744073709551615", true, value));
  EXPECT_EQ(value, UINT64_MAX);
  EXPECT_FALSE(parse_uint64("18446744073709551616", true, value));
  EXPECT_FALSE(parse_uint64("-1", false, value));
}

TEST(DecimalTest, IsExactWithinPrecisionAndScale) {
  struct Case {
    std::string_view text;
    int32_t precision;
    int32_t scale;
    std::string expected;  // empty: refused
  };
  const Case cases[] = {
      {"12.50", 38, 2, "12.50"},
      {"12.5", 38, 2, "12.50"},
      {"12", 38, 2, "12.00"},
      {"-0.01", 38, 2, "-0.01"},
      {".5", 38, 2, "0.50"},
      {"-.5", 38, 2, "-0.50"},
      {"12.500", 38, 2, "12.50"},
      {"12.505", 38, 2, ""},
      {"12.5000000000000000000000000000", 38, 2, "12.50"},
      {"12.5000000000000000000000000001", 38, 2, ""},
      {"-0.00", 38, 2, "0.00"},
      {"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"},
      {"-99999999999999999999999999999999999999", 38, 0, "-99999999999999999999999999999999999999"},
      {"100000000000000000000000000000000000000", 38, 0, ""},
      // 10 times these wraps to a number below the limit of 38 digits.
      {"350000000000000000000000000000000000000", 38, 0, ""},
      {"-350000000000000000000000000000000000000", 38, 0, ""},
      {"700000000000000000000000000000000000000", 38, 0, ""},
      {"350000000000000000000000000000", 38, 9, ""},
      {"3500000000000000000000000000000000000.00", 38, 2, ""},
      {"999999999999999999999999999999999999999", 38, 0, ""},
      {"00000000000000000000000000000000000000000", 38, 0, ""},
      {"999999999999999999999999999999999999.99", 38, 2, "999999999999999999999999999999999999.99"},
      {"9999999999999999999999999999999999999", 38, 2, ""},
      {"0.12345678901234567890123456789012345678", 38, 38, "0.12345678901234567890123456789012345678"},
      {"123456789012345678.9", 38, 1, "123456789012345678.9"},
      {"1234567890123456789", 38, 2, "1234567890123456789.00"},
      {"999.99", 5, 2, "999.99"},
      {"1000", 5, 2, ""},
      {"1000.00", 5, 2, ""},
      {"", 38, 2, ""},
      {".", 38, 2, ""},
      {"-", 38, 2, ""},
      {"1.", 38, 2, ""},
      {"1e5", 38, 2, ""},
      {"007.5", 38, 2, ""},
      {"+1.5", 38, 2, ""},
      {"1,5", 38, 2, ""},
      {"1.2.3", 38, 2, ""},
      {"NaN", 38, 2, ""},
  };
  for (const Case& c : cases) {
    __int128 value = 0;
    const bool ok = parse_decimal(c.text, '.', c.precision, c.scale, true, value);
    EXPECT_EQ(ok ? decimal_text(value, c.scale) : "", c.expected) << c.text << " as " << c.precision << ", " << c.scale;
  }
  __int128 value = 0;
  EXPECT_TRUE(parse_decimal("007,50", ',', 38, 2, false, value));
  EXPECT_EQ(decimal_text(value, 2), "7.50");
  EXPECT_TRUE(parse_decimal("00000000000000000000000000000000000000009", '.', 38, 0, false, value));
  EXPECT_EQ(decimal_text(value, 0), "9");
  EXPECT_TRUE(parse_decimal("00000000000000000000009", '.', 1, 0, false, value));
  EXPECT_FALSE(parse_decimal("00000000000000000000010", '.', 1, 0, false, value));
}

TEST(DoubleTest, IsTheNearestDoubleOfEveryText) {
  const std::string_view texts[] = {
      "0",
      "1",
      "-1",
      "0.1",
      "1e5",
      "1E+05",
      "1.7976931348623157e308",
      "5e-324",
      "2.2250738585072014e-308",
      "123456.789e-3",
      "9007199254740993",
      "0.30000000000000004",
      "1e22",
      "1e23",
      "8.41e21",
      "9223372036854775807",
      ".5",
      "-0.0",
      "1e-7",
      "179769313486231570000000000000000000000",
      "0.000000000000000000000000000000123",
      "4503599627370496.5",
      "100000000000000000000",
  };
  for (const std::string_view text : texts) {
    double value = -1;
    ASSERT_TRUE(parse_double(text, '.', false, value)) << text;
    EXPECT_EQ(value, std::strtod(std::string(text).c_str(), nullptr)) << text;
    EXPECT_EQ(std::signbit(value), text.front() == '-') << text;
  }
  double value = 0;
  for (const std::string_view text : {"", "-", "e5", "1e", "1e+", "1.5.5", "1e5.5", "1e400", "-1e400", "1e-400",
                                      "0x1p3", "1 ", "infinit", "nano", "1,5", "--1"}) {
    EXPECT_FALSE(parse_double(text, '.', false, value)) << text;
  }
  for (const std::string_view text : {"007.5", "+1.5", "1.", "0.123456789012345678", "1234567890123456789"}) {
    EXPECT_FALSE(parse_double(text, '.', true, value)) << text << " is more than a double says";
    EXPECT_TRUE(parse_double(text, '.', false, value)) << text;
  }
  for (const std::string_view text : {"Infinity", "inf", "INF", "-Infinity", "-inf"}) {
    ASSERT_TRUE(parse_double(text, '.', true, value)) << text;
    EXPECT_EQ(value, text.front() == '-' ? -HUGE_VAL : HUGE_VAL) << text;
  }
  ASSERT_TRUE(parse_double("NaN", '.', true, value));
  EXPECT_TRUE(std::isnan(value));
  ASSERT_TRUE(parse_double("0,12345678901234567", ',', true, value));
  EXPECT_EQ(value, 0.12345678901234567);
}

TEST(DoubleTest, AgreesWithTheCLibraryOnRandomTexts) {
  uint64_t seed = 7;
  const auto random = [&seed] { return seed = seed * 6364136223846793005ULL + 1442695040888963407ULL; };
  for (int i = 0; i < 200'000; ++i) {
    // Mantissas of all lengths, and some near the middle between two doubles.
    uint64_t mantissa = random() >> (random() >> 58U);
    if (i % 3 == 0) mantissa = (uint64_t{1} << (53 + random() % 11)) + (random() % 5 << (random() % 11));
    const std::string text = std::to_string(mantissa) + "e" + std::to_string(static_cast<int>(random() % 61) - 30);
    double value = 0;
    ASSERT_TRUE(parse_double(text, '.', false, value)) << text;
    ASSERT_EQ(value, std::strtod(text.c_str(), nullptr)) << text;
  }
}

TEST(FastParseTest, TakesNothingThatTheFullParserReadsOtherwise) {
  const std::string_view texts[] = {"0",
                                    "7",
                                    "-7",
                                    "12345678",
                                    "-12345678",
                                    "123456789",
                                    "1234567890123456",
                                    "-1234567890123456",
                                    "12345678901234567",
                                    "",
                                    "-",
                                    "-0",
                                    "007",
                                    "+5",
                                    "1x",
                                    "x1",
                                    "1234567x",
                                    "123456789012345x",
                                    "x234567890123456",
                                    "12345678/",
                                    "12345678:",
                                    "1 ",
                                    " 1",
                                    "1.5",
                                    "\xFF",
                                    "--1"};
  for (const std::string_view text : texts) {
    const std::string padded = std::string(text) + std::string(64, '9');
    int64_t fast = -99, full = -99;
    const bool fast_ok = fast_parse_int64(std::string_view(padded).substr(0, text.size()), fast);
    const bool full_ok = parse_int64(text, true, full);
    EXPECT_EQ(fast_ok, full_ok && text.size() <= 16U + (text.front() == '-' ? 1U : 0U)) << text;
    if (fast_ok) {
      EXPECT_EQ(fast, full) << text;
    }
  }
}

TEST(BooleanTest, IsTrueAndFalseAndMoreOnlyOnDemand) {
  bool value = false;
  for (const std::string_view text : {"true", "TRUE", "True"})
    EXPECT_TRUE(parse_boolean(text, false, value) && value) << text;
  for (const std::string_view text : {"false", "FALSE"})
    EXPECT_TRUE(parse_boolean(text, false, value) && !value) << text;
  for (const std::string_view text : {"1", "0", "yes", "n", "T", "tru", ""})
    EXPECT_FALSE(parse_boolean(text, false, value)) << text;
  for (const std::string_view text : {"1", "yes", "Y", "t"})
    EXPECT_TRUE(parse_boolean(text, true, value) && value) << text;
  for (const std::string_view text : {"0", "no", "N", "f"})
    EXPECT_TRUE(parse_boolean(text, true, value) && !value) << text;
  EXPECT_FALSE(parse_boolean("2", true, value));
}

TEST(DateTest, FollowsTheCalendar) {
  struct Case {
    std::string_view text;
    bool ok;
    int32_t days;
  };
  const Case cases[] = {
      {"1970-01-01", true, 0},     {"1969-12-31", true, -1},      {"2000-02-29", true, 11016},
      {"2024-12-31", true, 20088}, {"0001-01-01", true, -719162}, {"9999-12-31", true, 2932896},
      {"1900-02-29", false, 0},    {"2023-02-29", false, 0},      {"2024-04-31", false, 0},
      {"2024-00-10", false, 0},    {"2024-13-01", false, 0},      {"2024-01-00", false, 0},
      {"0000-01-01", false, 0},    {"2024-1-1", false, 0},        {"2024/01/01", false, 0},
      {"20240101", false, 0},      {"2024-01-01 ", false, 0},     {"", false, 0},
      {"-024-01-01", false, 0},
  };
  for (const Case& c : cases) {
    int32_t days = 0;
    EXPECT_EQ(parse_date(c.text, days), c.ok) << c.text;
    if (!c.ok) continue;
    EXPECT_EQ(days, c.days) << c.text;
    EXPECT_EQ(date_text(days), c.text);
  }
}

TEST(TimestampTest, KeepsMicrosecondsAndRefusesWhatIsFiner) {
  struct Case {
    std::string_view text;
    bool ok;
    int64_t micros;
    bool zone;
  };
  const Case cases[] = {
      {"1970-01-01T00:00:00", true, 0, false},
      {"1970-01-01 00:00", true, 0, false},
      {"1970-01-01T00:00:00Z", true, 0, true},
      {"1970-01-01T00:00:01.5", true, 1'500'000, false},
      {"1970-01-01T00:00:00.000001", true, 1, false},
      {"1970-01-01T00:00:00.000001000", true, 1, false},
      {"1970-01-01T00:00:00.0000010001", false, 0, false},
      {"1970-01-01T00:00:00.000001001", false, 0, false},
      {"1970-01-01T00:00:00.", false, 0, false},
      {"1970-01-01T02:00:00+02:00", true, 0, true},
      {"1970-01-01T02:00:00+0200", true, 0, true},
      {"1970-01-01 02:00:00+02", true, 0, true},
      {"1969-12-31T19:00:00-05:00", true, 0, true},
      {"1970-01-01 00:00:00 UTC", true, 0, true},
      {"1970-01-01 00:00:00 +00:00", true, 0, true},
      {"1969-12-31T23:59:59.999999", true, -1, false},
      {"2024-02-29T23:59:59", true, 1709251199LL * 1'000'000, false},
      {"2023-02-29T00:00:00", false, 0, false},
      {"2024-01-01T24:00:00", false, 0, false},
      {"2024-01-01T23:60:00", false, 0, false},
      {"2024-01-01T23:59:60", false, 0, false},
      {"2024-01-01T10", false, 0, false},
      {"2024-01-01", false, 0, false},
      {"2024-01-01T10:00:00+25:00", false, 0, false},
      {"2024-01-01T10:00:00 Berlin", false, 0, false},
      {"2024-01-01T10:00:00 ", false, 0, false},
      {"2024-01-01x10:00:00", false, 0, false},
  };
  for (const Case& c : cases) {
    int64_t micros = 0;
    bool zone = false;
    EXPECT_EQ(parse_timestamp(c.text, micros, zone), c.ok) << c.text;
    if (!c.ok) continue;
    EXPECT_EQ(micros, c.micros) << c.text;
    EXPECT_EQ(zone, c.zone) << c.text;
  }
}

TEST(PatternTest, ReadsDatesAsPeopleWriteThem) {
  struct Case {
    std::string_view pattern;
    std::string_view text;
    std::string_view same_as;  // ISO; empty: refused
  };
  const Case cases[] = {
      {"%d.%m.%Y", "31.12.2024", "2024-12-31T00:00"},
      {"%d.%m.%Y", "1.2.2024", "2024-02-01T00:00"},
      {"%d.%m.%Y", "31.02.2024", ""},
      {"%m/%d/%Y %I:%M %p", "12/31/2024 12:05 AM", "2024-12-31T00:05"},
      {"%m/%d/%Y %I:%M %p", "12/31/2024 12:05 pm", "2024-12-31T12:05"},
      {"%m/%d/%Y %I:%M %p", "12/31/2024 13:05 pm", ""},
      {"%d %b %Y %H:%M:%S", "01 Feb 2024 10:11:12", "2024-02-01T10:11:12"},
      {"%Y-%m-%dT%H:%M:%S.%f%z", "2024-02-01T10:11:12.5+01:00", "2024-02-01T09:11:12.5"},
      {"%d.%m.%Y", "31.12.2024x", ""},
      {"%d.%m.%Y", "31.12.24", ""},
  };
  for (const Case& c : cases) {
    PatternValue value;
    const bool ok = parse_by_pattern(c.text, c.pattern, value);
    ASSERT_EQ(ok, !c.same_as.empty()) << c.text;
    int64_t expected = 0;
    bool zone = false;
    if (!ok) continue;
    ASSERT_TRUE(parse_timestamp(c.same_as, expected, zone));
    EXPECT_EQ(value.micros, expected) << c.text;
  }
  EXPECT_EQ(check_pattern("%d.%m.%Y"), "");
  EXPECT_NE(check_pattern("%q"), "");
  EXPECT_NE(check_pattern("%d%"), "");
}

TEST(TypeInferenceTest, PicksTheNarrowestTypeThatKeepsEveryValue) {
  struct Case {
    std::vector<std::string_view> values;
    std::string_view type;
  };
  const Case cases[] = {
      {{}, "Utf8"},
      {{"1", "-2", "0"}, "Int64"},
      {{"9223372036854775807", "-9223372036854775808"}, "Int64"},
      {{"1234567890123456789"}, "Int64"},
      {{"9223372036854775808", "1"}, "Decimal128(38, 0)"},
      {{"99999999999999999999999999999999999999"}, "Decimal128(38, 0)"},
      {{"100000000000000000000000000000000000000"}, "Utf8"},
      {{"01234", "99999"}, "Utf8"},
      {{"00"}, "Utf8"},
      {{"+5", "5"}, "Utf8"},
      {{"-0", "1"}, "Float64"},
      {{"12.50", "3.25"}, "Decimal128(38, 2)"},
      {{"12.5", "3", "0.125"}, "Decimal128(38, 3)"},
      {{"-0.0", "1.5"}, "Decimal128(38, 1)"},
      {{"0.30000000000000004", "0.25"}, "Float64"},
      {{"0.30000000000000004", "0.12345678901234567"}, "Decimal128(38, 17)"},
      {{"0.123456789012345678", "1.5"}, "Decimal128(38, 18)"},
      {{"12345678901234567890123456789.1234567890"}, "Utf8"},
      {{"1e5", "2"}, "Float64"},
      {{"1.5e-3"}, "Float64"},
      {{"1e5", "9007199254740993"}, "Utf8"},
      {{"1e5", "0.123456789012345678"}, "Utf8"},
      {{"1e400"}, "Utf8"},
      {{"1.5", "Infinity", "NaN", "-inf"}, "Float64"},
      {{"NaN", "nan"}, "Utf8"},
      {{"NA", "1"}, "Utf8"},
      {{"1.", "2."}, "Utf8"},
      {{"1,5"}, "Utf8"},
      {{"true", "FALSE"}, "Boolean"},
      {{"true", "1"}, "Utf8"},
      {{"yes", "no"}, "Utf8"},
      {{"t", "f"}, "Utf8"},
      {{"0", "1"}, "Int64"},
      {{"2024-01-31", "1999-12-31"}, "Date32"},
      {{"2024-01-31", "2024-02-30"}, "Utf8"},
      {{"2024-01-31", "n/a"}, "Utf8"},
      {{"2024-01-31 10:00:00", "2024-01-31T10:00"}, "Timestamp(Microsecond, None)"},
      {{"2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"}, "Timestamp(Microsecond, Some(\"UTC\"))"},
      {{"2024-01-31T10:00:00Z", "2024-01-31T10:00:00"}, "Utf8"},
      {{"2024-01-31T10:00:00.123456789"}, "Utf8"},
      {{"2024-01-31", "2024-01-31 10:00:00"}, "Utf8"},
      {{"10:00:00"}, "Utf8"},
      {{""}, "Utf8"},
      {{"1", ""}, "Utf8"},
      {{" 1"}, "Utf8"},
  };
  const InferenceOptions options;
  for (const Case& c : cases) {
    TypeInference inference(options);
    std::string shown;
    for (const std::string_view value : c.values) {
      inference.observe(value, ValueKind::kPlain);
      shown += std::string(value) + " | ";
    }
    EXPECT_EQ(inference.decide().name(), c.type) << shown;
  }
}

TEST(TypeInferenceTest, WhateverItPicksTakesEveryValueOfTheSample) {
  const std::string_view values[] = {"1",
                                     "-0",
                                     "1.5",
                                     "-0.0",
                                     "1e5",
                                     "Infinity",
                                     "NaN",
                                     "9007199254740993",
                                     "12345678901234567890",
                                     "0.30000000000000004",
                                     "true",
                                     "2024-01-01",
                                     "x",
                                     "0.1",
                                     ".5",
                                     "1E-3"};
  const InferenceOptions options;
  for (const std::string_view a : values) {
    for (const std::string_view b : values) {
      TypeInference inference(options);
      inference.observe(a, ValueKind::kPlain);
      inference.observe(b, ValueKind::kPlain);
      const sdk::DataType type = inference.decide();
      for (const std::string_view text : {a, b}) {
        int64_t integer = 0;
        double real = 0;
        __int128 decimal = 0;
        bool boolean = false;
        int32_t days = 0;
        bool ok = true;
        if (type.id == sdk::TypeId::kInt64) ok = parse_int64(text, true, integer);
        if (type.id == sdk::TypeId::kFloat64) ok = parse_double(text, '.', true, real);
        if (type.id == sdk::TypeId::kDecimal128)
          ok = parse_decimal(text, '.', type.precision, type.scale, true, decimal);
        if (type.id == sdk::TypeId::kBoolean) ok = parse_boolean(text, false, boolean);
        if (type.id == sdk::TypeId::kDate32) ok = parse_date(text, days);
        EXPECT_TRUE(ok) << text << " in " << type.name() << " of " << a << " and " << b;
      }
    }
  }
}

TEST(TypeInferenceTest, JsonKindsAreNotMixedUp) {
  const InferenceOptions options;
  const auto type_of = [&](std::string_view text, ValueKind kind) {
    TypeInference inference(options);
    inference.observe(text, kind);
    return inference.decide().name();
  };
  EXPECT_EQ(type_of("5", ValueKind::kJsonString), "Utf8");
  EXPECT_EQ(type_of("5", ValueKind::kJsonOther), "Int64");
  EXPECT_EQ(type_of("true", ValueKind::kJsonString), "Utf8");
  EXPECT_EQ(type_of("true", ValueKind::kJsonOther), "Boolean");
  EXPECT_EQ(type_of("2024-01-01", ValueKind::kJsonString), "Date32");
  EXPECT_EQ(type_of("[1]", ValueKind::kJsonOther), "Utf8");
}

TEST(TypeNameTest, ShortNamesAndArrowNamesAreKnown) {
  EXPECT_EQ(parse_type_name("text")->name(), "Utf8");
  EXPECT_EQ(parse_type_name("decimal(10, 2)")->name(), "Decimal128(10, 2)");
  EXPECT_EQ(parse_type_name("Timestamp(Microsecond, Some(\"UTC\"))")->name(), "Timestamp(Microsecond, Some(\"UTC\"))");
  EXPECT_EQ(parse_type_name("timestamptz")->name(), "Timestamp(Microsecond, Some(\"UTC\"))");
  for (const std::string_view name : {"varchar", "Binary", "Decimal256(50, 2)", "Timestamp(Nanosecond, None)",
                                      "decimal(39, 0)", "decimal(5, 6)", ""}) {
    EXPECT_FALSE(parse_type_name(name).ok()) << name;
  }
}

TEST(GlobTest, MatchesLikeAShell) {
  struct Case {
    std::string_view pattern, name;
    bool matches;
  };
  const Case cases[] = {
      {"*.csv", "a.csv", true}, {"*.csv", "a.csv.gz", false},
      {"*", "", true},          {"a*b*c", "aXbYc", true},
      {"a*b*c", "aXbY", false}, {"?.csv", "ab.csv", false},
      {"?.csv", "a.csv", true}, {"[a-c]*", "bx", true},
      {"[a-c]*", "dx", false},  {"[!a-c]*", "dx", true},
      {"[]x]", "]", true},      {"*.csv", ".hidden.csv", false},
      {".*", ".hidden", true},  {"a", "a", true},
      {"a", "b", false},        {"***a", "xxa", true},
      {"[a", "[a", true},       {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
  };
  for (const Case& c : cases) EXPECT_EQ(glob_match(c.pattern, c.name), c.matches) << c.pattern << " on " << c.name;
}

}  // namespace
}  // namespace rapidbyte::source_file
