#include "rapidbyte/runtime/sandbox/sqlite_file_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class SqliteFileLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("rapidbyte-lock-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "data.db";
    EXPECT_EQ(run_sqlite(file_, "PRAGMA journal_mode=DELETE; CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Locks `file` through a handle of its folder.
  static Result<SqliteFileLock> acquire(const fs::path& file) {
    RB_ASSIGN_OR_RETURN(const Destination where, walk_path(file.parent_path()));
    return SqliteFileLock::acquire(where.folder, file.filename().string(), kShort, CancelToken());
  }

  static int run_sqlite(const fs::path& file, const char* sql) {
    sqlite3* db = nullptr;
    sqlite3_open(file.c_str(), &db);
    const int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return rc;
  }
  /// What another process gets when it runs `sql`.
  static int run_elsewhere(const fs::path& file, const char* sql) {
    const pid_t child = fork();
    if (child == 0) _exit(run_sqlite(file, sql));
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }

  fs::path folder_;
  fs::path file_;
  static constexpr auto kShort = std::chrono::milliseconds(100);
};

TEST_F(SqliteFileLockTest, OtherProgramsFindTheDatabaseLockedUntilItIsReleased) {
  {
    auto lock = acquire(file_);
    ASSERT_TRUE(lock.ok()) << lock.status().to_string();
    EXPECT_EQ(run_elsewhere(file_, "SELECT * FROM t"), SQLITE_BUSY);
    EXPECT_EQ(run_elsewhere(file_, "INSERT INTO t VALUES (2)"), SQLITE_BUSY);
    // Another descriptor of the same file in this process that is closed must not drop the lock.
    std::ifstream(file_).get();
    EXPECT_EQ(run_elsewhere(file_, "SELECT * FROM t"), SQLITE_BUSY);
  }
  EXPECT_EQ(run_elsewhere(file_, "INSERT INTO t VALUES (2)"), SQLITE_OK);
}

class HeldElsewhere : public SqliteFileLockTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, HeldElsewhere,
                         ::testing::Values("BEGIN EXCLUSIVE", "BEGIN IMMEDIATE", "BEGIN; SELECT * FROM t",
                                           "PRAGMA journal_mode=WAL; SELECT * FROM t"));

TEST_P(HeldElsewhere, ADatabaseInUseByAnotherProgramIsRefusedAndTheProgramIsNamed) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    sqlite3* db = nullptr;
    sqlite3_open(file_.c_str(), &db);
    // A read lock lives as long as its statement: step once and stay there.
    const int rc = sqlite3_exec(db, GetParam(), nullptr, nullptr, nullptr);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, "SELECT * FROM t", -1, &statement, nullptr);
    sqlite3_step(statement);
    const char said = rc == SQLITE_OK ? 'y' : 'n';
    if (write(ready[1], &said, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char said = 0;
  ASSERT_EQ(read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  const auto lock = acquire(file_);
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code, "DATABASE_LOCKED");
  EXPECT_TRUE(lock.error().retryable);
  EXPECT_NE(lock.error().message.find(std::to_string(child)), std::string::npos) << lock.error().message;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(acquire(file_).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SqliteFileLockTest, TwoLocksOfOneProcessExcludeEachOther) {
  auto first = acquire(file_);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(acquire(file_).error().code, "DATABASE_LOCKED");
}

TEST_F(SqliteFileLockTest, ANewFileIsMadeAndWhatIsNoFileIsRefused) {
  EXPECT_TRUE(acquire(folder_ / "new.db").ok());
  fs::create_directory(folder_ / "folder.db");
  EXPECT_EQ(acquire(folder_ / "folder.db").error().code, "DATABASE_OPEN");
  ASSERT_EQ(mkfifo((folder_ / "pipe.db").c_str(), 0600), 0);
  EXPECT_EQ(acquire(folder_ / "pipe.db").error().code, "DATABASE_OPEN");
}

TEST_F(SqliteFileLockTest, TheJournalIsMadeWithTheDatabasesPermissionsAndRemovedWhenEmpty) {
  const fs::path journal = file_.string() + "-journal";
  ASSERT_EQ(chmod(file_.c_str(), 0640), 0);
  {
    auto lock = acquire(file_);
    ASSERT_TRUE(lock.ok()) << lock.status().to_string();
    struct stat info{};
    ASSERT_EQ(lstat(journal.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0640U);
    EXPECT_EQ(info.st_size, 0);
    // Moving the lock moves the duty to clean up.
    SqliteFileLock moved = std::move(*lock);
    EXPECT_TRUE(fs::exists(journal));
  }
  EXPECT_FALSE(fs::exists(journal));
}

TEST_F(SqliteFileLockTest, AJournalWithContentIsLeftToWhoeverOpensTheDatabaseNext) {
  const fs::path journal = file_.string() + "-journal";
  std::ofstream(journal) << "rows to roll back";
  ASSERT_TRUE(acquire(file_).ok());
  EXPECT_EQ(fs::file_size(journal), 17U);
}

TEST_F(SqliteFileLockTest, ADatabaseInWalModeGetsItsWalInstead) {
  ASSERT_EQ(run_sqlite(file_, "PRAGMA journal_mode=WAL; INSERT INTO t VALUES (2)"), SQLITE_OK);
  auto lock = acquire(file_);
  ASSERT_TRUE(lock.ok()) << lock.status().to_string();
  EXPECT_TRUE(fs::exists(file_.string() + "-wal"));
  EXPECT_FALSE(fs::exists(file_.string() + "-journal"));
}

TEST_F(SqliteFileLockTest, ALinkInTheDatabasesPlaceIsNotFollowed) {
  std::ofstream(folder_ / "victim") << "keys";
  fs::remove(file_);
  fs::create_symlink("victim", file_);
  const auto symbolic = acquire(file_);
  ASSERT_FALSE(symbolic.ok());
  EXPECT_EQ(symbolic.error().code, "DATABASE_OPEN");
  EXPECT_NE(symbolic.error().message.find("symbolic link"), std::string::npos) << symbolic.error().message;
  fs::remove(file_);
  fs::create_symlink("new", file_);
  EXPECT_FALSE(acquire(file_).ok());
  EXPECT_FALSE(fs::exists(folder_ / "new")) << "made through a link";
  fs::remove(file_);
  fs::create_hard_link(folder_ / "victim", file_);
  const auto hard = acquire(file_);
  ASSERT_FALSE(hard.ok());
  EXPECT_NE(hard.error().message.find("hard link"), std::string::npos) << hard.error().message;
}

TEST_F(SqliteFileLockTest, TheFolderIsTheOneThatWasOpenedWhateverItsPathLeadsToNow) {
  const auto where = walk_path(folder_);
  ASSERT_TRUE(where.ok());
  const fs::path moved = folder_.string() + "-moved";
  const fs::path victim = folder_.string() + "-victim";
  fs::rename(folder_, moved);
  fs::create_directory(victim);
  fs::create_directory_symlink(victim, folder_);
  EXPECT_TRUE(SqliteFileLock::acquire(where->folder, "other.db", kShort, CancelToken()).ok());
  EXPECT_TRUE(fs::exists(moved / "other.db"));
  EXPECT_TRUE(fs::is_empty(victim));
  fs::remove_all(folder_);
  fs::remove_all(victim);
  fs::rename(moved, folder_);
}

TEST_F(SqliteFileLockTest, ASymbolicLinkInTheJournalsPlaceIsNotFollowed) {
  const fs::path journal = file_.string() + "-journal";
  fs::create_symlink(folder_ / "elsewhere", journal);
  ASSERT_TRUE(acquire(file_).ok());
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
  EXPECT_TRUE(fs::is_symlink(journal));
}

}  // namespace
}  // namespace rapidbyte::runtime
