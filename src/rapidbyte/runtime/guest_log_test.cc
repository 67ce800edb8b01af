#include "rapidbyte/runtime/guest_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::runtime {
namespace {

class GuestLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  GuestLog log_{[this](LogLevel /*level*/, std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(GuestLogTest, a_stream_is_split_into_lines) {
  log_.stream(LogLevel::kInfo, "one\ntw");
  log_.stream(LogLevel::kInfo, "o\n\nthree");
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two", ""}));
  log_.flush();
  EXPECT_EQ(lines_.back(), "three");
}

TEST_F(GuestLogTest, a_long_line_is_cut_and_says_so) {
  log_.line(LogLevel::kInfo, std::string(100'000, 'x'));
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_LT(lines_[0].size(), kMaxLogLineBytes + 100);
  EXPECT_NE(lines_[0].find("100000 bytes"), std::string::npos);
}

TEST_F(GuestLogTest, a_stream_without_line_ends_does_not_collect_memory) {
  for (int i = 0; i < 1000; ++i) log_.stream(LogLevel::kInfo, std::string(100'000, 'x'));
  log_.flush();
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_LT(lines_[0].size(), kMaxLogLineBytes + 100);
}

TEST_F(GuestLogTest, a_flood_is_limited_counted_and_ends_after_a_second) {
  const auto start = GuestLog::Clock::now();
  for (uint32_t i = 0; i < kMaxLogLinesPerSecond + 50; ++i) log_.line(LogLevel::kInfo, "x", start);
  EXPECT_EQ(lines_.size(), kMaxLogLinesPerSecond);
  log_.line(LogLevel::kInfo, "later", start + std::chrono::seconds(2));
  ASSERT_EQ(lines_.size(), kMaxLogLinesPerSecond + 2);
  EXPECT_EQ(lines_[kMaxLogLinesPerSecond].substr(0, 23), "50 log lines suppressed");
  EXPECT_EQ(lines_.back(), "later");
}

}  // namespace
}  // namespace rapidbyte::runtime
