#include "rapidbyte/runtime/sandbox/duckdb_file_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class DuckdbFileLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("rapidbyte-duckdb-lock-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "data.duckdb";
    std::ofstream(file_) << "a database";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Locks `file` through a handle of its folder.
  static Result<DuckdbFileLock> acquire(const fs::path& file, bool writes = true,
                                        std::chrono::milliseconds timeout = std::chrono::milliseconds(100)) {
    RB_ASSIGN_OR_RETURN(const Destination where, walk_path(file.parent_path()));
    return DuckdbFileLock::acquire(where.folder, file.filename().string(), writes, timeout, CancelToken());
  }

  /// What DuckDB does when it opens a database (local_file_system.cpp): a POSIX lock on all of the file.
  static bool lock_as_duckdb(const fs::path& file, bool writes) {
    const int fd = open(file.c_str(), writes ? O_RDWR : O_RDONLY);
    struct flock range{};
    range.l_type = writes ? F_WRLCK : F_RDLCK;
    range.l_whence = SEEK_SET;
    return fd >= 0 && fcntl(fd, F_SETLK, &range) == 0;
  }
  /// Whether another process can open the database.
  static bool opens_elsewhere(const fs::path& file, bool writes) {
    const pid_t child = fork();
    if (child == 0) _exit(lock_as_duckdb(file, writes) ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 0;
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(DuckdbFileLockTest, AWriterKeepsEverybodyOutUntilItIsReleased) {
  {
    auto lock = acquire(file_);
    ASSERT_TRUE(lock.ok()) << lock.status().to_string();
    EXPECT_FALSE(opens_elsewhere(file_, true));
    EXPECT_FALSE(opens_elsewhere(file_, false));
    // Another descriptor of the same file in this process that is closed must not drop the lock.
    std::ifstream(file_).get();
    EXPECT_FALSE(opens_elsewhere(file_, true));
    const DuckdbFileLock moved = std::move(*lock);
    EXPECT_FALSE(opens_elsewhere(file_, true));
  }
  EXPECT_TRUE(opens_elsewhere(file_, true));
}

TEST_F(DuckdbFileLockTest, ReadersShareTheDatabaseAndKeepWritersOut) {
  auto first = acquire(file_, false);
  auto second = acquire(file_, false);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(opens_elsewhere(file_, false));
  EXPECT_FALSE(opens_elsewhere(file_, true));
  EXPECT_EQ(acquire(file_, true).error().code, "DATABASE_LOCKED");
}

TEST_F(DuckdbFileLockTest, ADatabaseThatAnotherProcessHasOpenIsRefusedAndTheProcessIsNamed) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const char said = lock_as_duckdb(file_, true) ? 'y' : 'n';
    if (write(ready[1], &said, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char said = 0;
  ASSERT_EQ(read(ready[0], &said, 1), 1);
  ASSERT_EQ(said, 'y');
  for (const bool writes : {true, false}) {
    const auto lock = acquire(file_, writes);
    ASSERT_FALSE(lock.ok());
    EXPECT_EQ(lock.error().code, "DATABASE_LOCKED");
    EXPECT_TRUE(lock.error().retryable);
    EXPECT_NE(lock.error().message.find("the process " + std::to_string(child)), std::string::npos)
        << lock.error().message;
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(acquire(file_).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(DuckdbFileLockTest, ANewFileThatStaysEmptyIsRemoved) {
  const fs::path fresh = folder_ / "new.duckdb";
  {
    auto lock = acquire(fresh);
    ASSERT_TRUE(lock.ok()) << lock.status().to_string();
    EXPECT_TRUE(fs::exists(fresh));
  }
  EXPECT_FALSE(fs::exists(fresh)) << "DuckDB refuses an empty file";
  {
    auto lock = acquire(fresh);
    std::ofstream(fresh) << "a database";
  }
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_EQ(acquire(folder_ / "absent.duckdb", false).error().code, "DATABASE_OPEN");
  EXPECT_FALSE(fs::exists(folder_ / "absent.duckdb"));
}

TEST_F(DuckdbFileLockTest, WhoeverWaitedForAFileThatIsRemovedLocksItsSuccessor) {
  const fs::path fresh = folder_ / "new.duckdb";
  auto first = acquire(fresh);
  ASSERT_TRUE(first.ok());
  Result<DuckdbFileLock> second = config_error("NOT_RUN", "");
  std::thread waits([&] { second = acquire(fresh, true, std::chrono::seconds(20)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  {
    const DuckdbFileLock ends = std::move(*first);
  }  // removes the file, which is empty
  waits.join();
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_FALSE(opens_elsewhere(fresh, true)) << "the lock is on a file that has no name any more";
}

TEST_F(DuckdbFileLockTest, WhatIsNoFileOfItsOwnIsRefused) {
  std::ofstream(folder_ / "victim") << "keys";
  fs::remove(file_);
  fs::create_symlink("victim", file_);
  const auto symbolic = acquire(file_);
  ASSERT_FALSE(symbolic.ok());
  EXPECT_EQ(symbolic.error().code, "DATABASE_OPEN");
  EXPECT_NE(symbolic.error().message.find("symbolic link"), std::string::npos) << symbolic.error().message;
  fs::remove(file_);
  fs::create_hard_link(folder_ / "victim", file_);
  EXPECT_EQ(acquire(file_, false).error().code, "DATABASE_OPEN");
  fs::create_directory(folder_ / "folder.duckdb");
  EXPECT_EQ(acquire(folder_ / "folder.duckdb").error().code, "DATABASE_OPEN");
  EXPECT_EQ(acquire(folder_ / "folder.duckdb", false).error().code, "DATABASE_OPEN");
  ASSERT_EQ(mkfifo((folder_ / "pipe.duckdb").c_str(), 0600), 0);
  EXPECT_EQ(acquire(folder_ / "pipe.duckdb", false).error().code, "DATABASE_OPEN");
}

}  // namespace
}  // namespace rapidbyte::runtime
