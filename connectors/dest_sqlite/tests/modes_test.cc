// Write modes upsert and replace, and resuming.
#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

using ModesTest = SqliteTest;

Schema two_columns() { return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}}; }
Json row(int64_t id, const std::string& name) { return Json::array({id, name}); }
Json upsert(const std::vector<std::string>& key) { return {{"upsert", {{"primary_key", key}}}}; }

TEST_F(ModesTest, UpsertUpdatesKnownKeysAndTheLastRowOfAKeyWins) {
  const Schema schema = two_columns();
  const Json ctx = context("s", schema, upsert({"id"}));
  ASSERT_TRUE(load(ctx, schema, {row(1, "a"), row(2, "b"), row(1, "A")}).status.ok());
  EXPECT_EQ(table("s"), (Lines{"1|'A'", "2|'b'"}));
  const Outcome second = load(ctx, schema, {row(2, "B"), row(3, "c")});
  ASSERT_TRUE(second.status.ok());
  EXPECT_EQ(second.summary.records_written, 2U);
  EXPECT_EQ(table("s"), (Lines{"1|'A'", "2|'B'", "3|'c'"}));
}

TEST_F(ModesTest, UpsertByTextAndByTwoColumnsAndWithNothingButTheKey) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("t", schema, upsert({"NAME"})), schema, {row(1, "x"), row(2, "x")}).status.ok());
  EXPECT_EQ(table("t"), Lines{"2|'x'"});
  std::vector<Json> rows;
  for (int64_t i = 0; i < 100; ++i) rows.push_back(row(i % 10, i % 2 == 0 ? "even" : "odd"));
  const Outcome outcome = load(context("both", schema, upsert({"id", "name"})), schema, rows);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 100U);
  EXPECT_EQ(table("both").size(), 10U);
}

TEST_F(ModesTest, UpsertTakesEveryDifferenceForOne) {
  const Schema schema{{{"id", DataType::of(TypeId::kInt64)},
                       {"name", DataType::of(TypeId::kUtf8)},
                       {"any", DataType::of(TypeId::kFloat64)}}};
  sql("CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, any);"
      "INSERT INTO s VALUES (1, 'a', 1.0), (2, 'b', 1.0), (3, 'c', 1), (4, NULL, 1.0), (5, 'e', NULL), (6, NULL, "
      "NULL)");
  const std::vector<Json> rows = {Json::array({1, "a", 1.0}),     Json::array({2, "B", 1.0}),
                                  Json::array({3, "c", 1.0}),     Json::array({4, "d", 1.0}),
                                  Json::array({5, "e", nullptr}), Json::array({6, nullptr, nullptr})};
  const Outcome outcome = load(context("s", schema, upsert({"id"})), schema, rows);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 6U);
  EXPECT_EQ(table("s"), (Lines{"1|'a'|1.0", "2|'B'|1.0", "3|'c'|1.0", "4|'d'|1.0", "5|'e'|NULL", "6|NULL|NULL"}));
}

TEST_F(ModesTest, UpsertTakesTheWidestTable) {
  Schema schema;
  Json values = Json::array();
  for (int i = 0; i < 2000; ++i) {
    schema.fields.push_back({"c" + std::to_string(i), DataType::of(TypeId::kInt64)});
    values.push_back(i);
  }
  const Json ctx = context("s", schema, upsert({"c0"}));
  ASSERT_TRUE(load(ctx, schema, {values}).status.ok());
  values[1999] = -1;
  const Outcome second = load(ctx, schema, {values});
  ASSERT_TRUE(second.status.ok()) << second.status.to_string();
  EXPECT_EQ(query("SELECT c0, c1998, c1999 FROM s"), Lines{"0|1998|-1"});
}

TEST_F(ModesTest, UpsertLeavesColumnsThatTheSourceDoesNotHave) {
  const Schema schema = two_columns();
  sql("CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT, note TEXT); INSERT INTO s VALUES (1, 'a', 'keep')");
  ASSERT_TRUE(load(context("s", schema, upsert({"id"})), schema, {row(1, "b")}).status.ok());
  EXPECT_EQ(table("s"), Lines{"1|'b'|'keep'"});
}

TEST_F(ModesTest, UpsertIntoATableWithoutThatUniqueKeySaysHowToMakeOne) {
  const Schema schema = two_columns();
  sql("CREATE TABLE s (id INTEGER, name TEXT)");
  const Outcome refused = load(context("s", schema, upsert({"id"})), schema, {row(1, "b")});
  ASSERT_FALSE(refused.status.ok());
  EXPECT_EQ(refused.status.error().code, "UPSERT_KEY_NOT_UNIQUE");
  const std::string& message = refused.status.error().message;
  const size_t advice = message.find("CREATE UNIQUE INDEX");
  ASSERT_NE(advice, std::string::npos);
  sql(message.substr(advice, message.find(", or correct") - advice));
  EXPECT_TRUE(load(context("s", schema, upsert({"id"})), schema, {row(1, "b")}).status.ok());
}

TEST_F(ModesTest, UpsertKeysMustExistAndNotBeNull) {
  const Schema schema = two_columns();
  EXPECT_EQ(load(context("s", schema, upsert({"nope"})), schema, {row(1, "b")}).status.error().code,
            "PRIMARY_KEY_MISSING");
  EXPECT_EQ(load(context("s", schema, upsert({})), schema, {}).status.error().code, "PRIMARY_KEY_MISSING");
  const Outcome null = load(context("s", schema, upsert({"id"})), schema, {row(1, "b"), Json::array({nullptr, "c"})});
  ASSERT_FALSE(null.status.ok());
  EXPECT_EQ(null.status.error().code, "ROW_REFUSED");
  EXPECT_NE(null.status.error().message.find("row 2, column \"id\", value NULL"), std::string::npos)
      << null.status.error().message;
}

TEST_F(ModesTest, ReplaceShowsTheOldRowsUntilTheSwap) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("s", schema), schema, {row(1, "old")}).status.ok());
  Json ctx = context("s", schema, "replace");
  ctx["load_id"] = "load-2";
  FakeHost host;
  host.load_id = "load-2";
  host.push_batch(make_batch(schema, {row(2, "new")}));
  host.push_marker({{"id", "c1"}});
  host.push_batch(make_batch(schema, {row(3, "new")}));
  host.push_end_marker();
  auto destination = open();
  const std::string text = sdk::to_text(ctx);
  ASSERT_TRUE(destination->begin_stream(text).ok());
  ASSERT_TRUE(destination->run_write(text).ok());
  EXPECT_EQ(table("s"), Lines{"1|'old'"});
  ASSERT_TRUE(destination->finish_stream(text, true).ok());
  EXPECT_EQ(table("s"), (Lines{"2|'new'", "3|'new'"}));
  ASSERT_TRUE(destination->finish_stream(text, true).ok()) << "a second call must change nothing";
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), (Lines{"2|'new'", "3|'new'"}));
  EXPECT_EQ(query("SELECT name FROM sqlite_schema WHERE name LIKE '%staging%'"), Lines{});
  EXPECT_EQ(query("SELECT rows, published FROM _rapidbyte_receipts"), Lines{"2|1"});
}

TEST_F(ModesTest, AFailedReplaceLeavesTheOldTableAndNoStaging) {
  const Schema schema{{{"x", DataType::of(TypeId::kFloat64)}}};
  ASSERT_TRUE(load(context("s", schema), schema, {Json::array({1})}).status.ok());
  const Outcome failed = load(context("s", schema, "replace"),
                              {make_batch(schema, {Json::array({2})}), make_batch(schema, {Json::array({"NaN"})})});
  ASSERT_FALSE(failed.status.ok());
  EXPECT_EQ(table("s"), Lines{"1.0"});
  EXPECT_EQ(query("SELECT name FROM sqlite_schema WHERE name LIKE '%staging%'"), Lines{});
}

TEST_F(ModesTest, ReplaceRestartsOverTheStagingTableOfAKilledRun) {
  const Schema schema = two_columns();
  sql("CREATE TABLE _rapidbyte_staging_s (id INTEGER, name TEXT); INSERT INTO _rapidbyte_staging_s VALUES (9, "
      "'stale')");
  ASSERT_TRUE(load(context("s", schema, "replace"), schema, {row(1, "a")}).status.ok());
  EXPECT_EQ(table("s"), Lines{"1|'a'"});
}

TEST_F(ModesTest, ReplaceKeepsIndexesTriggersViewsAndTheKey) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("s", schema, upsert({"id"})), schema, {row(1, "old")}).status.ok());
  sql("CREATE INDEX by_name ON s (name); CREATE UNIQUE INDEX by_lower ON s (lower(name)); CREATE TABLE seen (id);"
      "CREATE TRIGGER note AFTER INSERT ON s BEGIN INSERT INTO seen VALUES (new.id); END;"
      "CREATE VIEW v AS SELECT name FROM s WHERE id > 1; CREATE TABLE other (s_id INTEGER REFERENCES s (id));"
      "CREATE TRIGGER elsewhere AFTER INSERT ON other BEGIN UPDATE s SET name = name WHERE id = new.s_id; END");
  const Lines before =
      query("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name");
  const Outcome outcome = load(context("s", schema, "replace"), schema, {row(2, "new"), row(3, "newer")});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(
      query("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name"),
      before);
  EXPECT_EQ(query("SELECT * FROM v"), (Lines{"'new'", "'newer'"}));
  EXPECT_EQ(table("seen"), Lines{}) << "loading the staging table must not fire the target's triggers";
  EXPECT_EQ(integrity(), "ok");
  const Outcome clash = load(context("s", schema, "replace"), schema, {row(4, "same"), row(5, "SAME")});
  ASSERT_FALSE(clash.status.ok());
  EXPECT_EQ(clash.status.error().code, "INDEX_LOST");
  EXPECT_EQ(table("s"), (Lines{"2|'new'", "3|'newer'"}));
}

TEST_F(ModesTest, ReplaceKeepsTheDefinitionOfATableThatHasConstraints) {
  const Schema schema = two_columns();
  sql("CREATE TABLE 's' (id INTEGER CHECK (id < 10), name TEXT DEFAULT 'x', upper TEXT AS (upper(name)))");
  ASSERT_TRUE(load(context("s", schema, "replace"), schema, {row(2, "new")}).status.ok());
  EXPECT_EQ(table("s"), Lines{"2|'new'|'NEW'"});
  const Outcome refused = load(context("s", schema, "replace"), schema, {row(12, "new")});
  ASSERT_FALSE(refused.status.ok());
  EXPECT_EQ(refused.status.error().code, "ROW_REFUSED");
  EXPECT_EQ(table("s"), Lines{"2|'new'|'NEW'"});
}

TEST_F(ModesTest, ReplaceRecreatesAPlainTableWithTheSourcesTypes) {
  const Schema old = two_columns();
  ASSERT_TRUE(load(context("s", old), old, {row(1, "a")}).status.ok());
  const Schema changed{{{"id", DataType::of(TypeId::kFloat64)}, {"other", DataType::of(TypeId::kDate32)}}};
  const Outcome outcome = load(context("s", changed, "replace"), changed, {Json::array({1.5, 0})});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(query("SELECT name, type FROM pragma_table_info('s')"), (Lines{"'id'|'REAL'", "'other'|'TEXT'"}));
  EXPECT_EQ(table("s"), Lines{"1.5|'1970-01-01'"});
}

TEST_F(ModesTest, AReplaceTakesTwoCommits) {
  const Schema schema = two_columns();
  const auto commits = [&] { return std::stoll(query("SELECT change_counter FROM _rapidbyte_changes").front()); };
  Json ctx = context("s", schema, "replace");
  ASSERT_TRUE(load(ctx, {make_batch(schema, {row(1, "a")})}).status.ok());
  int64_t before = commits();
  ctx["load_id"] = "load-2";
  FakeHost host;
  host.load_id = "load-2";
  host.push_batch(make_batch(schema, {row(2, "b")}));
  host.push_end_marker();
  auto destination = open();
  ASSERT_TRUE(serve(*destination, host, ctx).status.ok());
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(commits() - before, 2);  // the rows, and that they take the old ones' place
  EXPECT_EQ(table("s"), Lines{"2|'b'"});
  before = commits();
  ctx["load_id"] = "load-3";
  ASSERT_TRUE(load(ctx, std::vector<std::vector<uint8_t>>{}).status.ok());
  EXPECT_LE(commits() - before, 2);
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(ModesTest, AnEmptyReplaceEmptiesTheTable) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("s", schema), schema, {row(1, "a")}).status.ok());
  ASSERT_TRUE(load(context("s", schema, "replace"), std::vector<std::vector<uint8_t>>{}).status.ok());
  EXPECT_EQ(table("s"), Lines{});
  EXPECT_EQ(query("SELECT name FROM pragma_table_info('s')"), (Lines{"'id'", "'name'"}));
}

TEST_F(ModesTest, PublishingALoadThatNeverBeganOrWhoseStagingIsGoneKeepsTheOldTable) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("s", schema), schema, {row(1, "a")}).status.ok());
  Json ctx = context("s", schema, "replace");
  ctx["load_id"] = "load-9";
  auto destination = open();
  const Status unknown = destination->finish_stream(sdk::to_text(ctx), true);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, "LOAD_UNKNOWN");
  ASSERT_TRUE(destination->close().ok());
  sql("UPDATE _rapidbyte_receipts SET load_id = 'load-9', rows = 5, published = 0");
  destination = open();
  const Status lost = destination->finish_stream(sdk::to_text(ctx), true);
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, "STAGING_LOST");
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), Lines{"1|'a'"});
}

TEST_F(ModesTest, AResumedLoadKeepsItsRowsAndCountsOn) {
  const Schema schema = two_columns();
  Json ctx = context("s", schema);
  {
    FakeHost host;
    host.push_batch(make_batch(schema, {row(1, "a")}));
    host.push_marker({{"id", "c1"}});
    host.push_batch(make_batch(schema, {row(2, "lost")}));
    host.fail_call("next-batch", 3, sdk::internal_error("CANCELLED", "").error());
    auto destination = open();
    ASSERT_TRUE(destination->begin_stream(sdk::to_text(ctx)).ok());
    ASSERT_FALSE(destination->run_write(sdk::to_text(ctx)).ok());
    ASSERT_TRUE(destination->finish_stream(sdk::to_text(ctx), false).ok());
    ASSERT_TRUE(destination->close().ok());
  }
  ctx["resume"] = {{"id", "c1"}};
  ASSERT_TRUE(load(ctx, schema, {row(2, "b"), row(3, "c")}).status.ok());
  EXPECT_EQ(table("s"), (Lines{"1|'a'", "2|'b'", "3|'c'"}));
  EXPECT_EQ(query("SELECT rows FROM _rapidbyte_receipts"), Lines{"3"});
}

TEST_F(ModesTest, ALoadDoesNotResumeAfterRowsThatAreNotInItsTable) {
  const Schema schema = two_columns();
  const std::string absent = sdk::kTargetAbsent;
  const auto committed = [&](const Json& mode, const Json& config) {
    auto destination = open(config);
    const auto answer = destination->last_committed(sdk::to_text(context("s", schema, mode)));
    EXPECT_TRUE(answer.ok());
    EXPECT_TRUE(destination->close().ok());
    return answer.ok() ? answer->value_or("") : std::string("error");
  };
  const auto write_only = [&](const Json& mode) {
    FakeHost host;
    host.push_batch(make_batch(schema, {row(1, "a")}));
    host.push_end_marker();
    const std::string text = sdk::to_text(context("s", schema, mode));
    auto destination = open();
    ASSERT_TRUE(destination->begin_stream(text).ok());
    ASSERT_TRUE(destination->run_write(text).ok());
    ASSERT_TRUE(destination->close().ok());
  };
  EXPECT_EQ(committed("append", Json::object()), absent) << "there is no database yet";
  write_only("replace");
  EXPECT_EQ(committed("append", Json::object()), absent) << "the rows lie in the staging table";
  write_only("append");
  EXPECT_NE(committed("append", Json::object()).find("load-1"), std::string::npos);
  EXPECT_EQ(committed("append", {{"table_prefix", "other_"}}), absent);
  sql("CREATE TABLE other_s (id INTEGER, name TEXT)");
  EXPECT_EQ(committed("append", {{"table_prefix", "other_"}}), "") << "nobody knows what is in that table";
  sql("DROP TABLE s");
  EXPECT_EQ(committed("append", Json::object()), absent) << "the rows went with the table";
  sql("CREATE TABLE s (id INTEGER, name TEXT); DELETE FROM _rapidbyte_receipts");
  EXPECT_EQ(committed("append", Json::object()), "");
}

TEST_F(ModesTest, PartitionsAndPipelinesHaveReceiptsOfTheirOwn) {
  const Schema schema = two_columns();
  Json ctx = context("s", schema);
  ASSERT_TRUE(load(ctx, schema, {row(1, "a")}).status.ok());
  ctx["pipeline"] = "other";
  auto destination = open();
  const auto none = destination->last_committed(sdk::to_text(ctx));
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  ctx["pipeline"] = "test";
  ctx["partition"] = {{"part", 1}};
  const auto partition = destination->last_committed(sdk::to_text(ctx));
  ASSERT_TRUE(partition.ok());
  EXPECT_FALSE(partition->has_value());
  ASSERT_TRUE(destination->close().ok());
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
