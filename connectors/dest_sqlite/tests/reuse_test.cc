// One instance that serves many streams (feature "reuse"): what it writes, counts, refuses and says about each is what
// a separate instance would, whatever happened to the streams before. And a database that goes away meanwhile.
#include <unistd.h>

#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

namespace fs = std::filesystem;

Schema two_columns() { return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}}; }
Schema one_column() { return {{{"id", DataType::of(TypeId::kInt64)}}}; }
Json upsert(const std::vector<std::string>& key) { return {{"upsert", {{"primary_key", key}}}}; }

struct Stream {
  Json context;
  std::vector<std::vector<uint8_t>> batches;
  /// What the stream's host does differently.
  std::function<void(FakeHost&)> disturb = nullptr;
};

class ReuseTest : public SqliteTest {
 protected:
  static Outcome serve(sdk::DestinationConnector& destination, const Stream& stream) {
    FakeHost host;
    host.load_id = stream.context["load_id"].get<std::string>();
    for (const auto& batch : stream.batches) {
      host.push_batch(batch);
      host.push_marker({{"id", "c"}, {"kind", "source"}, {"stream", stream.context["stream_name"]}});
    }
    host.push_end_marker();
    if (stream.disturb) stream.disturb(host);
    return SqliteTest::serve(destination, host, stream.context);
  }

  static Json with(Json context, const std::string& pointer, const Json& value) {
    context[Json::json_pointer(pointer)] = value;
    return context;
  }

  /// Streams that differ in mode, columns, policies and in how they end.
  static std::vector<Stream> streams() {
    const Schema two = two_columns();
    const auto rows = [&](int64_t from, int64_t to) {
      std::vector<Json> out;
      for (int64_t i = from; i < to; ++i) out.push_back(Json::array({i, "row " + std::to_string(i)}));
      return make_batch(two, out);
    };
    const auto doubled = make_batch(two, {Json::array({1, "a"}), Json::array({1, "b"}), Json::array({2, "c"})});
    const Json strict = context("unique_ids", two);
    const auto fail = [](std::string function, uint64_t nth) {
      return [function = std::move(function), nth](FakeHost& host) {
        sdk::Error error;
        error.code = "BROKEN";
        host.fail_call(function, nth, error);
      };
    };
    std::vector<Stream> out = {
        {context("plain", two), {rows(0, 100), rows(100, 150)}},
        {strict, {rows(0, 40), doubled}},  // refused: ROW_REFUSED, after rows that were written
        {context("narrow", one_column()), {make_batch(one_column(), {Json::array({7})})}},
        {with(strict, "/policies/on_data_error", "skip"), {doubled}},
        {with(context("unique_ids", two), "/policies/on_data_error", "dlq"), {doubled}},
        {context("replaced", two, "replace"), {rows(0, 60)}},
        {context("replaced", two, "replace"), {rows(0, 30), rows(30, 31)}, fail("next-batch", 2)},
        {context("emptied", two, "replace"), {}},
        {context("latest", two, upsert({"id"})), {rows(0, 50), rows(25, 75)}},
        {with(
             context("plain", Schema{{{"id", DataType::of(TypeId::kInt64)}, {"more", DataType::of(TypeId::kBoolean)}}}),
             "/policies/schema_evolution/new_column", "fail"),
         {make_batch(Schema{{{"id", DataType::of(TypeId::kInt64)}, {"more", DataType::of(TypeId::kBoolean)}}},
                     {Json::array({1, true})})}},
        {context("interrupted", two), {rows(0, 20), rows(20, 40)}, fail("next-batch", 3)},
        {context("uncommitted", two), {rows(0, 20)}, fail("checkpoint", 1)},
        {context("sqlite_no", two), {rows(0, 1)}},  // a name that SQLite reserves
        {context("empty", two), {}},
        {context("ignored", two), {rows(0, 3)}},  // its trigger drops a row: ROW_DISCARDED
        {context("last", two), {rows(0, 3)}},
    };
    for (size_t i = 0; i < out.size(); ++i) {
      out[i].context["load_id"] = "load-" + std::to_string(i);
      out[i].context["allow_doubled_rows"] = true;  // some streams come again after they were interrupted
    }
    return out;
  }

  void prepare() {
    sql("CREATE TABLE unique_ids (id INTEGER PRIMARY KEY ON CONFLICT IGNORE, name TEXT);"
        "CREATE TABLE replaced (id INTEGER, name TEXT DEFAULT 'none'); INSERT INTO replaced VALUES (1, 'old');"
        "CREATE TABLE ignored (id INTEGER, name TEXT);"
        "CREATE TRIGGER i BEFORE INSERT ON ignored WHEN new.id = 1 BEGIN SELECT RAISE(IGNORE); END");
  }

  /// Definitions and rows of everything in the database, receipts included, but for the time of day.
  Lines everything() {
    Lines out = query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name");
    for (const std::string& quoted : query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
      const std::string name = quoted.substr(1, quoted.size() - 2);
      const bool receipts = name == "_rapidbyte_receipts";
      out.push_back("--- " + name);
      for (const std::string& line :
           query(receipts ? "SELECT pipeline, stream, partition, load_id, checkpoint_json, rows, published FROM " + name
                          : "SELECT * FROM " + name)) {
        out.push_back(line);
      }
    }
    return out;
  }
};

TEST_F(ReuseTest, EachStreamIsWhatItWouldBeWithAnInstanceOfItsOwn) {
  const std::vector<Stream> all = streams();
  prepare();
  std::vector<Outcome> own;
  for (const Stream& stream : all) {
    const auto destination = open();
    own.push_back(serve(*destination, stream));
    ASSERT_TRUE(destination->close().ok());
  }
  const Lines expected = everything();
  fs::remove(path());

  prepare();
  const auto kept = open();
  size_t failed = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(sdk::to_text(all[i].context["stream_name"]) + ", number " + std::to_string(i));
    const Outcome outcome = serve(*kept, all[i]);
    failed += outcome.status.ok() ? 0 : 1;
    EXPECT_EQ(outcome.status.to_string(), own[i].status.to_string());
    EXPECT_EQ(outcome.summary.records_written, own[i].summary.records_written);
    EXPECT_EQ(outcome.summary.records_failed, own[i].summary.records_failed);
    EXPECT_EQ(outcome.summary.bytes_written, own[i].summary.bytes_written);
    EXPECT_EQ(outcome.summary.checkpoint_count, own[i].summary.checkpoint_count);
    EXPECT_EQ(outcome.logs, own[i].logs);
    ASSERT_EQ(outcome.dlq.size(), own[i].dlq.size());
    for (size_t k = 0; k < outcome.dlq.size(); ++k) {
      EXPECT_EQ(outcome.dlq[k].stream, own[i].dlq[k].stream);
      EXPECT_EQ(outcome.dlq[k].record_json, own[i].dlq[k].record_json);
      EXPECT_EQ(outcome.dlq[k].error_message, own[i].dlq[k].error_message);
    }
    const auto committed = kept->last_committed(sdk::to_text(all[i].context));
    ASSERT_TRUE(committed.ok()) << committed.status().to_string();
  }
  ASSERT_TRUE(kept->close().ok());
  EXPECT_EQ(failed, 7U);  // each way to end badly is among them
  EXPECT_EQ(everything(), expected);
  EXPECT_EQ(integrity(), "ok");
  EXPECT_FALSE(fs::exists(path() + "-journal"));
}

TEST_F(ReuseTest, RowsThatAStreamDidNotCommitAreNotCommittedWithTheNextOne) {
  const auto destination = open();
  const std::vector<Json> rows = {Json::array({1, "a"}), Json::array({2, "b"})};
  const std::string first = sdk::to_text(context("first", two_columns()));
  {
    // The host ends the stream after its first batch, and nobody tells the destination that it is over.
    FakeHost host;
    host.push_batch(make_batch(two_columns(), rows));
    sdk::Error cancelled;
    cancelled.code = "CANCELLED";
    host.fail_call("next-batch", 2, cancelled);
    ASSERT_TRUE(destination->begin_stream(first).ok());
    ASSERT_FALSE(destination->run_write(first).ok());
  }
  ASSERT_TRUE(serve(*destination, {context("second", two_columns()), {make_batch(two_columns(), rows)}}).status.ok());
  EXPECT_EQ(query("SELECT name FROM sqlite_schema WHERE name = 'first'"), Lines{});
  EXPECT_EQ(query("SELECT stream, rows FROM _rapidbyte_receipts"), Lines{"'second'|2"});
  ASSERT_TRUE(destination->close().ok());
}

TEST_F(ReuseTest, AFileThatGoesAwayBetweenTwoStreamsIsNoticed) {
  const std::vector<std::vector<uint8_t>> batches = {make_batch(two_columns(), {Json::array({1, "a"})})};
  for (const bool replaced : {false, true}) {
    SCOPED_TRACE(replaced);
    const auto destination = open();
    ASSERT_TRUE(serve(*destination, {context("first", two_columns()), batches}).status.ok());
    fs::rename(path(), path() + ".away");
    if (replaced) sql("CREATE TABLE other (id)");
    const auto committed = destination->last_committed(sdk::to_text(context("second", two_columns())));
    ASSERT_FALSE(committed.ok());
    EXPECT_EQ(committed.error().code, "DATABASE_REPLACED");
    const Outcome second = serve(*destination, {context("second", two_columns()), batches});
    ASSERT_FALSE(second.status.ok());
    EXPECT_EQ(second.status.error().code, "DATABASE_REPLACED");
    EXPECT_FALSE(second.status.error().retryable);
    (void)destination->close();
    EXPECT_EQ(fs::exists(path()), replaced);
    fs::remove(path());
    fs::rename(path() + ".away", path());
    EXPECT_EQ(query("SELECT count(*) FROM sqlite_schema WHERE name = 'second'"), Lines{"0"});
    fs::remove(path());
  }
}

TEST_F(ReuseTest, AFileThatGoesAwayWithinAStreamIsNoticedBeforeItsRowsCountAsCommitted) {
  FakeHost host;
  const auto batch = make_batch(two_columns(), {Json::array({1, "a"})});
  for (int i = 0; i < 2; ++i) {
    host.push_batch(batch);
    host.push_marker({{"id", "c"}, {"kind", "source"}, {"stream", "s"}});
  }
  host.push_end_marker();
  int asked = 0;
  host.before_call = [&](std::string_view function) {
    if (function == "next-batch" && ++asked == 2) fs::remove(path());
  };
  const auto destination = open();
  const Outcome outcome = SqliteTest::serve(*destination, host, context("s", two_columns()));
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, "DATABASE_REPLACED");
  EXPECT_EQ(host.durable_markers().size(), 1U);  // that of the batch before
  (void)destination->close();
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
