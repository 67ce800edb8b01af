// Leases of the SQLite backend: held by a lock of the operating system, fenced by a token, lost with the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "rapidbyte/state/sqlite/lease_lock.h"
#include "rapidbyte/state/sqlite/sqlite_state_backend.h"
#include "rapidbyte/state/testing/sqlite_file.h"
#include "rapidbyte/state/testing/temp_folder.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(SqliteLease, NamesARunInAnotherProcessByItsPid) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  Holder holder;
  Child child([&] { return holder.take(file); });
  auto state = open_ok(file);
  auto refused = state->acquire_lease("p", "run-2");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "PIPELINE_LOCKED");
  EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(child.pid())));
  EXPECT_THAT(refused.error().message, HasSubstr("run-of-child"));
  EXPECT_TRUE(state->acquire_lease("other", "run-2").ok());

  // A killed run frees the pipeline at once.
  child.kill();
  auto taken = state->acquire_lease("p", "run-2");
  ASSERT_TRUE(taken.ok()) << taken.status().to_string();
  auto third = open_ok(file)->acquire_lease("p", "run-3");
  ASSERT_FALSE(third.ok());
  EXPECT_THAT(third.error().message, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(third.error().message, HasSubstr("run-2"));
}

// Two runs that start together: the one writes its process id after it has taken the lock.
TEST(SqliteLease, NamesAHolderThatWritesItsRowAMomentLater) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  Child dead([] { return true; });
  const std::string gone = std::to_string(dead.pid());
  dead.kill();
  const std::string row = "INSERT OR REPLACE INTO leases (pipeline, run_id, pid, host, started_at) SELECT 'p', ";
  for (const bool crashed_before : {false, true}) {
    SCOPED_TRACE(crashed_before);
    run_sql(file, "DELETE FROM leases");
    {
      // A host's name as the program writes it.
      auto lease = state->acquire_lease("q", "run-q");
      ASSERT_TRUE(lease.ok());
      run_sql(file,
              "CREATE TABLE IF NOT EXISTS host (name TEXT); DELETE FROM host; INSERT INTO host SELECT host FROM "
              "leases WHERE pipeline = 'q'");
    }
    if (crashed_before) run_sql(file, row + "'crashed', " + gone + ", name, '2026-01-01T00:00:00Z' FROM host");
    const auto lock = LeaseLock::acquire(lease_lock_path(file, "p"));
    ASSERT_TRUE(lock.ok());
    std::thread writer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
      run_sql(file, row + "'run-now', " + std::to_string(::getpid()) + ", name, '2026-01-01T00:00:01Z' FROM host");
    });
    const auto refused = state->acquire_lease("p", "run-2");
    writer.join();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, "PIPELINE_LOCKED");
    EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(::getpid())));
    EXPECT_THAT(refused.error().message, HasSubstr("run-now"));
  }
}

TEST(SqliteLease, HoldsWhateverPathTheFileIsOpenedBy) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  auto lease = state->acquire_lease("p", "run-1");
  ASSERT_TRUE(lease.ok());
  fs::create_symlink(file, folder.path() / "link.db");
  fs::create_directory_symlink(folder.path(), folder.path() / "self");
  const fs::path around = folder.path() / "self" / ".." / folder.path().filename() / "state.db";
  for (const fs::path& other : {folder.path() / "link.db", folder.path() / "self" / "state.db", around}) {
    auto refused = open_ok(other)->acquire_lease("p", "run-2");
    ASSERT_FALSE(refused.ok()) << other;
    EXPECT_EQ(refused.error().code, "PIPELINE_LOCKED");
  }
}

TEST(SqliteLease, LeavesNoRowBehindAndAcceptsAnyPipelineName) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  for (const std::string& name :
       {std::string("a/b/../c"), std::string(""), std::string(5000, 'x'), std::string("a b\n")}) {
    EXPECT_TRUE(state->acquire_lease(name, "r").ok()) << name;
  }
  EXPECT_EQ(query(file, "SELECT count(*) FROM leases"), 0);
}

TEST(SqliteLease, ALockFileThatCannotBeCreatedIsAnError) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  fs::create_directory(lease_lock_path(file, "p"));
  auto refused = state->acquire_lease("p", "r");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "STATE_BACKEND");
}

// --- leases that are got around --------------------------------------------------------------------------------------

/// `lease` writes nothing any more, and says why.
void expect_lost(Lease& lease, const char* why) {
  const Status refused = lease.put("k", "stale");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "LEASE_LOST");
  EXPECT_THAT(refused.error().message, HasSubstr(why));
  EXPECT_TRUE(lease.lost().cancelled());
}

TEST(SqliteLease, NamesAProcessThatGotAroundTheLockAndKeepsItsWrites) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  auto stale = writer(*state);
  ASSERT_TRUE(stale->put("k", "before").ok());
  fs::remove(lease_lock_path(file, "p"));
  Holder holder;
  Child child([&] { return holder.take(file) && holder.lease->put("k", "new").ok(); });
  expect_lost(*stale, ("process " + std::to_string(child.pid())).c_str());
  EXPECT_EQ(**state->get("p", "k"), "new");
}

// After a restored copy, a token is given a second time.
TEST(SqliteLease, ARepeatedTokenDoesNotMakeTwoHolders) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  auto stale = writer(*state);
  run_sql(file, "UPDATE leases SET run_id = 'another'");
  EXPECT_EQ(query(file, "SELECT token FROM leases"), static_cast<int64_t>(stale->token()));
  expect_lost(*stale, "another");
}

TEST(SqliteLease, IsLostWhenTheStateIsReplacedByOneThatDoesNotKnowIt) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  auto lease = writer(*state);
  run_sql(file, "DELETE FROM leases; DELETE FROM lease_tokens");
  expect_lost(*lease, "restored from a copy");
}

TEST(SqliteLease, IsLostWithItsFile) {
  const auto replace = [](const fs::path& file) {
    const fs::path other = file.parent_path() / "other.db";
    open_ok(other).reset();
    fs::rename(other, file);
  };
  const std::vector<std::function<void(const fs::path&)>> ways = {
      [](const fs::path& file) { fs::remove(file); },
      [](const fs::path& file) { fs::rename(file, file.parent_path() / "moved.db"); },
      replace,
  };
  for (const auto& way : ways) {
    const TempFolder folder;
    const fs::path file = folder.path() / "state.db";
    auto state = open_ok(file);
    auto lease = writer(*state);
    ASSERT_TRUE(lease->begin_load({"p", "s", ""}, "l", false).ok());
    ASSERT_TRUE(lease->renew(Deadline::never()).ok());
    way(file);
    const Status seen = lease->renew(Deadline::never());
    ASSERT_FALSE(seen.ok());
    EXPECT_EQ(seen.error().code, "LEASE_LOST");
    EXPECT_THAT(seen.error().message, HasSubstr(file.string()));
    expect_lost(*lease, "moved, replaced or deleted");
  }
  // A write finds it as well as a look.
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  auto state = open_ok(file);
  auto lease = writer(*state);
  replace(file);
  expect_lost(*lease, "moved, replaced or deleted");
}

TEST(SqliteLease, KeepsCountingTokensInAMigratedFile) {
  const TempFolder folder;
  const fs::path file = folder.path() / "state.db";
  {
    auto state = open_ok(file);
    ASSERT_TRUE(writer(*state)->begin_load({"p", "s", ""}, "l", false).ok());
  }
  // As version 6 had it, with the row of a run that was killed.
  run_sql(file,
          "DROP TABLE lease_tokens; ALTER TABLE leases DROP COLUMN token; PRAGMA user_version = 6; INSERT INTO leases "
          "VALUES ('p', 'killed', 1, 'elsewhere', '2026-01-01T00:00:00Z')");
  auto state = open_ok(file);
  EXPECT_EQ(query(file, "PRAGMA user_version"), kStateSchemaVersion);
  EXPECT_TRUE((*state->load_stream({"p", "s", ""})).load_in_progress);
  auto lease = writer(*state);
  EXPECT_EQ(lease->token(), 1U);
  EXPECT_TRUE(lease->complete_load({"p", "s", ""}, "l").ok());
  lease.reset();
  EXPECT_EQ(writer(*state)->token(), 2U);
  EXPECT_EQ(writer(*open_ok(file))->token(), 3U) << "it is kept in the file";
}

}  // namespace
}  // namespace rapidbyte::state
