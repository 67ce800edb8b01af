#include "rapidbyte/engine/report/dlq.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
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
    std::string record;
    const char* line_has;
  };
  const std::vector<Case> cases = {
      {R"({"n":1.10,"n":2})", R"("record":{"n":1.10,"n":2}})"},
      {R"({"id":12345678901234567890123})", R"("record":{"id":12345678901234567890123}})"},
      {"{\n \"a\": 1\r\n}", R"("record":{  "a": 1  }})"},
      {"a,b\n\"c\"", R"("record":"a,b\n\"c\""})"},
      {"", R"("record":""})"},
      {"\xEF\xBB\xBF{}", "\"record\":\"\xEF\xBB\xBF{}\"}"},
      // Some readers of JSON stop at a zero byte, and would look at nothing behind it.
      {std::string("{}\0,\"x\"", 7), R"("record":"{}\u0000,\"x\""})"},
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

TEST_F(DlqWriterTest, CountsOnlyWhatThisRunWrites) {
  std::string before;
  for (int run = 0; run < 5; ++run) {
    DlqWriter writer(path_, 200, "p", "run-" + std::to_string(run));
    ASSERT_TRUE(writer.append("dest", {"s", "{}", "e", "data"}).ok()) << "run " << run;
    EXPECT_EQ(writer.append("dest", {"s", "{}", "e", "data"}).error().code, "DLQ_FULL") << "run " << run;
    EXPECT_EQ(text().rfind(before, 0), 0U) << "what earlier runs wrote stays";
    before = text();
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 5U);
  for (size_t run = 0; run < 5; ++run) EXPECT_EQ(all[run]["run_id"], "run-" + std::to_string(run));
}

TEST_F(DlqWriterTest, KeepsTheLinesOfSeveralPipelinesInOneFileWhole) {
  DlqWriter one(path_, 10'000'000, "one", "run"), two(path_, 10'000'000, "two", "run");
  std::vector<std::thread> threads;
  for (DlqWriter* writer : {&one, &two}) {
    threads.emplace_back([writer] {
      for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(writer->append("dest", {"s", "{}", std::string(5000, 'x'), "data"}).ok());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines().size(), 200U);
  // One of the two is killed in a line.
  std::ofstream(path_, std::ios::app) << "{\"torn\": ";
  ASSERT_TRUE(two.append("dest", {"s", "{}", "e", "data"}).ok());
  EXPECT_NE(text().find("{\"torn\": \n{\"time\""), std::string::npos);
}

TEST_F(DlqWriterTest, WhenTheDiskIsFullCutsOffItsOwnHalfLineOnly) {
  DlqWriter other(path_, 10'000, "other", "run"), full(path_, 1'000'000, "full", "run");
  ASSERT_TRUE(full.append("dest", {"s", "{}", "e", "data"}).ok());
  ASSERT_TRUE(other.append("dest", {"s", "{}", "e", "data"}).ok());
  const std::string before = text();
  // A limit on the file's size stands for the full disk: the write ends in the middle of the line.
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit low = old;
  low.rlim_cur = before.size() + 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  const Status status = full.append("dest", {"s", "{}", std::string(5000, 'x'), "data"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "DLQ_WRITE_FAILED");
  EXPECT_EQ(text(), before);
}

TEST_F(DlqWriterTest, WaitingForAnotherRunEndsWithTheCancellation) {
  CancelToken cancel;
  DlqWriter writer(path_, 100'000, "p", "run", cancel);
  ASSERT_TRUE(writer.append("dest", {"s", "1", "bad", "data"}).ok());
  const int other = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  // On its own thread: what ignores the cancellation would wait for ever.
  Status status;
  std::atomic<bool> ended = false;
  std::thread run([&] {
    status = writer.append("dest", {"s", "2", "bad", "data"});
    ended = true;
  });
  for (int i = 0; i < 500 && !ended; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(ended);
  ::close(other);
  run.join();
  user.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "CANCELLED");
  EXPECT_EQ(lines().size(), 1U);
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

TEST_F(DlqWriterTest, APathIsAFileOrAFolderForAFilePerRun) {
  EXPECT_EQ(dlq_path_of("", "/s", "orders", "r1"), "/s/dlq/orders-r1.ndjson");
  EXPECT_EQ(dlq_path_of("", "/s", "../../etc/x y", "r1"), "/s/dlq/.._.._etc_x_y-r1.ndjson") << "stays in its folder";
  EXPECT_EQ(dlq_path_of("/x/rejected.ndjson", "/s", "orders", "r1"), "/x/rejected.ndjson");
  EXPECT_EQ(dlq_path_of("/x/rejected/", "/s", "orders", "r1"), "/x/rejected/orders-r1.ndjson");
  EXPECT_EQ(dlq_path_of(folder_, "/s", "orders", "r1"), folder_ / "orders-r1.ndjson");
}

}  // namespace
}  // namespace rapidbyte::engine
