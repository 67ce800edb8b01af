#include "rapidbyte/cli/view/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "rapidbyte/base/log.h"

namespace rapidbyte::cli {
namespace {

namespace fs = std::filesystem;

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rapidbyte-events-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ / "events.ndjson";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<EventLog> open() {
    auto opened = EventLog::open(
        file_, [] { return std::chrono::system_clock::time_point(std::chrono::milliseconds(1'769'860'800'123)); });
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return std::move(*opened);
  }
  std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> read;
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) read.push_back(nlohmann::json::parse(line));
    return read;
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(EventLogTest, EachEventIsALineThatCanBeReadAtOnce) {
  auto log = open();
  log->run_started("r1", "p", {"a", "b"});
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0],
            nlohmann::json::parse(R"({"event": "run_started", "run_id": "r1", "pipeline": "p", "streams": ["a", "b"],
                                                 "time": "2026-01-31T12:00:00.123Z"})"));
  log->checkpoint_committed("a", 1000);
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[1]["event"], "checkpoint_committed");
  EXPECT_EQ(lines()[1]["rows_committed"], 1000);
}

TEST_F(EventLogTest, AFileThatAnotherRunWritesIsLeftAlone) {
  auto log = open();
  log->run_started("r1", "p", {"a"});
  const auto second = EventLog::open(file_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, "EVENTS_FILE");
  EXPECT_NE(second.error().message.find("another run"), std::string::npos) << second.error().message;
  EXPECT_EQ(lines().size(), 1U);
  log.reset();
  EXPECT_TRUE(EventLog::open(file_).ok());
}

TEST_F(EventLogTest, ProgressIsThinnedToOneLineASecondPerStream) {
  auto log = open();
  for (int i = 0; i < 25; ++i) {
    engine::StreamProgress progress;
    progress.seconds = 0.1 * i;
    log->progress("a", progress);
    log->progress("b", progress);
  }
  EXPECT_EQ(lines().size(), 6U);
}

TEST_F(EventLogTest, SecretsAndBrokenTextDoNotGetThrough) {
  add_secret("hunter2-events");
  auto log = open();
  ConnectorError error;
  error.code = "X";
  error.message = "hunter2-events \xFF";
  log->retry("a", error, std::chrono::milliseconds(1000), 2);
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["message"], "*** \xEF\xBF\xBD");
  EXPECT_EQ(lines()[0]["delay_ms"], 1000);
}

TEST_F(EventLogTest, WhatIsThereStaysUntilItIsEmptied) {
  std::ofstream(file_) << "{\"event\": \"run_finished\"}\n";
  auto log = open();
  ASSERT_EQ(lines().size(), 1U);
  log->empty();
  EXPECT_TRUE(lines().empty());
  log->stream_started("a", false);
  EXPECT_EQ(lines().at(0)["event"], "stream_started");
}

TEST_F(EventLogTest, AFileThatCannotBeMadeIsSaidWithItsPath) {
  auto opened = EventLog::open(folder_ / "no" / "events.ndjson");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, "EVENTS_FILE");
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("no/events.ndjson"));
}

TEST_F(EventLogTest, ReportsAFullDiskOnceAndTheRunContinues) {
  auto opened = EventLog::open("/dev/full");
  ASSERT_TRUE(opened.ok());
  int warnings = 0;
  set_log_writer([](LogLevel, std::string_view, void* count) { ++*static_cast<int*>(count); }, &warnings);
  (*opened)->stream_started("a", false);
  (*opened)->stream_started("b", false);
  set_log_writer(nullptr, nullptr);
  EXPECT_EQ(warnings, 1);
}

}  // namespace
}  // namespace rapidbyte::cli
