#include "rapidbyte/engine/dlq.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "rapidbyte/base/log.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

class DlqWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rb-dlq-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "deep" / "x.ndjson";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string text() {
    std::ifstream file(path_);
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }
  std::vector<json> lines() {
    std::vector<json> out;
    std::stringstream all(text());
    for (std::string line; std::getline(all, line);) out.push_back(json::parse(line));
    return out;
  }

  std::filesystem::path folder_, path_;
};

TEST_F(DlqWriterTest, MakesTheFileWithTheFirstRecordForTheUserOnly) {
  DlqWriter writer(path_, 1000, "p", "run");
  ASSERT_TRUE(writer.sync().ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(writer.append("dest", {"s", R"({"a":1})", "too long", "data"}).ok());
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_TRUE(writer.sync().ok());
  const json line = lines().at(0);
  EXPECT_EQ(line["pipeline"], "p");
  EXPECT_EQ(line["run_id"], "run");
  EXPECT_EQ(line["stream"], "s");
  EXPECT_EQ(line["connector"], "dest");
  EXPECT_EQ(line["category"], "data");
  EXPECT_EQ(line["error"], "too long");
  EXPECT_EQ(line["record"]["a"], 1);
  EXPECT_EQ(line["time"].get<std::string>().size(), 24U);
  EXPECT_EQ(writer.records(), 1U);
}

TEST_F(DlqWriterTest, KeepsTheRecordAsItWas) {
  struct Case {
    const char* record;
    const char* line_has;
  };
  const std::vector<Case> cases = {
      {R"({"n":1.10,"n":2})", R"("record":{"n":1.10,"n":2}})"},
      {R"({"id":12345678901234567890123})", R"("record":{"id":12345678901234567890123}})"},
      {"{\n \"a\": 1\r\n}", R"("record":{  "a": 1  }})"},
      {"a,b\n\"c\"", R"("record":"a,b\n\"c\""})"},
      {"", R"("record":""})"},
      {"\xEF\xBB\xBF{}", "\"record\":\"\xEF\xBB\xBF{}\"}"},
  };
  for (const Case& c : cases) {
    std::filesystem::remove(path_);
    DlqWriter writer(path_, 10'000, "p", "run");
    ASSERT_TRUE(writer.append("dest", {"s", c.record, "e", "data"}).ok());
    EXPECT_NE(text().find(c.line_has), std::string::npos) << text();
    EXPECT_EQ(lines().size(), 1U);
  }
}

TEST_F(DlqWriterTest, RefusesAtTheCapAndDropsNothingBefore) {
  DlqWriter writer(path_, 700, "p", "run");
  Status status;
  uint64_t written = 0;
  while ((status = writer.append("dest", {"s", "{}", "e", "data"})).ok()) ++written;
  EXPECT_EQ(status.error().code, "DLQ_FULL");
  EXPECT_NE(status.error().message.find("dlq.max_bytes"), std::string::npos);
  EXPECT_GT(written, 1U);
  EXPECT_EQ(lines().size(), written);
  EXPECT_LE(std::filesystem::file_size(path_), 700U);
}

TEST_F(DlqWriterTest, AppendsToAnEarlierFileAndStartsANewLineAfterATornOne) {
  std::filesystem::create_directories(path_.parent_path());
  std::ofstream(path_) << "{\"old\": 1}\n{\"torn\": ";
  DlqWriter writer(path_, 1000, "p", "run");
  ASSERT_TRUE(writer.append("dest", {"s", "{}", "e", "data"}).ok());
  EXPECT_EQ(text().rfind("{\"old\": 1}\n{\"torn\": \n{\"time\"", 0), 0U) << text();
}

TEST_F(DlqWriterTest, RedactsSecretsInTheErrorText) {
  add_secret("hunter2-of-the-dlq-test");
  DlqWriter writer(path_, 1000, "p", "run");
  ASSERT_TRUE(writer.append("dest", {"s", "{}", "password hunter2-of-the-dlq-test refused", "data"}).ok());
  EXPECT_EQ(lines()[0]["error"], "password *** refused");
}

TEST_F(DlqWriterTest, SaysWhyItCannotWrite) {
  std::ofstream(folder_ / "file") << "x";
  DlqWriter no_folder(folder_ / "file" / "x", 1000, "p", "run");
  EXPECT_EQ(no_folder.append("dest", {"s", "{}", "e", "data"}).error().code, "DLQ_WRITE_FAILED");
  std::filesystem::create_symlink("/dev/null", folder_ / "link");
  DlqWriter link(folder_ / "link", 1000, "p", "run");
  EXPECT_EQ(link.append("dest", {"s", "{}", "e", "data"}).error().code, "DLQ_WRITE_FAILED");
}

TEST_F(DlqWriterTest, KeepsTheLinesOfSeveralStreamsWhole) {
  DlqWriter writer(path_, 10'000'000, "p", "run");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(
            writer.append("dest", {std::to_string(t), json{{"i", i}}.dump(), std::string(500, 'x'), "data"}).ok());
        ASSERT_TRUE(i % 50 != 0 || writer.sync().ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines().size(), 800U);
  EXPECT_EQ(writer.records(), 800U);
}

TEST(DefaultDlqPath, StaysInItsFolder) {
  EXPECT_EQ(default_dlq_path("/s", "orders", "r1"), "/s/dlq/orders-r1.ndjson");
  EXPECT_EQ(default_dlq_path("/s", "../../etc/x y", "r1"), "/s/dlq/.._.._etc_x_y-r1.ndjson");
}

}  // namespace
}  // namespace rapidbyte::engine
