// What only the SQLite backend promises: it lasts, it is private, it survives crashes, and it refuses what is not its
// own.
#include "rapidbyte/state/sqlite/sqlite_state_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "rapidbyte/state/testing/sqlite_file.h"
#include "rapidbyte/state/testing/temp_folder.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void expect_state_error(const Result<std::unique_ptr<StateBackend>>& opened, const char* part) {
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, "STATE_BACKEND");
  EXPECT_THAT(opened.error().message, HasSubstr(part));
}

/// Runs `body` in a process that is not root (root may write everywhere); its verdict.
bool as_ordinary_user(const std::function<bool()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

mode_t mode_of(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

TEST(SqliteState, SurvivesReopening) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  const StreamKey key{"p", "users", "part-1"};
  {
    auto state = open_ok(file);
    ASSERT_TRUE(writer(*state)->put("k", "v").ok());
    ASSERT_TRUE(writer(*state)->begin_load(key, "l", false).ok());
    ASSERT_TRUE(writer(*state)->save_checkpoint(key, "l", "c", 5).ok());
    ASSERT_TRUE(state->record_run({"r", "p", "s", "f", "failed", 1, "e"}).ok());
  }
  auto state = open_ok(file);
  EXPECT_EQ(**state->get("p", "k"), "v");
  const StreamState stream = *state->load_stream(key);
  EXPECT_EQ(stream.checkpoint_json, "c");
  EXPECT_TRUE(stream.load_in_progress);
  EXPECT_TRUE(stream.committed);
  EXPECT_EQ((*state->recent_runs("p", 5)).size(), 1U);
}

TEST(SqliteState, AcknowledgedWritesSurviveAKill) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  const StreamKey key{"p", "users", ""};
  std::unique_ptr<StateBackend> held;
  std::unique_ptr<Lease> lease;
  Child child([&] {
    auto state = open_sqlite_state(file);
    if (!state.ok()) return false;
    held = std::move(*state);
    lease = writer(*held);
    return lease->begin_load(key, "l", false).ok() && lease->save_checkpoint(key, "l", "c7", 7).ok() &&
           lease->put("k", "v").ok();
  });
  child.kill();
  auto state = open_ok(file);
  EXPECT_EQ((*state->load_stream(key)).checkpoint_json, "c7");
  EXPECT_EQ(**state->get("p", "k"), "v");
}

TEST(SqliteState, MakesFolderAndFilePrivate) {
  const TempFolder folder;
  const mode_t old = ::umask(0);
  const fs::path file = folder.path() / "a" / "b" / "state.db";
  auto state = open_ok(file);
  ASSERT_TRUE(state->acquire_lease("p", "r").ok());
  ::umask(old);
  EXPECT_EQ(mode_of(folder.path() / "a"), 0700U);
  EXPECT_EQ(mode_of(folder.path() / "a" / "b"), 0700U);
  for (const auto& entry : fs::directory_iterator(file.parent_path()))
    EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
}

TEST(SqliteState, UsesWalAndMarksTheFileAsItsOwn) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  EXPECT_TRUE(fs::exists(file.string() + "-wal"));
  EXPECT_EQ(query(file, "PRAGMA user_version"), kStateSchemaVersion);
  EXPECT_EQ(query(file, "PRAGMA application_id"), 0x52425354);
}

TEST(SqliteState, TwoBackendsOnOneFileSeeEachOthersWrites) {
  const TempFolder folder;
  auto one = open_ok(folder.path() / "state.db");
  auto two = open_ok(folder.path() / "state.db");
  ASSERT_TRUE(writer(*one)->put("k", "1").ok());
  EXPECT_EQ(**two->get("p", "k"), "1");
  EXPECT_FALSE(*writer(*two)->compare_and_set("k", "0", "2"));
  EXPECT_TRUE(*writer(*two)->compare_and_set("k", "1", "2"));
  EXPECT_EQ(**one->get("p", "k"), "2");
}

TEST(SqliteState, ManyProcessesMayCreateTheFileConcurrently) {
  for (int round = 0; round < 5; ++round) {
    const TempFolder folder;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        auto state = open_sqlite_state(folder.path() / "deep" / "state.db");
        ASSERT_TRUE(state.ok()) << state.status().to_string();
        auto lease = (*state)->acquire_lease("p" + std::to_string(i), "r");
        ASSERT_TRUE(lease.ok()) << lease.status().to_string();
        EXPECT_TRUE((*lease)->put("k", "v").ok());
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(query(folder.path() / "deep" / "state.db", "SELECT count(*) FROM pairs"), 8);
  }
}

// The tables as version 1 wrote them; this text never changes.
constexpr const char* kVersion1 = R"(
  CREATE TABLE pairs (pipeline TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (pipeline, key)) WITHOUT ROWID;
  CREATE TABLE streams (pipeline TEXT NOT NULL, stream TEXT NOT NULL, partition TEXT NOT NULL, checkpoint_json TEXT,
    load_id TEXT NOT NULL, load_in_progress INTEGER NOT NULL, committed INTEGER NOT NULL,
    rows_committed INTEGER NOT NULL,
    PRIMARY KEY (pipeline, stream, partition)) WITHOUT ROWID;
  PRAGMA application_id = 1380078420;
  PRAGMA user_version = 1;
  INSERT INTO pairs VALUES ('p', 'k', 'v');
  INSERT INTO streams VALUES ('p', 'users', '', '{"id":"c"}', 'l', 1, 1, 42);)";

TEST(SqliteState, MigratesAFileOfVersion1AndKeepsItsContents) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  run_sql(file, kVersion1);
  auto state = open_ok(file);
  EXPECT_EQ(query(file, "PRAGMA user_version"), kStateSchemaVersion);
  EXPECT_EQ(**state->get("p", "k"), "v");
  const StreamState stream = *state->load_stream({"p", "users", ""});
  EXPECT_EQ(stream.checkpoint_json, R"({"id":"c"})");
  EXPECT_EQ(stream.rows_committed, 42U);
  EXPECT_TRUE(stream.load_in_progress);
  EXPECT_EQ(stream.rows_given, std::nullopt) << "of a load of an older version nobody knows";
  EXPECT_EQ(stream.rows_reported, 0U);
  // What version 2 brought works, and opening again changes nothing.
  EXPECT_TRUE(state->record_run({"r", "p", "s", "f", "failed", 1, ""}).ok());
  EXPECT_TRUE(state->acquire_lease("p", "r").ok());
  state.reset();
  EXPECT_EQ((*open_ok(file)->recent_runs("p", 5)).size(), 1U);
}

TEST(SqliteState, MigratesKeysThatOnlyColonsSeparated) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  run_sql(file, kVersion1);
  run_sql(
      file,
      "INSERT INTO pairs VALUES ('p', 'orders:x', 'one'), ('p', 'a:b:c', 'two'), ('p', 'source:x', 'three'), "
      "('p', 'transform-1:x', 'four'), ('p:engine', 'miscounted:orders', 'note'), ('p', 'many' || "
      "replace(hex(zeroblob(500)), '0', ':'), hex(zeroblob(1000000))); "
      "INSERT INTO streams VALUES ('p', 'orders', '', NULL, 'l', 0, 0, 0), ('p', 'a', '', NULL, 'l', 0, 0, 0), ('p', "
      "'a:b', '', NULL, 'l', 0, 0, 0)");
  auto state = open_ok(file);
  const auto at = [&](const PairKey& key) { return **state->get("p", key); };
  EXPECT_EQ(at("k"), "v");
  EXPECT_EQ(at("orders:x"), "one");
  EXPECT_EQ(at({PairScope::kStream, "orders", "x"}), "one");
  EXPECT_EQ(*state->get("p", {PairScope::kConnector, "orders", "x"}), std::nullopt);
  EXPECT_EQ(at({PairScope::kStream, "a", "b:c"}), "two");
  EXPECT_EQ(at({PairScope::kStream, "a:b", "c"}), "two");
  EXPECT_EQ(at({PairScope::kConnector, "source", "x"}), "three");
  EXPECT_EQ(at({PairScope::kConnector, "transform-1", "x"}), "four");
  EXPECT_EQ(**state->stream_note("p", "orders", "miscounted"), "note") << "the engine's own";
  EXPECT_EQ(*state->get("p:engine", "miscounted:orders"), std::nullopt);
  EXPECT_LT(fs::file_size(file), 4'000'000) << "a key of many colons was not multiplied";
  // From now on each goes its own way.
  ASSERT_TRUE(writer(*state)->put({PairScope::kStream, "orders", "x"}, "new").ok());
  EXPECT_EQ(at("orders:x"), "one");
}

TEST(SqliteState, MigratesKindsOfLoadsThatWereSuffixesOfTheirIds) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  run_sql(file, kVersion1);
  run_sql(file,
          "INSERT INTO streams VALUES ('p', 'staged', '', NULL, '20260101T0Z-aa-replace', 1, 0, 0), "
          "('p', 'split', '', NULL, '20260101T0Z-bb-partitioned', 1, 1, 10), "
          "('p', 'plain', '', NULL, '20260101T0Z-cc', 1, 1, 10), ('p', 'odd', '', NULL, '-replace-x', 1, 1, 10)");
  auto state = open_ok(file);
  const auto kind_of = [&](const char* name) { return (*state->load_stream({"p", name, ""})).load_kind; };
  EXPECT_EQ(kind_of("staged"), LoadKind::kStaged);
  EXPECT_EQ(kind_of("split"), LoadKind::kPartitioned);
  EXPECT_EQ(kind_of("plain"), LoadKind::kInPlace);
  EXPECT_EQ(kind_of("odd"), LoadKind::kInPlace);
  EXPECT_EQ((*state->load_stream({"p", "staged", ""})).load_id, "20260101T0Z-aa-replace")
      << "the destination knows it by that name";
}

TEST(SqliteState, AnUnknownKindOfLoadIsNotResumed) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  ASSERT_TRUE(writer(*open_ok(file))->begin_load({"p", "s", ""}, "l", false).ok());
  run_sql(file, "UPDATE streams SET load_kind = 77");
  EXPECT_EQ((*open_ok(file)->load_stream({"p", "s", ""})).load_kind, LoadKind::kPartitioned);
}

TEST(SqliteState, AFailedMigrationLeavesTheFileUnchanged) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  run_sql(file, kVersion1);
  run_sql(file, "CREATE TABLE runs (oops)");
  ASSERT_FALSE(open_sqlite_state(file).ok());
  EXPECT_EQ(query(file, "PRAGMA user_version"), 1);
  EXPECT_EQ(query(file, "SELECT count(*) FROM sqlite_master WHERE name = 'leases'"), 0);
  EXPECT_EQ(query(file, "SELECT rows_committed FROM streams"), 42);
}

TEST(SqliteState, RefusesANewerVersion) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  open_ok(file).reset();
  run_sql(file, "PRAGMA user_version = 99");
  expect_state_error(open_sqlite_state(file), "newer Rapidbyte");
  EXPECT_EQ(query(file, "PRAGMA user_version"), 99);
}

TEST(SqliteState, RefusesTheDatabaseOfAnotherProgramAndLeavesItUnchanged) {
  const TempFolder folder;
  const fs::path file = folder.path() / "app.db";
  run_sql(file, "CREATE TABLE customers (id); INSERT INTO customers VALUES (1)");
  expect_state_error(open_sqlite_state(file), "another program");
  EXPECT_EQ(query(file, "SELECT count(*) FROM sqlite_master"), 1);
  EXPECT_FALSE(fs::exists(file.string() + "-wal"));
  const fs::path marked = folder.path() / "marked.db";
  run_sql(marked, "PRAGMA application_id = 7; CREATE TABLE t (a)");
  expect_state_error(open_sqlite_state(marked), "another program");
}

TEST(SqliteState, RefusesAFileThatIsNotADatabase) {
  const TempFolder folder;
  const fs::path file = folder.path() / "notes.txt";
  std::ofstream(file) << std::string(5000, 'x');
  expect_state_error(open_sqlite_state(file), "not a state file");
  std::string kept;
  std::getline(std::ifstream(file) >> std::ws, kept);
  EXPECT_EQ(kept, std::string(5000, 'x'));
  fs::create_directory(folder.path() / "folder.db");
  expect_state_error(open_sqlite_state(folder.path() / "folder.db"), "not a regular file");
  expect_state_error(open_sqlite_state(""), "no path");
  expect_state_error(open_sqlite_state(file / "state.db"), "state.connection");
}

TEST(SqliteState, AnEmptyFileIsANewState) {
  const TempFolder folder;
  const std::ofstream empty(folder.path() / "state.db");
  EXPECT_TRUE(writer(*open_ok(folder.path() / "state.db"))->put("k", "v").ok());
}

TEST(SqliteState, CorruptionIsAnErrorThatSaysWhatToDo) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  {
    auto state = open_ok(file);
    const auto lease = writer(*state);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(lease->put(std::to_string(i), std::string(500, 'v')).ok());
  }
  const auto size = fs::file_size(file);
  for (const auto& [offset, length] :
       std::vector<std::pair<uintmax_t, uintmax_t>>{{20, 200}, {4096, 3000}, {size / 2, size / 4}}) {
    const fs::path copy = folder.path() / ("damaged-" + std::to_string(offset) + ".db");
    fs::copy_file(file, copy);
    {
      std::fstream stream(copy, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(offset));
      stream << std::string(length, '\x5a');
    }
    auto opened = open_sqlite_state(copy);
    ASSERT_FALSE(opened.ok()) << offset;
    EXPECT_EQ(opened.error().code, "STATE_BACKEND");
    EXPECT_THAT(opened.error().message, HasSubstr("move")) << offset;
  }
  const fs::path cut = folder.path() / "cut.db";
  fs::copy_file(file, cut);
  fs::resize_file(cut, size / 2);
  expect_state_error(open_sqlite_state(cut), "damaged");
}

TEST(SqliteState, CorruptionWhileOpenIsAnErrorOfTheCall) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  run_sql(file, "DROP TABLE pairs");
  auto got = state->get("p", "k");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, "STATE_BACKEND");
  EXPECT_EQ(writer(*state)->put("k", "v").error().code, "STATE_BACKEND");
  EXPECT_TRUE(writer(*state)->begin_load({"p", "s", ""}, "l", false).ok()) << "the rest still works";
}

TEST(SqliteState, AnUnwritableFolderIsAnErrorThatSaysSo) {
  const TempFolder folder;
  const fs::path locked = folder.path() / "locked";
  const fs::path with_file = folder.path() / "with_file";
  fs::create_directory(locked);
  fs::create_directory(with_file);
  open_ok(with_file / "state.db").reset();
  fs::permissions(with_file / "state.db", fs::perms::owner_read | fs::perms::others_read);
  for (const auto& path : {folder.path(), locked, with_file}) {
    fs::permissions(path,
                    fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  }
  const auto is_refused = [](const fs::path& path) {
    auto opened = open_sqlite_state(path);
    if (opened.ok() || opened.error().code != "STATE_BACKEND") return false;
    const std::string& message = opened.error().message;
    return message.find("you can write to its folder") != std::string::npos ||
           message.find("its folder writable") != std::string::npos;
  };
  EXPECT_TRUE(as_ordinary_user([&] { return is_refused(locked / "state.db"); }));
  EXPECT_TRUE(as_ordinary_user([&] { return is_refused(locked / "deeper" / "state.db"); }));
  EXPECT_TRUE(as_ordinary_user([&] { return is_refused(with_file / "state.db"); }));
  fs::permissions(with_file, fs::perms::owner_all);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(SqliteState, AFullDiskIsNamedAndLosesNothing) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  ASSERT_TRUE(writer(*open_ok(file))->put("k", "v").ok());
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{20'000}}) {
    for (const fs::path& path : {file, folder.path() / ("new" + std::to_string(bytes) + ".db")}) {
      const pid_t child = fork();
      if (child == 0) {
        // In a process of its own no file may grow beyond `bytes`, which is as good as a full disk.
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, bytes};
        setrlimit(RLIMIT_FSIZE, &limit);
        auto opened = open_sqlite_state(path);
        Status status = opened.status();
        if (status.ok()) {
          auto lease = (*opened)->acquire_lease("p", "r");
          status = lease.ok() ? (*lease)->put("big", std::string(100'000, 'x')) : lease.status();
        }
        const bool named = !status.ok() && status.error().message.find("full") != std::string::npos &&
                           status.error().message.find("report it") == std::string::npos &&
                           status.error().message.find("no transaction") == std::string::npos;
        if (!named) std::fprintf(stderr, "%s\n", status.to_string().c_str());
        _exit(named ? 0 : 1);
      }
      int state = 0;
      waitpid(child, &state, 0);
      EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0) << path << ", limit " << bytes;
    }
  }
  EXPECT_EQ(**open_ok(file)->get("p", "k"), "v");
}

TEST(SqliteState, AFullStateIsAnErrorAndLosesNothing) {
  const TempFolder folder;
  auto opened = open_bounded_sqlite_state(folder.path() / "state.db", 1 << 20);
  ASSERT_TRUE(opened.ok());
  auto& state = **opened;
  ASSERT_TRUE(writer(state)->put("k", "v").ok());
  Status status;
  int stored = 0;
  for (; stored < 100 && status.ok(); ++stored)
    status = writer(state)->put("big-" + std::to_string(stored), std::string(50000, 'x'));
  ASSERT_FALSE(status.ok());
  EXPECT_GT(stored, 10);
  EXPECT_EQ(status.error().code, "STATE_BACKEND");
  EXPECT_THAT(status.error().message, HasSubstr("limit"));
  EXPECT_EQ(**state.get("p", "k"), "v");
  EXPECT_TRUE(writer(state)->reset(std::nullopt).ok());
  EXPECT_TRUE(writer(state)->put("k", std::string(50000, 'x')).ok()) << "room comes back";
}

}  // namespace
}  // namespace rapidbyte::state
