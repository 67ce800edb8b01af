// Runs that are killed: a child process loads, dies by SIGKILL at a random moment, and a second run resumes as the
// engine would. The table must equal the source, every time. Also databases in WAL mode and what a killed run leaves
// behind.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>

#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

constexpr int64_t kBatches = 40;
constexpr int64_t kRows = 250;
constexpr int64_t kBatchesPerMarker = 5;

Schema schema() { return {{{"id", DataType::of(TypeId::kInt64)}, {"text", DataType::of(TypeId::kUtf8)}}}; }

std::vector<uint8_t> batch_at(int64_t number) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t id = number * kRows + i;
    rows.push_back(
        Json::array({id, "row " + std::to_string(id * 7919) + std::string(static_cast<size_t>(id % 50), 'x')}));
  }
  return make_batch(schema(), rows);
}

class CrashTest : public SqliteTest {
 protected:
  // One run from batch `first` on, as the engine drives it: after the last batch it only finishes. In the child it may
  // die anywhere.
  Status run(const Json& ctx, int64_t first, const std::vector<std::vector<uint8_t>>& batches) {
    FakeHost host;
    host.load_id = ctx["load_id"].get<std::string>();
    for (int64_t i = first; i < kBatches; ++i) {
      host.push_batch(batches[static_cast<size_t>(i)]);
      if ((i + 1) % kBatchesPerMarker == 0) host.push_marker({{"id", "c"}, {"next", i + 1}});
    }
    host.push_end_marker();
    auto destination = open();
    const std::string text = sdk::to_text(ctx);
    Status status = destination->begin_stream(text);
    if (status.ok() && first < kBatches) status = destination->run_write(text).status();
    if (status.ok()) status = destination->finish_stream(text, true);
    if (status.ok()) status = destination->close();
    return status;
  }

  // Where a resumed run begins: after the rows of the newest receipt.
  int64_t resume_at(const Json& ctx) {
    auto destination = open();
    const auto committed = destination->last_committed(sdk::to_text(ctx));
    EXPECT_TRUE(committed.ok());
    EXPECT_TRUE(destination->close().ok());
    if (!committed.ok() || !committed->has_value()) return 0;
    const auto receipt = sdk::parse_json(**committed);
    EXPECT_TRUE(receipt.ok());
    if (sdk::string_member(*receipt, "load_id") != ctx["load_id"].get<std::string>()) return 0;
    return sdk::int_member(*receipt, "next").value_or(0);
  }

  static constexpr int kKills = 11;

  void kill_and_resume(const Json& mode, bool from_start, const std::string& prepare) {
    std::vector<std::vector<uint8_t>> batches;
    for (int64_t i = 0; i < kBatches; ++i) batches.push_back(batch_at(i));
    Lines expected;
    std::chrono::microseconds whole{};  // how long a load takes on this machine
    {
      sql(prepare);
      const auto begin = std::chrono::steady_clock::now();
      ASSERT_TRUE(run(context("s", schema(), mode), 0, batches).ok());
      whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
      expected = table("s");
      ASSERT_EQ(expected.size(), static_cast<size_t>(kBatches * kRows));
    }
    std::mt19937 random(20241);
    std::uniform_int_distribution<useconds_t> delay(0, static_cast<useconds_t>(whole.count()));
    int killed = 0;
    // On a machine whose load changes the delays may be too long for a while, so it continues until enough runs were
    // hit.
    for (int round = 0; round < 15 || (killed < kKills && round < 150); ++round) {
      for (const char* suffix : {"", "-journal", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
      sql(prepare);
      Json ctx = context("s", schema(), mode);
      ctx["load_id"] = "load-" + std::to_string(round);
      for (int attempt = 0; attempt < 3; ++attempt) {
        const int64_t first = from_start ? 0 : resume_at(ctx);
        const pid_t child = fork();
        if (child == 0) _exit(run(ctx, first, batches).ok() ? 0 : 1);
        usleep(delay(random));
        kill(child, SIGKILL);
        int state = 0;
        waitpid(child, &state, 0);
        ASSERT_TRUE(WIFSIGNALED(state) || WEXITSTATUS(state) == 0) << "the run itself failed";
        if (!WIFSIGNALED(state)) break;
        ++killed;
        if (from_start) {
          const auto rows = query("SELECT count(*) FROM s");
          EXPECT_TRUE(rows == Lines{"1"} || rows == Lines{std::to_string(kBatches * kRows)}) << "neither old nor new";
        }
      }
      const int64_t first = from_start ? 0 : resume_at(ctx);
      const Status status = run(ctx, first, batches);
      ASSERT_TRUE(status.ok()) << status.to_string();
      ASSERT_EQ(table("s"), expected) << "round " << round;
      ASSERT_EQ(integrity(), "ok");
    }
    EXPECT_GE(killed, kKills) << "the delays do not fit this machine: too little was tested";
  }
};

TEST_F(CrashTest, AppendNeitherLosesNorDoublesRows) { kill_and_resume("append", false, "CREATE TABLE unrelated (x)"); }

TEST_F(CrashTest, UpsertNeitherLosesNorDoublesRows) {
  kill_and_resume({{"upsert", {{"primary_key", {"id"}}}}}, false, "CREATE TABLE unrelated (x)");
}

TEST_F(CrashTest, ReplaceShowsTheOldOrTheNewTable) {
  kill_and_resume("replace", true,
                  "CREATE TABLE \"s\" (\"id\" INTEGER, \"text\" TEXT); INSERT INTO s VALUES (-1, 'old')");
}

TEST_F(CrashTest, AppendToADatabaseInWalMode) {
  kill_and_resume("append", false,
                  "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; CREATE TABLE unrelated (x)");
}

TEST_F(CrashTest, TheJournalModeOfADatabaseStays) {
  const Schema one{{{"id", DataType::of(TypeId::kInt64)}}};
  sql("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; CREATE TABLE unrelated (x)");
  const Outcome outcome = load(context("s", one), one, {Json::array({1})});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(query("PRAGMA journal_mode"), Lines{"'wal'"});
  EXPECT_EQ(table("s"), Lines{"1"});
  EXPECT_FALSE(std::filesystem::exists(path() + "-wal") && std::filesystem::file_size(path() + "-wal") > 0)
      << "everything is in the database file when it is closed";
  std::filesystem::remove(path());
  ASSERT_TRUE(load(context("s", one), one, {Json::array({1})}).status.ok());
  EXPECT_EQ(query("PRAGMA journal_mode"), Lines{"'delete'"});
  EXPECT_FALSE(std::filesystem::exists(path() + "-journal"));
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
