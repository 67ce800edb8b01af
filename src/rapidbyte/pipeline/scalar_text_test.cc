#include "rapidbyte/pipeline/scalar_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace rapidbyte::pipeline {
namespace {

using nlohmann::json;

TEST(ScalarText, FollowsTheCoreSchemaAndNeverLosesAnything) {
  struct Case {
    std::string_view text;
    json value;
  };
  const std::vector<Case> cases = {
      {"", nullptr},
      {"~", nullptr},
      {"null", nullptr},
      {"NULL", nullptr},
      {"nul", "nul"},
      {"true", true},
      {"False", false},
      {"TRUE", true},
      {"yes", "yes"},
      {"no", "no"},
      {"on", "on"},
      {"tRue", "tRue"},
      {"0", 0},
      {"-0", 0},
      {"5432", 5432},
      {"+7", 7},
      {"-12", -12},
      {"0x1F", 31},
      {"0o17", 15},
      {"0x", "0x"},
      {"0x-1", "0x-1"},
      {"0b11", "0b11"},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
      {"18446744073709551615", std::numeric_limits<uint64_t>::max()},
      {"18446744073709551616", "18446744073709551616"},
      {"-9223372036854775809", "-9223372036854775809"},
      {"0123", "0123"},
      {"-007", "-007"},
      {"00.5", "00.5"},
      {"1.5", 1.5},
      {"+.5", 0.5},
      {"5.", 5.0},
      {"1e5", 1e5},
      {"-2.5E-3", -2.5e-3},
      {"1e999", "1e999"},
      {"1e", "1e"},
      {".", "."},
      {"-", "-"},
      {"+", "+"},
      {".e5", ".e5"},
      {".inf", ".inf"},
      {".nan", ".nan"},
      {"inf", "inf"},
      {"nan", "nan"},
      {"1_000", "1_000"},
      {"1.2.3", "1.2.3"},
      {"12:30", "12:30"},
      {"2024-01-01", "2024-01-01"},
      {"NA", "NA"},
  };
  for (const Case& c : cases) {
    const json value = plain_scalar_to_json(c.text);
    EXPECT_EQ(value, c.value) << c.text;
    EXPECT_EQ(value.is_number_float(), c.value.is_number_float()) << c.text;
    EXPECT_EQ(value.is_string(), c.value.is_string()) << c.text;
  }
}

TEST(ScalarText, ReadsSizes) {
  const std::vector<std::pair<std::string_view, uint64_t>> good = {
      {"0", 0},
      {"1048576", 1048576},
      {"4kb", 4096},
      {"64mb", 64ULL << 20U},
      {"2 GB", 2ULL << 30U},
      {"1Mb", 1U << 20U},
      {"17179869183gb", 17179869183ULL << 30U},
      {"18446744073709551615", std::numeric_limits<uint64_t>::max()},
  };
  for (const auto& [text, bytes] : good) {
    const NumberOrMistake parsed = parse_size(text);
    ASSERT_TRUE(std::holds_alternative<uint64_t>(parsed)) << text << ": " << std::get<std::string>(parsed);
    EXPECT_EQ(std::get<uint64_t>(parsed), bytes) << text;
  }
}

TEST(ScalarText, RefusesSizesThatAreNegativeFractionsTooLargeOrNoSizes) {
  const std::vector<std::pair<std::string_view, std::string_view>> bad = {
      {"-1", "negative"},
      {"-64mb", "negative"},
      {"1.5gb", "fraction"},
      {"1,5gb", "fraction"},
      {"17179869184gb", "larger"},
      {"18446744073709551616", "larger"},
      {"64mib", "unknown unit 'mib'"},
      {"64m", "unknown unit 'm'"},
      {"5 ", "unknown unit"},
      {"mb", "not a size"},
      {"", "not a size"},
      {" 5", "not a size"},
      {"64mb 2", "unknown unit"},
      {"1e3", "unknown unit"},
      {"+5", "not a size"},
  };
  for (const auto& [text, word] : bad) {
    const NumberOrMistake parsed = parse_size(text);
    ASSERT_TRUE(std::holds_alternative<std::string>(parsed)) << text;
    EXPECT_NE(std::get<std::string>(parsed).find(word), std::string::npos)
        << text << ": " << std::get<std::string>(parsed);
  }
}

TEST(ScalarText, ReadsCounts) {
  EXPECT_EQ(std::get<uint64_t>(parse_count("0")), 0U);
  EXPECT_EQ(std::get<uint64_t>(parse_count("18446744073709551615")), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(std::get<std::string>(parse_count("-3")), "'-3' is negative; write 0 or more");
  EXPECT_EQ(std::get<std::string>(parse_count("18446744073709551616")), "'18446744073709551616' is too large");
  EXPECT_EQ(std::get<std::string>(parse_count("1.0")), "'1.0' is not a whole number");
  EXPECT_EQ(std::get<std::string>(parse_count("")), "'' is not a whole number");
}

}  // namespace
}  // namespace rapidbyte::pipeline
