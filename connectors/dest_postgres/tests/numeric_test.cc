// numeric's binary form from bytes. What each number is sent as was taken from PostgreSQL: SELECT numeric_send(...).
#include "src/numeric.h"

#include "tests/batches.h"

namespace rapidbyte::dest_postgres {
namespace {

std::string hex(const uint8_t* begin, const uint8_t* end) {
  std::string out;
  for (const uint8_t* at = begin; at != end; ++at) {
    out += "0123456789abcdef"[*at >> 4];
    out += "0123456789abcdef"[*at & 15];
  }
  return out;
}

std::string of_decimal(std::string_view unscaled, int32_t scale, size_t words) {
  uint8_t buffer[kMaxDecimalBytes];
  return hex(buffer + 4, put_decimal(buffer, words_of(unscaled, words).data(), words, scale));
}

std::string of_text(std::string_view text) {
  std::vector<uint8_t> buffer(text.size() + kNumericTextExtra + 4);
  const auto number = parse_numeric(text);
  EXPECT_TRUE(number.has_value()) << text;
  return hex(buffer.data() + 4, put_numeric_text(buffer.data(), *number));
}

TEST(NumericTest, DecimalsAndTextsAreSentAsTheServerWritesThem) {
  // digits, weight, sign, scale; then groups of four decimal digits
  const struct {
    const char* unscaled;
    int32_t scale;
    const char* text;
    const char* bytes;
  } cases[] = {
      {"0", 0, "0", "0000000000000000"},
      {"0", 2, "0.00", "0000000000000002"},
      {"1", 0, "1", "00010000000000000001"},
      {"-1", 0, "-1", "00010000400000000001"},
      {"10000", 0, "10000", "00010001000000000001"},
      {"12345", 0, "12345", "000200010000000000010929"},
      {"1234", 2, "12.34", "0002000000000002000c0d48"},
      {"5", 1, "0.5", "0001ffff000000011388"},
      {"5", 5, "0.00005", "0001fffe000000051388"},
      {"-123456789012345678", 4, "-12345678901234.5678", nullptr},  // compared with the text only
      {"99999999999999999999999999999999999999", 10, "9999999999999999999999999999.9999999999", nullptr},
      {"-99999999999999999999999999999999999999", 37, "-9.9999999999999999999999999999999999999", nullptr},
      {"18446744073709551615", 0, "18446744073709551615", nullptr},
      {"100000000", 8, "1.00000000", "00010000000000080001"},
      {"20000", 3, "20.000", "00010000000000030014"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const std::string bytes = of_decimal(c.unscaled, c.scale, 2);
    if (c.bytes != nullptr) {
      EXPECT_EQ(bytes, c.bytes);
    }
    EXPECT_EQ(of_decimal(c.unscaled, c.scale, 4), bytes);
    // A text may have zero groups at its end, which the server strips: compare what was not a trailing zero.
    std::string text = of_text(c.text);
    while (text.size() > 16 && text.ends_with("0000") && text.size() > bytes.size()) text.resize(text.size() - 4);
    EXPECT_EQ(text.substr(4), bytes.substr(4));
  }
}

TEST(NumericTest, EveryPowerOfTenAndItsNeighboursAgreeBetweenBothWays) {
  for (int32_t scale = 0; scale <= 38; ++scale) {
    std::string digits = "1";
    for (int power = 0; power < 38; ++power, digits += '0') {
      for (const std::string& unscaled : {digits, std::string(digits.size(), '9'), "-" + digits}) {
        const bool negative = unscaled[0] == '-';
        std::string plain = negative ? unscaled.substr(1) : unscaled;
        while (plain.size() <= static_cast<size_t>(scale)) plain.insert(0, 1, '0');
        if (scale > 0) plain.insert(plain.size() - static_cast<size_t>(scale), 1, '.');
        const auto of = [](const std::string& bytes) {
          // digits without their count, which leading and trailing zero groups change
          std::string groups = bytes.substr(16);
          while (groups.ends_with("0000") && groups.size() % 4 == 0 && !groups.empty())
            groups.resize(groups.size() - 4);
          return bytes.substr(4, 12) + groups;
        };
        ASSERT_EQ(of(of_text((negative ? "-" : "") + plain)), of(of_decimal(unscaled, scale, 2))) << plain;
        ASSERT_EQ(of_decimal(unscaled, scale, 4), of_decimal(unscaled, scale, 2)) << plain;
      }
    }
  }
}

TEST(NumericTest, MagnitudesAroundTheShortWaysEndAgreeWithTheirTexts) {
  for (int32_t scale = 0; scale <= 9; ++scale) {
    const DecimalLayout layout = DecimalLayout::of(scale);
    for (const uint64_t magnitude : {uint64_t{0}, uint64_t{1}, uint64_t{9'999}, uint64_t{10'000}, uint64_t{100'000'000},
                                     uint64_t{1'0000'0001'0000}, layout.largest - 1, layout.largest, layout.largest + 1,
                                     uint64_t{INT64_MAX}, uint64_t{INT64_MAX} + 1, UINT64_MAX}) {
      for (const bool negative : {false, true}) {
        uint8_t buffer[kMaxDecimalBytes];
        std::string plain = std::to_string(magnitude);
        while (plain.size() <= static_cast<size_t>(scale)) plain.insert(0, 1, '0');
        if (scale > 0) plain.insert(plain.size() - static_cast<size_t>(scale), 1, '.');
        const std::string bytes = hex(buffer + 4, put_decimal64(buffer, magnitude, negative, scale));
        std::string text = of_text((negative ? "-" : "") + plain);
        // A text's trailing zero groups stay; the number of groups stands at the front.
        while (text.size() > bytes.size() && text.ends_with("0000")) text.resize(text.size() - 4);
        ASSERT_EQ(text.substr(4), bytes.substr(4)) << (negative ? "-" : "") << plain;
        ASSERT_EQ(of_decimal((negative ? "-" : "") + std::to_string(magnitude), scale, 2), bytes) << plain;
      }
    }
  }
}

TEST(NumericTest, NegativeScalesAppendZeros) {
  EXPECT_EQ(of_decimal("12", -3, 2), of_decimal("12000", 0, 2));
  EXPECT_EQ(of_decimal("-7", -38, 4), of_decimal("-7" + std::string(38, '0'), 0, 4));
  EXPECT_EQ(of_decimal("0", -5, 2), of_decimal("0", 0, 2));
}

TEST(NumericTest, SpecialValuesHaveTheirOwnSigns) {
  EXPECT_EQ(of_text("NaN"), "00000000c0000000");
  EXPECT_EQ(of_text("Infinity"), "00000000d0000000");
  EXPECT_EQ(of_text("-Infinity"), "00000000f0000000");
}

TEST(NumericTest, OnlyPlainNotationIsANumber) {
  for (const char* text : {"", "-", ".", "1e5", "1 ", " 1", "0x10", "1_000", "nan", "inf", "--1", "1.2.3", "１"}) {
    EXPECT_FALSE(parse_numeric(text).has_value()) << text;
  }
  for (const char* text : {"+1", ".5", "5.", "-0", "007"}) EXPECT_TRUE(parse_numeric(text).has_value()) << text;
  EXPECT_FALSE(parse_numeric(std::string(131073, '9')).has_value());
  EXPECT_TRUE(parse_numeric(std::string(131072, '9')).has_value());
}

TEST(NumericTest, WhatAColumnWouldRoundDoesNotFit) {
  const struct {
    const char* text;
    int32_t precision, scale;
    bool fits;
  } cases[] = {{"12.34", 4, 2, true},    {"12.340", 4, 2, true},  {"12.345", 4, 2, false},   {"123.4", 4, 2, false},
               {"0.00", 1, 0, true},     {"NaN", 4, 2, true},     {"Infinity", 4, 2, false}, {"Infinity", 0, 0, true},
               {"12300", 3, -2, true},   {"12310", 3, -2, false}, {"123400", 3, -2, false},  {"0.00012", 2, 5, true},
               {"0.00123", 2, 5, false}, {"-99.99", 4, 2, true},  {"007", 1, 0, true}};
  for (const auto& c : cases) {
    EXPECT_EQ(fits_numeric(*parse_numeric(c.text), c.precision, c.scale), c.fits)
        << c.text << " in numeric(" << c.precision << "," << c.scale << ")";
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
