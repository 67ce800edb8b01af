#include "rapidbyte/runtime/sandbox/guest_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte::runtime {
namespace {

class GuestLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  GuestLog log_{[this](LogLevel /*level*/, std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(GuestLogTest, AStreamIsSplitIntoLines) {
  log_.stream(LogLevel::kInfo, "one\ntw");
  log_.stream(LogLevel::kInfo, "o\n\nthree");
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two", ""}));
  log_.flush();
  EXPECT_EQ(lines_.back(), "three");
}

TEST_F(GuestLogTest, TheLastWordsAreThoseOfStderrInThisCall) {
  log_.stream(LogLevel::kWarn, "of an earlier call\n");
  log_.begin_call();
  EXPECT_EQ(log_.last_words(), "");
  log_.stream(LogLevel::kInfo, "stdout, not en");
  log_.stream(LogLevel::kWarn, "Traceback:\n  File \"x.py\"\n\n");
  log_.stream(LogLevel::kInfo, "ded\n");
  log_.stream(LogLevel::kWarn, "ValueError: \x1b[31mno\x07");
  log_.flush();
  EXPECT_EQ(log_.last_words(), "\nTraceback:\n  File \"x.py\"\nValueError: \\x1b[31mno\\x07");
  for (int i = 0; i < 1000; ++i) log_.stream(LogLevel::kWarn, std::to_string(i) + std::string(1000, 'z') + "\n");
  EXPECT_LE(log_.last_words().size(), kLastWordsLines * (kLastWordsLineBytes + 10));
  EXPECT_NE(log_.last_words().find("\n999z"), std::string::npos);
}

TEST_F(GuestLogTest, LastWordsAndCutLinesHoldNoSecret) {
  add_secret("guest-log-secret-1");
  log_.stream(LogLevel::kWarn, "panic at guest-log-se\n  cret-1, and GUEST-LOG-SECRET-1\n");
  EXPECT_EQ(log_.last_words(), "\npanic at ***, and ***");
  log_.line(LogLevel::kInfo, std::string(kMaxLogLineBytes - 5, 'x') + "guest-log-secret-1" + std::string(100, 'y'));
  EXPECT_EQ(lines_.back().find("guest"), std::string::npos);
  log_.stream(LogLevel::kInfo, std::string(kMaxLogLineBytes - 10, 'x') + "guest-log-secret-1\n");
  EXPECT_EQ(lines_.back().find("guest"), std::string::npos);
}

TEST_F(GuestLogTest, ALongLineIsCutAndSaysSo) {
  log_.line(LogLevel::kInfo, std::string(100'000, 'x'));
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_LT(lines_[0].size(), kMaxLogLineBytes + 100);
  EXPECT_NE(lines_[0].find("100000 bytes"), std::string::npos);
}

TEST_F(GuestLogTest, AStreamWithoutLineEndsDoesNotCollectMemory) {
  for (int i = 0; i < 1000; ++i) log_.stream(LogLevel::kInfo, std::string(100'000, 'x'));
  log_.flush();
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_LT(lines_[0].size(), kMaxLogLineBytes + 100);
}

TEST_F(GuestLogTest, AFloodIsLimitedCountedAndEndsAfterASecond) {
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
