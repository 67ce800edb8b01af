#include "rapidbyte/base/log.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte {
namespace {

class Log : public testing::Test {
 protected:
  void SetUp() override {
    set_log_writer([](LogLevel level, std::string_view line,
                      void* self) { static_cast<Log*>(self)->lines_.emplace_back(level, std::string(line)); },
                   this);
    set_log_level(LogLevel::kTrace);
  }
  void TearDown() override {
    set_log_writer(nullptr, nullptr);
    set_log_level(LogLevel::kWarn);
  }
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

TEST_F(Log, ShowsTheLevelThatWasSetAndWorse) {
  set_log_level(LogLevel::kWarn);
  EXPECT_TRUE(log_enabled(LogLevel::kError));
  EXPECT_TRUE(log_enabled(LogLevel::kWarn));
  EXPECT_FALSE(log_enabled(LogLevel::kInfo));
  log_error("e {}", 1);
  log_warn("w {}", 2);
  log_info("i {}", 3);
  log_debug("d {}", 4);
  EXPECT_EQ(lines_,
            (std::vector<std::pair<LogLevel, std::string>>{{LogLevel::kError, "e 1"}, {LogLevel::kWarn, "w 2"}}));
}

TEST_F(Log, RedactsEverySecretInEveryLine) {
  add_secret("log-test-secret");
  log_info("url=postgres://u:{}@h and again {}", "log-test-secret", "log-test-secret");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].second, "url=postgres://u:***@h and again ***");
}

TEST_F(Log, ASecretWithControlCharactersIsRedactedBeforeTheyAreEscaped) {
  add_secret("two\nlines");
  log_info("key: {}", "two\nlines");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].second, "key: ***");
}

TEST_F(Log, EscapesControlCharactersSoThatATextCannotSteerATerminal) {
  log_info("{}", std::string("tab\tline\nreturn\rescape\x1B[2Jbell\x07"
                             "del\x7Fnul\0end",
                             42));
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].second,
            "tab\tline\\x0areturn\\x0descape\\x1b[2Jbell\\x07"
            "del\\x7fnul\\x00end");
}

TEST_F(Log, EscapesTheTerminalControlsBeyondAsciiAndKeepsOtherText) {
  log_info(
      "csi\xC2\x9B"
      "2J \xC3\xA9\xE2\x82\xAC \xC2\xA9");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].second, "csi\\u009b2J \xC3\xA9\xE2\x82\xAC \xC2\xA9");
}

}  // namespace
}  // namespace rapidbyte
