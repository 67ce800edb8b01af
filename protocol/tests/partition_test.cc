#include "rapidbyte/protocol/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::protocol {
namespace {

using ::testing::HasSubstr;

TEST(Partitions, AnyValuesButNullAreTakenAsTheyAre) {
  const auto read = parse_partitions(R"([{"from": 1}, [2], "3", 4, false])");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(Json(*read), Json::parse(R"([{"from": 1}, [2], "3", 4, false])"));
  EXPECT_TRUE(parse_partitions("[]")->empty());
}

TEST(Partitions, WhatIsNoAnswerIsSaid) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "gave an answer that is not JSON"},
      {"{}", "did not answer with a list"},
      {"[1, null]", "a null among the partitions"},
      {Json(std::vector<int>(kMaxPartitions + 1, 0)).dump(), "answered with 1025 partitions; 1024 are possible"},
      {Json{std::string(kMaxPartitionBytes, 'x')}.dump(), "answered with a partition of 262146 bytes"},
  };
  for (const auto& [text, expected] : cases) {
    const auto read = parse_partitions(text);
    ASSERT_FALSE(read.ok()) << expected;
    EXPECT_EQ(read.error().code, "PARTITIONS_INVALID");
    EXPECT_EQ(read.error().category, ErrorCategory::kSchema);
    EXPECT_THAT(read.error().message, HasSubstr(expected));
  }
  EXPECT_EQ(parse_partitions(Json(std::vector<int>(kMaxPartitions, 0)).dump())->size(), kMaxPartitions);
  EXPECT_TRUE(parse_partitions(Json{std::string(kMaxPartitionBytes - 2, 'x')}.dump()).ok());
}

}  // namespace
}  // namespace rapidbyte::protocol
