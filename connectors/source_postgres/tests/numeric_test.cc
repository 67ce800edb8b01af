#include "numeric.h"

#include <gtest/gtest.h>

#include "copy_bytes.h"

namespace rapidbyte::source_postgres {
namespace {

using testing::numeric_bytes;

std::span<const uint8_t> span_of(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string text_of(const std::string& bytes) {
  const size_t bound = numeric_text_bound(span_of(bytes));
  if (bound == 0) return "(malformed)";
  std::string out(bound, '#');
  const size_t size = numeric_text(span_of(bytes), out.data());
  EXPECT_LE(size, bound);
  return out.substr(0, size);
}

__int128 value_of(const sdk::Decimal128Words& words) {
  return static_cast<__int128>((static_cast<unsigned __int128>(words.words[1]) << 64U) | words.words[0]);
}

constexpr uint16_t kPlus = 0x0000;
constexpr uint16_t kMinus = 0x4000;

TEST(Numeric, BecomesAnUnscaledInteger) {
  struct Case {
    std::string bytes;
    int32_t scale;
    __int128 value;
  };
  const Case cases[] = {
      {numeric_bytes(0, kPlus, 2, {12, 3400}), 2, 1234},                 // 12.34
      {numeric_bytes(0, kMinus, 2, {12, 3400}), 2, -1234},               // -12.34
      {numeric_bytes(0, kPlus, 0, {}), 2, 0},                            // 0
      {numeric_bytes(0, kPlus, 2, {7}), 2, 700},                         // 7.00
      {numeric_bytes(-1, kPlus, 4, {1}), 4, 1},                          // 0.0001
      {numeric_bytes(-1, kPlus, 2, {100}), 2, 1},                        // 0.01
      {numeric_bytes(-3, kPlus, 12, {1}), 12, 1},                        // 0.000000000001
      {numeric_bytes(2, kPlus, 0, {1}), 0, 100'000'000},                 // 1e8
      {numeric_bytes(1, kPlus, 3, {1, 0, 1230}), 3, 10'000'123},         // 10000.123
      {numeric_bytes(3, kPlus, 2, {99, 9999, 9999, 9999, 9900}), 2, static_cast<__int128>(9'999'999'999'999'999)},
      {numeric_bytes(4, kPlus, 0, {1, 0, 0, 0, 1}), 0, static_cast<__int128>(10'000'000'000'000'001)},
      // 18 and 19 digits: on both sides of the step to 128 bits.
      {numeric_bytes(4, kPlus, 0, {99, 9999, 9999, 9999, 9999}), 0, static_cast<__int128>(999'999'999'999'999'999)},
      {numeric_bytes(4, kMinus, 0, {999, 9999, 9999, 9999, 9999}), 0,
       -static_cast<__int128>(9'999'999'999'999'999'999ULL)},
      {numeric_bytes(4, kPlus, 0, {9999, 9999, 9999, 9999, 9999}), 0,
       static_cast<__int128>(99'999'999'999) * 1'000'000'000 + 999'999'999},
      // A shift of more than 19 digits.
      {numeric_bytes(7, kPlus, 0, {1}), 5, static_cast<__int128>(10'000'000'000'000'000) * 10'000'000'000'000'000 * 10},
  };
  for (const Case& c : cases) {
    sdk::Decimal128Words words;
    EXPECT_EQ(decode_numeric(span_of(c.bytes), c.scale, words), NumericOutcome::kOk) << text_of(c.bytes);
    EXPECT_TRUE(value_of(words) == c.value) << text_of(c.bytes);
  }
}

/// decode_small_numeric() with bytes after the value that do not belong to it.
bool decode_small(std::string bytes, int32_t scale, sdk::Decimal128Words& out) {
  const size_t size = bytes.size();
  bytes.append(kSmallNumericBytes, '\x7E');
  return decode_small_numeric(span_of(bytes).data(), size, scale, out);
}

TEST(Numeric, TheShortWayAgreesWithTheLongOne) {
  const std::vector<int16_t> some = {0, 1, 9, 10, 99, 100, 1000, 1200, 1230, 1234, 5600, 9999, 10'000, 16'384, -1};
  uint64_t taken = 0;
  for (int digits = 0; digits <= 5; ++digits) {
    for (int variant = 0; variant < 400; ++variant) {
      std::vector<int16_t> groups;
      auto seed = static_cast<uint32_t>(variant * 7 + digits);
      for (int i = 0; i < digits; ++i, seed = seed * 31 + 17) {
        groups.push_back(some[seed % some.size()]);
      }
      for (const uint16_t sign : {kPlus, kMinus, uint16_t{0xC000}, uint16_t{0x1234}}) {
        for (int16_t weight = -3; weight <= 5; ++weight) {
          for (const int32_t scale : {-4, 0, 1, 2, 3, 4, 7, 14, 38}) {
            const std::string bytes = numeric_bytes(weight, sign, 2, groups);
            sdk::Decimal128Words small;
            if (!decode_small(bytes, scale, small)) continue;
            ++taken;
            sdk::Decimal128Words whole;
            ASSERT_EQ(decode_numeric(span_of(bytes), scale, whole), NumericOutcome::kOk);
            ASSERT_TRUE(value_of(small) == value_of(whole))
                << digits << " digits, variant " << variant << ", weight " << weight << ", scale " << scale;
          }
        }
      }
    }
  }
  EXPECT_GT(taken, 10'000U);
  sdk::Decimal128Words words;
  EXPECT_TRUE(decode_small(numeric_bytes(0, kMinus, 2, {12, 3400}), 2, words));
  EXPECT_TRUE(value_of(words) == -1234);
  EXPECT_FALSE(decode_small(numeric_bytes(0, kPlus, 2, {12, 3400}).substr(0, 11), 2, words));  // a digit is missing
}

TEST(Numeric, HoldsTheLargestDecimals) {
  const std::string most = numeric_bytes(9, kMinus, 0, {99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999});
  sdk::Decimal128Words narrow;
  ASSERT_EQ(decode_numeric(span_of(most), 0, narrow), NumericOutcome::kOk);
  __int128 nines = 0;
  for (int i = 0; i < 38; ++i) nines = nines * 10 + 9;
  EXPECT_TRUE(value_of(narrow) == -nines);

  std::vector<int16_t> digits(19, 9999);
  sdk::Decimal256Words wide;
  ASSERT_EQ(decode_numeric(span_of(numeric_bytes(18, kMinus, 0, digits)), 0, wide), NumericOutcome::kOk);
  // 10^76 - 1 and its negative add up to zero.
  sdk::Decimal256Words positive;
  ASSERT_EQ(decode_numeric(span_of(numeric_bytes(18, kPlus, 0, digits)), 0, positive), NumericOutcome::kOk);
  EXPECT_EQ(positive.words[3], 0x161BCCA7119915B5ULL);
  unsigned __int128 carry = 0;
  for (int i = 0; i < 4; ++i) {
    carry += static_cast<unsigned __int128>(wide.words[i]) + positive.words[i];
    EXPECT_EQ(static_cast<uint64_t>(carry), 0U);
    carry >>= 64U;
  }
}

TEST(Numeric, TellsWhatDoesNotFit) {
  sdk::Decimal128Words words;
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, 0xC000, 0, {})), 2, words), NumericOutcome::kNan);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, 0xD000, 0, {})), 2, words), NumericOutcome::kInfinity);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, 0xF000, 0, {})), 2, words), NumericOutcome::kNegativeInfinity);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(9, kPlus, 0, {100})), 0, words), NumericOutcome::kDoesNotFit);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, kPlus, 3, {1, 1230})), 2, words), NumericOutcome::kDoesNotFit);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(-2, kPlus, 8, {1})), 2, words), NumericOutcome::kDoesNotFit);
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, kPlus, 0, {10'000})), 0, words), NumericOutcome::kDoesNotFit);
  sdk::Decimal256Words wide;
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(19, kPlus, 0, {1})), 0, wide), NumericOutcome::kDoesNotFit);
}

TEST(Numeric, RefusesBytesThatAreNone) {
  sdk::Decimal128Words words;
  const std::string good = numeric_bytes(0, kPlus, 2, {12, 3400});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(decode_numeric(span_of(good).first(size), 2, words), NumericOutcome::kMalformed);
    EXPECT_EQ(numeric_text_bound(span_of(good).first(size)), 0U);
  }
  EXPECT_EQ(decode_numeric(span_of(numeric_bytes(0, 0x1234, 0, {1})), 0, words), NumericOutcome::kMalformed);
  EXPECT_EQ(text_of(numeric_bytes(0, kPlus, 0x4000, {1})), "(malformed)");
  EXPECT_EQ(text_of(numeric_bytes(0, kPlus, 0, {-1})), "(malformed)");
}

TEST(Numeric, PrintsWhatTheServerPrints) {
  EXPECT_EQ(text_of(numeric_bytes(0, kPlus, 0, {})), "0");
  EXPECT_EQ(text_of(numeric_bytes(0, kPlus, 3, {})), "0.000");
  EXPECT_EQ(text_of(numeric_bytes(0, kMinus, 2, {12, 3400})), "-12.34");
  EXPECT_EQ(text_of(numeric_bytes(0, kPlus, 5, {12, 3400})), "12.34000");
  EXPECT_EQ(text_of(numeric_bytes(1, kPlus, 0, {1})), "10000");
  EXPECT_EQ(text_of(numeric_bytes(1, kPlus, 1, {1, 5, 5000})), "10005.5");
  EXPECT_EQ(text_of(numeric_bytes(-1, kPlus, 4, {7})), "0.0007");
  EXPECT_EQ(text_of(numeric_bytes(-3, kPlus, 10, {1000})), "0.0000000010");
  EXPECT_EQ(text_of(numeric_bytes(0, 0xC000, 0, {})), "NaN");
  EXPECT_EQ(text_of(numeric_bytes(0, 0xD000, 0, {})), "Infinity");
  EXPECT_EQ(text_of(numeric_bytes(0, 0xF000, 0, {})), "-Infinity");
  EXPECT_EQ(text_of(numeric_bytes(32767, kPlus, 0, {1})).size(), size_t{4} * 32767 + 1);
}

}  // namespace
}  // namespace rapidbyte::source_postgres
