// Rows that the table refuses, and databases that cannot be used.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "src/database.h"
#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

class RefusalTest : public SqliteTest {
 protected:
  static Json on_error(Json ctx, const std::string& policy) {
    ctx["policies"]["on_data_error"] = policy;
    return ctx;
  }
  std::string begin_code(const Json& config = Json::object()) {
    auto destination = open(config);
    const Status status =
        destination->begin_stream(sdk::to_text(context("s", {{{"id", DataType::of(TypeId::kInt64)}}})));
    last_message_ = status.ok() ? "" : status.error().message;
    return status.ok() ? "ok" : status.error().code;
  }
  std::string last_message_;
};

Schema two_columns() { return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}}; }
Json row(int64_t id, const std::string& name) { return Json::array({id, name}); }

TEST_F(RefusalTest, OutOfMemoryHasACodeOfTheConnectorsOwn) {
  // MEMORY_LIMIT is the host's: from a connector it would be shown as CONNECTOR_MEMORY_LIMIT, which no index lists.
  const Status status = Database(path()).error_of(SQLITE_NOMEM, "out of memory", "inserting");
  EXPECT_EQ(status.error().code, "OUT_OF_MEMORY");
  EXPECT_NE(status.error().message.find("resources.max_memory"), std::string::npos);
}

// 100 rows of which every tenth breaks a constraint, so that statements of many rows are refused in all places.
std::vector<Json> mixed_rows() {
  std::vector<Json> rows;
  for (int64_t i = 0; i < 100; ++i)
    rows.push_back(i % 10 == 3 ? Json::array({i, nullptr}) : row(i, "n" + std::to_string(i)));
  return rows;
}

TEST_F(RefusalTest, FailNamesStreamRowColumnAndValueAndKeepsNothing) {
  sql("CREATE TABLE s (id INTEGER UNIQUE, name TEXT)");
  const Outcome outcome = load(context("s", two_columns()), two_columns(), {row(1, "a"), row(2, "b"), row(1, "c")});
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, "ROW_REFUSED");
  EXPECT_EQ(outcome.status.error().category, sdk::ErrorCategory::kData);
  const std::string& message = outcome.status.error().message;
  EXPECT_NE(message.find("stream \"s\", row 3, column \"id\", value 1: UNIQUE constraint failed: s.id"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("on_data_error"), std::string::npos);
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(RefusalTest, SkipCountsAndTheGoodRowsOfTheBatchLand) {
  sql("CREATE TABLE s (id INTEGER, name TEXT NOT NULL)");
  const Outcome outcome = load(on_error(context("s", two_columns()), "skip"), two_columns(), mixed_rows());
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 90U);
  EXPECT_EQ(outcome.summary.records_failed, 10U);
  EXPECT_EQ(query("SELECT count(*), sum(id) FROM s"), Lines{"90|4470"});
  ASSERT_EQ(outcome.logs.size(), 2U) << "the 1st and the 10th row, not every one";
  EXPECT_NE(outcome.logs[1].find("row 94, column \"name\""), std::string::npos) << outcome.logs[1];
  EXPECT_NE(outcome.logs[1].find("10 so far"), std::string::npos) << outcome.logs[1];
}

TEST_F(RefusalTest, DlqGetsTheWholeRecordAndTheReason) {
  sql("CREATE TABLE s (id INTEGER, name TEXT NOT NULL)");
  const Outcome outcome = load(on_error(context("s", two_columns()), "dlq"), two_columns(), mixed_rows());
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 90U);
  EXPECT_EQ(outcome.summary.records_failed, 10U);
  ASSERT_EQ(outcome.dlq.size(), 10U);
  EXPECT_EQ(outcome.dlq[1].record_json, R"({"id":13,"name":null})");
  EXPECT_EQ(outcome.dlq[1].stream, "s");
  EXPECT_EQ(outcome.dlq[1].error_category, "data");
  EXPECT_NE(outcome.dlq[1].error_message.find("row 14, column \"name\", value NULL: NOT NULL"), std::string::npos)
      << outcome.dlq[1].error_message;
}

TEST_F(RefusalTest, RowsThatUpsertCannotTakeAreNamedToo) {
  sql("CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT UNIQUE CHECK (name <> 'bad'))");
  std::vector<Json> rows;
  for (int64_t i = 0; i < 50; ++i) rows.push_back(row(i, "n" + std::to_string(i)));
  rows[20] = row(20, "bad");
  rows[40] = row(40, "n1");
  rows.push_back(row(5, "n6"));
  const Json ctx = on_error(context("s", two_columns(), {{"upsert", {{"primary_key", {"id"}}}}}), "dlq");
  const Outcome outcome = load(ctx, two_columns(), rows);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 48U);
  ASSERT_EQ(outcome.dlq.size(), 3U);
  EXPECT_EQ(outcome.dlq[2].record_json, R"({"id":5,"name":"n6"})");
  EXPECT_EQ(query("SELECT count(*), count(DISTINCT name) FROM s"), Lines{"48|48"});
  EXPECT_EQ(query("SELECT name FROM s WHERE id = 5"), Lines{"'n5'"});
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(RefusalTest, ValuesThatSqliteCannotHoldAreNeverSilentNulls) {
  const Schema schema{{{"f", DataType::of(TypeId::kFloat64)}, {"u", DataType::of(TypeId::kUInt64)}}};
  const std::vector<Json> rows = {Json::array({1.5, 1}), Json::array({"NaN", 2}), Json::array({2.5, UINT64_MAX}),
                                  Json::array({"NaN", UINT64_MAX}), Json::array({nullptr, nullptr})};
  const Outcome failed = load(context("s", schema), schema, rows);
  ASSERT_FALSE(failed.status.ok());
  EXPECT_NE(failed.status.error().message.find("row 2, column \"f\", value \"NaN\""), std::string::npos);
  const Outcome skipped = load(on_error(context("s", schema), "skip"), schema, rows);
  ASSERT_TRUE(skipped.status.ok());
  EXPECT_EQ(skipped.summary.records_failed, 3U);
  EXPECT_EQ(table("s", "rowid"), (Lines{"1.5|1", "NULL|NULL"}));
}

TEST_F(RefusalTest, ANullForTheRowNumberIsNotMadeUp) {
  sql("CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT)");
  const Outcome outcome = load(context("s", two_columns()), two_columns(), {Json::array({nullptr, "a"})});
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, "ROW_REFUSED");
}

TEST_F(RefusalTest, TriggersNameTheRowAndNeverSwallowOne) {
  sql("CREATE TABLE s (id INTEGER, name TEXT); CREATE TRIGGER a BEFORE INSERT ON s WHEN new.id = 7 "
      "BEGIN SELECT raise(ABORT, 'no sevens'); END");
  std::vector<Json> rows;
  for (int64_t i = 0; i < 20; ++i) rows.push_back(row(i, "x"));
  const Outcome aborted = load(context("s", two_columns()), two_columns(), rows);
  ASSERT_FALSE(aborted.status.ok());
  EXPECT_NE(aborted.status.error().message.find("row 8: no sevens"), std::string::npos)
      << aborted.status.error().message;
  sql("DROP TRIGGER a; CREATE TRIGGER a BEFORE INSERT ON s WHEN new.id = 7 BEGIN SELECT raise(IGNORE); END");
  const Outcome ignored = load(context("s", two_columns()), two_columns(), rows);
  ASSERT_FALSE(ignored.status.ok());
  EXPECT_EQ(ignored.status.error().code, "ROW_DISCARDED");
  sql("CREATE UNIQUE INDEX u ON s (id); CREATE UNIQUE INDEX both ON s (id, name); CREATE TRIGGER b BEFORE UPDATE ON s "
      "WHEN new.id = 5 BEGIN SELECT raise(IGNORE); END; INSERT INTO s VALUES (5, 'x')");
  for (const Json& key : {Json({"id"}), Json({"id", "name"})}) {
    const Outcome upserted =
        load(context("s", two_columns(), {{"upsert", {{"primary_key", key}}}}), two_columns(), rows);
    ASSERT_FALSE(upserted.status.ok());
    EXPECT_EQ(upserted.status.error().code, "ROW_DISCARDED");
    EXPECT_NE(upserted.status.error().message.find("row 6"), std::string::npos) << upserted.status.error().message;
  }
  sql("DELETE FROM s; DROP INDEX u; DROP INDEX both; DROP TRIGGER b");
  sql("DROP TRIGGER a; CREATE TRIGGER a BEFORE INSERT ON s WHEN new.id = 7 BEGIN SELECT raise(ROLLBACK, 'all'); END");
  const Outcome rolled_back = load(on_error(context("s", two_columns()), "skip"), two_columns(), rows);
  ASSERT_FALSE(rolled_back.status.ok());
  EXPECT_EQ(rolled_back.status.error().code, "LOAD_ROLLED_BACK");
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(RefusalTest, ATablesOwnConflictRulesDoNotLoseRows) {
  sql("CREATE TABLE s (id INTEGER UNIQUE ON CONFLICT IGNORE, name TEXT)");
  const Outcome outcome = load(context("s", two_columns()), two_columns(), {row(1, "a"), row(1, "b")});
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, "ROW_REFUSED");
}

TEST_F(RefusalTest, ABrokenBatchIsAnErrorAndChangesNothing) {
  ASSERT_TRUE(load(context("s", two_columns()), two_columns(), {row(1, "a")}).status.ok());
  FakeHost host;
  host.check_batches = false;
  std::vector<uint8_t> batch = make_batch(two_columns(), {row(2, "b")});
  batch.resize(batch.size() / 2);
  host.push_batch(batch);
  host.push_end_marker();
  auto destination = open();
  const std::string ctx = sdk::to_text(context("s", two_columns()));
  ASSERT_TRUE(destination->begin_stream(ctx).ok());
  const auto summary = destination->run_write(ctx);
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "INVALID_BATCH");
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), Lines{"1|'a'"});
}

TEST_F(RefusalTest, PathsThatCannotBeADatabaseSayWhatToDo) {
  EXPECT_EQ(begin_code({{"path", (folder() / "missing" / "x.db").string()}}), "DATABASE_PATH");
  EXPECT_NE(last_message_.find("does not exist"), std::string::npos);
  EXPECT_EQ(begin_code({{"path", folder().string()}}), "DATABASE_PATH");
  std::ofstream(folder() / "notes.txt") << std::string(5000, 'x');
  EXPECT_EQ(begin_code({{"path", (folder() / "notes.txt").string()}}), "NOT_A_DATABASE");
  EXPECT_NE(last_message_.find("encrypted"), std::string::npos);
  std::filesystem::create_symlink(folder() / "notes.txt", folder() / "link.db");
  EXPECT_EQ(begin_code({{"path", (folder() / "link.db").string()}}), "DATABASE_PATH");
  EXPECT_NE(last_message_.find("symbolic link"), std::string::npos);
  auto destination = sdk::make_destination();
  EXPECT_EQ(destination->open("{}").error().code, "INVALID_CONFIG");
  EXPECT_EQ(destination->open(R"({"path": ""})").error().code, "INVALID_CONFIG");
}

/// Root may write everywhere, so a test about permissions gives that up for a while.
class OrdinaryUser {
 public:
  OrdinaryUser() : was_root_(geteuid() == 0) {
    constexpr uid_t kNobody = 65534;
    EXPECT_TRUE(!was_root_ || seteuid(kNobody) == 0);
  }
  ~OrdinaryUser() { EXPECT_TRUE(!was_root_ || seteuid(0) == 0); }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  const bool was_root_;
};

TEST_F(RefusalTest, ADatabaseThatIsNotWritableIsRefused) {
  sql("CREATE TABLE t (x)");
  chmod(path().c_str(), 0444);
  chmod(std::filesystem::path(path()).parent_path().c_str(), 0755);
  const OrdinaryUser user;
  EXPECT_EQ(begin_code(), "DATABASE_READ_ONLY");
  auto destination = open();
  const auto validation = destination->validate();
  ASSERT_TRUE(validation.ok());
  EXPECT_EQ(validation->kind, sdk::Validation::Kind::kFailed);
}

TEST_F(RefusalTest, AFullDiskKeepsWhatWasCommittedAndTheNextRunResumes) {
  ASSERT_TRUE(load(context("s", two_columns()), two_columns(), {row(1, "a")}).status.ok());
  std::vector<Json> rows;
  for (int64_t i = 0; i < 300; ++i) rows.push_back(row(i, std::string(4000, 'x')));
  const pid_t child = fork();
  if (child == 0) {
    // In a separate process files may not grow beyond 512 KiB.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{512 << 10, 512 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Outcome outcome = load(context("s", two_columns()), two_columns(), rows);
    const bool right =
        !outcome.status.ok() && outcome.status.error().code == "DISK_FULL" && !outcome.status.error().retryable;
    const bool rolled_back = !std::filesystem::exists(path() + "-journal");
    _exit(right ? (rolled_back ? 0 : 2) : 1);
  }
  int state = 0;
  waitpid(child, &state, 0);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0) << "state " << state;
  EXPECT_EQ(table("s"), Lines{"1|'a'"});
  EXPECT_EQ(integrity(), "ok");
  EXPECT_TRUE(load(context("s", two_columns()), two_columns(), rows).status.ok());
  EXPECT_EQ(query("SELECT count(*) FROM s"), Lines{"301"});
}

TEST_F(RefusalTest, ACorruptDatabaseIsAnError) {
  sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100);
  file << std::string(64, '\xff');
  file.close();
  EXPECT_EQ(begin_code(), "DATABASE_CORRUPT");
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
