// What breaks in the middle: backends that are ended in COPY and in COMMIT, a server that crashes, host calls that fail
// in turn. Rows and receipt must agree, and resuming after the receipt must give exactly the source's rows.
#include <algorithm>
#include <thread>

#include "postgres/connection.h"
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

constexpr int64_t kBatches = 6;
constexpr int64_t kRows = 300;

Schema schema() { return {{{"id", kInt}, {"text", kText}}}; }

std::vector<uint8_t> batch_at(int64_t number) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t id = number * kRows + i;
    rows.push_back(Json::array({id, "row " + std::to_string(id)}));
  }
  return make_batch(schema(), rows);
}

class FaultTest : public PostgresTest {
 protected:
  // One attempt from batch `first` on, as the engine drives it. A marker follows every second batch.
  Status run(FakeHost& host, const Json& ctx, int64_t first) {
    host.load_id = ctx["load_id"].get<std::string>();
    for (int64_t i = first; i < kBatches; ++i) {
      host.push_batch(batch_at(i));
      if (i % 2 == 1) host.push_marker({{"id", "c"}, {"next", i + 1}});
    }
    host.push_end_marker();
    auto destination = sdk::make_destination();
    Status status = destination->open(sdk::to_text(config()));
    const std::string text = sdk::to_text(ctx);
    if (status.ok()) status = destination->begin_stream(text);
    if (status.ok() && first < kBatches) status = destination->run_write(text).status();
    if (status.ok()) status = destination->finish_stream(text, true);
    const Status closed = destination->close();
    return status.ok() ? closed : status;
  }

  // Where the receipt says that the next attempt begins.
  int64_t resume_at(const Json& ctx) {
    FakeHost host;
    auto destination = open();
    const auto committed = destination->last_committed(sdk::to_text(ctx));
    EXPECT_TRUE(committed.ok()) << committed.status().to_string();
    if (!committed.ok() || !committed->has_value()) return 0;
    const auto receipt = sdk::parse_json(**committed);
    if (!receipt.ok() || sdk::string_member(*receipt, "load_id") != ctx["load_id"].get<std::string>()) return 0;
    if (sdk::bool_member(*receipt, "end") == true) return kBatches;
    return sdk::int_member(*receipt, "next").value_or(0);
  }

  void expect_rows(int64_t batches) {
    EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id), coalesce(max(id), -1) FROM s"),
              Lines{std::to_string(batches * kRows) + "\t" + std::to_string(batches * kRows) + "\t" +
                    std::to_string(batches * kRows - 1)});
  }
  void expect_resume_completes(const Json& ctx, bool from_start) {
    FakeHost host;
    const Status status = run(host, ctx, from_start ? 0 : resume_at(ctx));
    ASSERT_TRUE(status.ok()) << status.to_string();
    expect_rows(kBatches);
  }
  // The backend that serves this test's load.
  std::string find_backend() {
    const Lines pids =
        sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'rapidbyte' AND pid <> "
            "pg_backend_pid() ORDER BY backend_start DESC LIMIT 1");
    return pids.empty() ? "0" : pids.front();
  }
};

// An instance that serves one stream after the other returns to a session that somebody has closed meanwhile, or to
// receipts that somebody has dropped.
TEST_F(FaultTest, TheNextStreamAsksAgainWhatTheOldSessionCannotAnswer) {
  const std::string old_columns = "ALTER TABLE _rapidbyte_receipts DROP COLUMN target_identity";
  const std::string close = "SELECT pg_terminate_backend(%)";
  for (const std::string& between : {close, old_columns, std::string("DROP TABLE _rapidbyte_receipts")}) {
    for (const bool asks_first : {true, false}) {
      SCOPED_TRACE(between + (asks_first ? ", last-committed first" : ""));
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s, t, _rapidbyte_receipts");
      const Json first = context("s", schema());
      const Json second = context("t", schema());
      FakeHost host;
      auto destination = open();
      const auto serve = [&](const Json& ctx) {
        const std::string text = sdk::to_text(ctx);
        host.push_batch(batch_at(0));
        // Both streams have the same host, which keeps counting.
        Json marker = {{"id", "c"}, {"next", 1}, {"load_id", ctx["load_id"]}, {"batches_covered", 1}};
        host.push_raw_marker(marker);
        marker["end"] = true;
        host.push_raw_marker(marker);
        Status status = destination->begin_stream(text);
        if (status.ok()) status = destination->run_write(text).status();
        const Status finished = destination->finish_stream(text, status.ok());
        return status.ok() ? finished : status;
      };
      ASSERT_TRUE(serve(first).ok());
      std::string statement = between;
      if (const size_t at = statement.find('%'); at != statement.npos) statement.replace(at, 1, find_backend());
      sql(statement);
      if (asks_first) {
        const auto position = destination->last_committed(sdk::to_text(second));
        EXPECT_TRUE(position.ok()) << position.status().to_string();
      }
      const Status served = serve(second);
      EXPECT_TRUE(served.ok()) << served.to_string();
      EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id) FROM t"), Lines{"300\t300"});
      EXPECT_EQ(sql("SELECT rows FROM _rapidbyte_receipts WHERE stream = 't'"), Lines{"300"});
      EXPECT_TRUE(destination->close().ok());
    }
  }
}

TEST_F(FaultTest, ABackendThatIsEndedInTheMiddleLosesAndDoublesNothing) {
  for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
    for (int64_t at = 1; at <= kBatches; ++at) {
      SCOPED_TRACE(mode.dump() + " at batch " + std::to_string(at));
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, text text)");
      Json ctx = context("s", schema(), mode);
      ctx["load_id"] = "load-" + mode.dump() + std::to_string(at);
      FakeHost host;
      int64_t taken = 0;
      host.before_call = [&](std::string_view function) {
        if (function != "next-batch" || ++taken != at + 1) return;
        PostgresServer::shared().sql("SELECT pg_terminate_backend(" + find_backend() + ")");
      };
      const Status status = run(host, ctx, 0);
      if (at == kBatches && mode != "replace") {
        // All was committed before, and the server is asked nothing more.
        EXPECT_TRUE(status.ok()) << status.to_string();
        expect_rows(kBatches);
        continue;
      }
      ASSERT_FALSE(status.ok());
      EXPECT_TRUE(status.error().retryable) << status.to_string();
      if (mode != "replace") {
        expect_rows(resume_at(ctx));
      } else {
        expect_rows(0);
      }
      expect_resume_completes(ctx, mode == "replace");
    }
  }
}

// Deferred triggers run in COMMIT: one of them ends its own backend, and the client sees the connection break there.
TEST_F(FaultTest, ABackendThatIsEndedInCommitHasRolledBack) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, text text); CREATE TABLE fuse (armed boolean); INSERT INTO fuse VALUES "
      "(true); CREATE FUNCTION blow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
      "'BEGIN IF NEW.id = 700 AND (SELECT armed FROM fuse) THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
      "PERFORM pg_sleep(1); END IF; RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "blow()");
  const Json ctx = context("s", schema());
  FakeHost host;
  const Status status = run(host, ctx, 0);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "COMMIT_LOST") << status.to_string();
  EXPECT_EQ(status.error().commit_state, sdk::CommitState::kBeforeCommit);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_TRUE(status.error().safe_to_retry);
  expect_rows(2);  // the commit before it
  EXPECT_EQ(resume_at(ctx), 2);
  sql("UPDATE fuse SET armed = false");
  expect_resume_completes(ctx, false);
}

// The socket fails when the answer to COMMIT is read: the server has committed, and the load continues by itself.
TEST_F(FaultTest, ACommitWhoseAnswerWasLostIsFoundInTheReceipt) {
  for (const Json& mode : {Json("append"), upsert({"id"})}) {
    SCOPED_TRACE(mode.dump());
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s");
    Json ctx = context("s", schema(), mode);
    ctx["load_id"] = "lost-" + mode.dump();
    FakeHost host;
    bool committing = false;
    bool cut = false;
    host.before_call = [&](std::string_view function) {
      // The first answer after COMMIT was sent: wait until the server has done it, then lose it.
      if (!committing && !cut && function == "socket-read") {
        const Lines seen =
            sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rapidbyte' AND query = "
                "'COMMIT'");
        const Lines rows = sql("SELECT count(*) FROM pg_class WHERE relname = 's' AND relnamespace = '" +
                               schema_name() + "'::regnamespace");
        committing = seen != Lines{"0"} && rows == Lines{"1"} && sql("SELECT count(*) > 0 FROM s") == Lines{"t"};
        if (!committing) return;
        cut = true;
        host.fail_call("socket-read", 1,
                       sdk::transient_network_error("SOCKET_READ_FAILED", "connection reset").error());
      }
    };
    const Status status = run(host, ctx, 0);
    ASSERT_TRUE(cut) << "no COMMIT was caught";
    EXPECT_TRUE(status.ok()) << status.to_string();
    const auto& logs = host.logs();
    EXPECT_TRUE(std::any_of(logs.begin(), logs.end(), [](const auto& line) {
      return line.message.find("the receipt says that the commit succeeded") != std::string::npos;
    })) << "the answer was not lost";
    expect_rows(kBatches);
    EXPECT_EQ(resume_at(ctx), kBatches);
  }
}

// What a killed run leaves: a backend that is still committing rows and receipt when the next run begins.
TEST_F(FaultTest, ACommitOfAKilledRunThatComesLateDoublesNothing) {
  for (const bool asked_before : {false, true}) {
    for (const bool late : {false, true}) {
      SCOPED_TRACE(std::string(asked_before ? "asked before" : "not asked") + (late ? ", late" : ", early"));
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; DROP TABLE IF EXISTS _rapidbyte_receipts");
      Json ctx = context("s", schema());
      FakeHost host;
      host.load_id = ctx["load_id"].get<std::string>();
      host.push_batch(batch_at(0));
      host.push_marker({{"id", "c"}, {"next", 1}});
      host.fail_call("next-batch", 2, sdk::internal_error("KILLED", "killed").error());
      auto first = open();
      ASSERT_TRUE(first->begin_stream(sdk::to_text(ctx)).ok());
      const Status killed = first->run_write(sdk::to_text(ctx)).status();
      ASSERT_FALSE(killed.ok());
      expect_rows(1);
      const std::string rest =
          "BEGIN; INSERT INTO s SELECT i, 'row ' || i FROM generate_series(300, 599) i; UPDATE _rapidbyte_receipts SET "
          "rows = 600, checkpoint_json = replace(checkpoint_json, '\"next\":1', '\"next\":2'); ";
      FakeHost next;
      next.load_id = host.load_id;
      next.push_batch(batch_at(1));
      next.push_marker({{"id", "c"}, {"next", 2}});
      next.push_end_marker();
      auto second = open();
      if (asked_before) {
        ASSERT_TRUE(second->last_committed(sdk::to_text(ctx)).ok());
      }
      ASSERT_TRUE(second->begin_stream(sdk::to_text(ctx)).ok());
      std::thread committer([&] {
        // Until somebody waits for this transaction.
        sql(rest +
            (late ? "DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM pg_sleep(0.02); EXIT WHEN EXISTS (SELECT FROM "
                    "pg_locks WHERE NOT granted); END LOOP; END $$;"
                  : "") +
            "COMMIT");
      });
      if (late) {
        auto watch = postgres::Connection::connect(PostgresServer::shared().options());
        ASSERT_TRUE(watch.ok());
        // It sleeps after its UPDATE: a lock on the table would only say that the UPDATE is about to begin.
        const std::string taken = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while (watch->query(taken)->rows.empty()) {
        }
      } else {
        committer.join();
      }
      const Status status = second->run_write(sdk::to_text(ctx)).status();
      if (committer.joinable()) committer.join();
      if (late || asked_before) {
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, "RECEIPT_CHANGED") << status.to_string();
        EXPECT_TRUE(status.error().retryable);
        EXPECT_TRUE(status.error().safe_to_retry);
        expect_rows(2);
        EXPECT_EQ(resume_at(ctx), 2);
        expect_resume_completes(ctx, false);
      }
    }
  }
}

TEST_F(FaultTest, AServerThatCrashesInTheMiddleLosesNothingThatWasCommitted) {
  const Json ctx = context("s", schema());
  FakeHost host;
  int64_t taken = 0;
  host.before_call = [&](std::string_view function) {
    if (function == "next-batch" && ++taken == 4) PostgresServer::shared().restart("immediate");
  };
  const Status status = run(host, ctx, 0);
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(status.error().retryable) << status.to_string();
  EXPECT_EQ(resume_at(ctx), 2);
  expect_rows(2);
  expect_resume_completes(ctx, false);
}

TEST_F(FaultTest, EveryHostCallMayFailInTurn) {
  const struct {
    const char* function;
    uint64_t calls;
  } functions[] = {{"next-batch", 7},  {"pending-checkpoint", 12}, {"checkpoint", 4},
                   {"connect-tcp", 1}, {"socket-read", 24},        {"socket-write", 24}};
  const sdk::Error error = sdk::transient_network_error("FAULT", "the call was made to fail").error();
  for (const char* mode : {"append", "replace"}) {
    const uint64_t step = std::string(mode) == "append" ? 1 : 4;  // each takes a third of a second
    for (const auto& f : functions) {
      for (uint64_t nth = 1; nth <= f.calls; nth += step) {
        SCOPED_TRACE(std::string(mode) + " " + f.function + " " + std::to_string(nth));
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, text "
            "text)");
        Json ctx = context("s", schema(), mode);
        ctx["load_id"] = std::string("load-") + mode + f.function + std::to_string(nth);
        FakeHost host;
        host.fail_call(f.function, nth, error);
        const Status status = run(host, ctx, 0);
        if (status.ok()) {
          expect_rows(kBatches);
          continue;
        }
        if (std::string(mode) == "append") {
          expect_rows(resume_at(ctx));
        } else {
          const Lines rows = sql("SELECT count(*) FROM s");
          EXPECT_TRUE(rows == Lines{"0"} || rows == Lines{std::to_string(kBatches * kRows)});
        }
        expect_resume_completes(ctx, std::string(mode) == "replace");
      }
    }
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
