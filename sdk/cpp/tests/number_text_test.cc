#include "rapidbyte/text/number_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "rapidbyte/text/time_text.h"

namespace rapidbyte::text {
namespace {

using Int128 = __int128;

template <typename Write>
std::string text_of(Write write) {
  char buffer[kMaxValueText];
  char* end = write(buffer);
  return {buffer, end};
}

std::string words_text(Int128 value, int32_t scale) {
  const uint64_t words[] = {static_cast<uint64_t>(value), static_cast<uint64_t>(value >> 64),
                            static_cast<uint64_t>(value >> 127), static_cast<uint64_t>(value >> 127)};
  return text_of([&](char* out) { return write_decimal(out, words, 4, scale); });
}

TEST(NumberTextTest, IntegersUpToTheirLimits) {
  int64_t value = 0;
  for (const int64_t limit : {INT64_MIN, INT64_MAX, int64_t{0}, int64_t{-1}, int64_t{999'999'999'999'999'999}}) {
    EXPECT_TRUE(parse_int64(std::to_string(limit), true, value));
    EXPECT_EQ(value, limit);
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                           "99999999999999999999", "", "-", "+", "1.0", "1e3", " 1", "1 ", "0x1", "--1"}) {
    EXPECT_FALSE(parse_int64(text, false, value)) << text;
  }
  for (const char* text : {"007", "+7", "-0", "00"}) EXPECT_FALSE(parse_int64(text, true, value)) << text;
  EXPECT_TRUE(parse_int64("000000000000000000000000000007", false, value) && value == 7);
  EXPECT_TRUE(parse_int64("+7", false, value) && value == 7);
  uint64_t whole = 0;
  EXPECT_TRUE(parse_uint64("18446744073709551615", true, whole));
  EXPECT_EQ(whole, UINT64_MAX);
  EXPECT_FALSE(parse_uint64("18446744073709551616", true, whole));
  EXPECT_FALSE(parse_uint64("-1", false, whole));
}

TEST(NumberTextTest, EveryIntegerComesBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = static_cast<int64_t>(random() >> (random() % 64)) * (i % 2 == 0 ? 1 : -1);
    int64_t back = 0;
    ASSERT_TRUE(parse_int64(std::to_string(value), true, back)) << value;
    ASSERT_EQ(back, value);
  }
}

TEST(NumberTextTest, DecimalsAreExactAtEveryMagnitude) {
  const auto text = [](Int128 value, int32_t scale) {
    const std::string out = text_of([&](char* at) {
      return write_decimal128(at, static_cast<uint64_t>(value), static_cast<int64_t>(value >> 64), scale);
    });
    EXPECT_EQ(words_text(value, scale), out);
    EXPECT_EQ(decimal_text(value, scale), out);
    return out;
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

TEST(NumberTextTest, DecimalsOf256Bits) {
  const uint64_t largest[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1U};
  EXPECT_EQ(text_of([&](char* out) { return write_decimal(out, largest, 4, 0); }),
            "57896044618658097711785492504343953926634992332820282019728792003956564819967");
  const uint64_t smallest[] = {0, 0, 0, uint64_t{1} << 63U};
  EXPECT_EQ(text_of([&](char* out) { return write_decimal(out, smallest, 4, 76); }),
            "-5.7896044618658097711785492504343953926634992332820282019728792003956564819968");
  EXPECT_EQ(text_of([&](char* out) { return write_decimal(out, smallest, 4, -76); }).size(), 1 + 77 + 76);
}

TEST(NumberTextTest, EveryDecimalComesBack) {
  std::mt19937_64 random(2);
  unsigned __int128 limit = 1;
  for (int i = 0; i < 38; ++i) limit *= 10;
  for (int i = 0; i < 200'000; ++i) {
    unsigned __int128 magnitude = (static_cast<unsigned __int128>(random()) << 64U) | random();
    magnitude = (magnitude >> (random() % 128)) % limit;
    const Int128 value = i % 2 == 0 ? static_cast<Int128>(magnitude) : -static_cast<Int128>(magnitude);
    const auto scale = static_cast<int32_t>(random() % 39);
    const std::string text = decimal_text(value, scale);
    ASSERT_EQ(words_text(value, scale), text);
    Int128 back = 0;
    ASSERT_TRUE(parse_decimal(text, '.', 38, scale, false, back)) << text;
    ASSERT_TRUE(back == value) << text << " of scale " << scale;
    // A precision of one digit less than there are refuses it.
    const auto precision = static_cast<int32_t>(decimal_text(static_cast<Int128>(magnitude), 0).size()) - 1;
    if (precision < std::max(scale, 1)) continue;
    ASSERT_FALSE(parse_decimal(text, '.', precision, scale, false, back)) << text << " of precision " << precision;
  }
}

TEST(NumberTextTest, DecimalsAreNeverRounded) {
  Int128 value = 0;
  EXPECT_FALSE(parse_decimal("1.005", '.', 38, 2, false, value));
  EXPECT_TRUE(parse_decimal("1.5000", '.', 38, 2, false, value) && value == 150);
  EXPECT_FALSE(parse_decimal("1" + std::string(38, '0'), '.', 38, 0, false, value));
  EXPECT_TRUE(parse_decimal(std::string(38, '9'), '.', 38, 0, true, value));
  EXPECT_FALSE(parse_decimal("1.2.3", '.', 38, 2, false, value));
  EXPECT_FALSE(parse_decimal(".", '.', 38, 2, false, value));
  EXPECT_FALSE(parse_decimal("-", '.', 38, 2, false, value));
  EXPECT_FALSE(parse_decimal("1,5", '.', 38, 2, false, value));
  EXPECT_TRUE(parse_decimal("-0,00", ',', 38, 2, false, value) && value == 0);
}

template <typename T, typename Bits>
T from_bits(Bits bits) {
  T value{};
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

TEST(NumberTextTest, DoublesAreTheNearestAndTheirTextsTheShortest) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 300'000; ++i) {
    const auto value = from_bits<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = text_of([&](char* out) { return write_double(out, value); });
    double back = 0;
    // Not strictly: large integers are shortest with all their digits.
    ASSERT_TRUE(parse_double(text, '.', false, back)) << text;
    ASSERT_EQ(std::memcmp(&back, &value, sizeof value), 0) << text;
    // One significant digit less would be another number.
    const std::string_view mantissa = std::string_view(text).substr(0, text.find('e'));
    const auto digits = static_cast<int>(std::count_if(mantissa.begin(), mantissa.end(), ::isdigit));
    if (mantissa.size() == text.size() || digits < 2) continue;
    char shorter[64];
    std::snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
    ASSERT_NE(std::strtod(shorter, nullptr), value) << text << " and " << shorter;
  }
  for (int i = 0; i < 300'000; ++i) {
    const auto value = from_bits<float>(static_cast<uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const std::string text = text_of([&](char* out) { return write_float(out, value); });
    ASSERT_EQ(std::strtof(text.c_str(), nullptr), value) << text;
  }
}

TEST(NumberTextTest, DoublesOfEverySpellingAgreeWithTheStandardLibrary) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 300'000; ++i) {
    // Up to 25 digits, a point anywhere, exponents that the fast paths and the slow one take.
    std::string text = i % 2 == 0 ? "" : "-";
    const size_t length = 1 + random() % 25;
    const size_t point = random() % (length + 4);
    for (size_t k = 0; k < length; ++k) {
      if (k == point && k != 0) text += '.';
      text += static_cast<char>('0' + random() % 10);
    }
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 120) - 60);
    double ours = 0;
    ASSERT_TRUE(parse_double(text, '.', false, ours)) << text;
    ASSERT_EQ(ours, std::strtod(text.c_str(), nullptr)) << text;
  }
}

TEST(NumberTextTest, WordsAndTheEndsOfTheRange) {
  double value = 0;
  EXPECT_TRUE(parse_double("-Infinity", '.', true, value) && value == -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(parse_double("nan", '.', true, value) && std::isnan(value));
  EXPECT_TRUE(parse_double("1.7976931348623157e308", '.', true, value) && value == std::numeric_limits<double>::max());
  EXPECT_TRUE(parse_double("5e-324", '.', true, value) && value == std::numeric_limits<double>::denorm_min());
  for (const char* text : {"1e309", "1e-400", "", ".", "1e", "1e+", "0x10", "infinit", "1_000"}) {
    EXPECT_FALSE(parse_double(text, '.', false, value)) << text;
  }
  EXPECT_EQ(text_of([](char* out) { return write_double(out, std::nan("")); }), "NaN");
  EXPECT_EQ(text_of([](char* out) { return write_float(out, -HUGE_VALF); }), "-Infinity");
  EXPECT_EQ(text_of([](char* out) { return write_double(out, -0.0); }), "-0");
}

TEST(NumberTextTest, Booleans) {
  bool value = false;
  EXPECT_TRUE(parse_boolean("TRUE", false, value) && value);
  EXPECT_FALSE(parse_boolean("yes", false, value));
  EXPECT_TRUE(parse_boolean("No", true, value) && !value);
  EXPECT_FALSE(parse_boolean("2", true, value));
}

}  // namespace
}  // namespace rapidbyte::text
