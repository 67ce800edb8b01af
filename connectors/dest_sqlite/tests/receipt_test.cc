// Receipts are believed only while the rows that they describe are there, and no two streams write one table.
#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

Schema two_columns() { return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}}; }
Json row(int64_t id, const std::string& name) { return Json::array({id, name}); }

class ReceiptTest : public SqliteTest {
 protected:
  // A load of rows 1 to 3 that is interrupted after its second commit; row 4 is not committed.
  void interrupt(const Json& mode = "append") {
    const Schema schema = two_columns();
    FakeHost host;
    host.push_batch(make_batch(schema, {row(1, "a"), row(2, "b")}));
    host.push_marker({{"id", "c1"}});
    host.push_batch(make_batch(schema, {row(3, "c")}));
    host.push_marker({{"id", "c2"}});
    host.push_batch(make_batch(schema, {row(4, "lost")}));
    host.fail_call("next-batch", 4, sdk::internal_error("CANCELLED", "").error());
    const std::string text = sdk::to_text(context("s", schema, mode));
    auto destination = open();
    ASSERT_TRUE(destination->begin_stream(text).ok());
    ASSERT_FALSE(destination->run_write(text).ok());
    ASSERT_TRUE(destination->close().ok());
    ASSERT_EQ(query("SELECT count(*) FROM s"), Lines{"3"});
  }
  // What last-committed says: the checkpoint's id, "restart", or the error's code.
  std::string resumed_at(const Json& mode = "append") {
    FakeHost host;
    auto destination = open();
    const auto answer = destination->last_committed(sdk::to_text(context("s", two_columns(), mode)));
    EXPECT_TRUE(destination->close().ok());
    warnings_ = host.logs().size();
    if (!answer.ok()) {
      message_ = answer.error().message;
      return answer.error().code;
    }
    const auto checkpoint = sdk::parse_json(answer->value_or("{}"));
    EXPECT_TRUE(checkpoint.ok());
    EXPECT_EQ(sdk::find_member(*checkpoint, "rapidbyte_evidence"), nullptr) << "the source's checkpoint, as it was";
    return sdk::string_member(*checkpoint, "id").value_or("restart");
  }
  std::string message_;
  size_t warnings_ = 0;
};

TEST_F(ReceiptTest, AnAppendDoesNotResumeAfterRowsThatSomebodyRemoved) {
  const Lines attacks = {
      "DELETE FROM s",
      "DELETE FROM s WHERE id = 1",
      "DELETE FROM s WHERE id = 2",
      "DELETE FROM s WHERE id = 3",
      "DROP TABLE s; CREATE TABLE s (id INTEGER, name TEXT)",
      "DELETE FROM s; INSERT INTO s VALUES (7, 'x'), (8, 'y'), (9, 'z')",
      "DELETE FROM s WHERE id = 3; INSERT INTO s VALUES (9, 'z')",
      "CREATE TABLE t AS SELECT id, 'other' name FROM s; DROP TABLE s; ALTER TABLE t RENAME TO s",
  };
  for (const std::string& attack : attacks) {
    std::filesystem::remove(path());
    interrupt();
    EXPECT_EQ(resumed_at(), "c2");
    sql(attack);
    EXPECT_EQ(resumed_at(), "RECEIPT_MISSING") << attack;
    EXPECT_NE(message_.find("state reset PIPELINE.yaml --stream 's'"), std::string::npos) << message_;
  }
}

TEST_F(ReceiptTest, WhatOthersDoElsewhereDoesNotMatter) {
  const Lines harmless = {
      "CREATE TABLE other (x); INSERT INTO other VALUES (1); DELETE FROM other",
      "INSERT INTO s VALUES (100, 'of somebody else')",
      "CREATE INDEX by_name ON s (name)",
      "ALTER TABLE s ADD COLUMN note TEXT",
      "VACUUM",
      "UPDATE s SET name = 'B' WHERE id = 2",
  };
  interrupt();
  for (const std::string& change : harmless) {
    sql(change);
    EXPECT_EQ(resumed_at(), "c2") << change << ": " << message_;
  }
}

TEST_F(ReceiptTest, ATableWhoseKeyIsItsRowNumberIsCounted) {
  for (const std::string table : {"CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT)",
                                  "CREATE TABLE s (id INTEGER, name TEXT PRIMARY KEY) WITHOUT ROWID"}) {
    std::filesystem::remove(path());
    sql(table);
    interrupt();
    sql("CREATE TABLE other (x)");
    EXPECT_EQ(resumed_at(), "c2") << message_;
    sql("DELETE FROM s WHERE id = 2");
    EXPECT_EQ(resumed_at(), "RECEIPT_MISSING") << table;
  }
}

TEST_F(ReceiptTest, AnUpsertRestartsWhenOthersWrote) {
  const Json upsert = {{"upsert", {{"primary_key", {"id"}}}}};
  interrupt(upsert);
  EXPECT_EQ(resumed_at(upsert), "c2");
  sql("DELETE FROM s WHERE id = 2");
  EXPECT_EQ(resumed_at(upsert), "restart");
  EXPECT_EQ(warnings_, 1U);
}

TEST_F(ReceiptTest, OwnCommitsAreNotTakenForThoseOfOthersButAReplaceIs) {
  const Json upsert = {{"upsert", {{"primary_key", {"id"}}}}};
  interrupt(upsert);
  Json other = context("t", two_columns());
  other["load_id"] = "load-2";
  ASSERT_TRUE(load(other, two_columns(), {row(1, "x")}).status.ok());
  EXPECT_EQ(resumed_at(upsert), "c2") << "nobody else has written";
  Json replace = context("s", two_columns(), "replace");
  replace["pipeline"] = "another";
  ASSERT_TRUE(load(replace, two_columns(), {row(1, "x")}).status.ok());
  EXPECT_EQ(resumed_at(upsert), "restart");
  std::filesystem::remove(path());
  interrupt();
  ASSERT_TRUE(load(replace, two_columns(), {row(1, "x")}).status.ok());
  EXPECT_EQ(resumed_at(), "RECEIPT_MISSING");
}

TEST_F(ReceiptTest, InWalModeTheRowsThemselvesAreLookedAt) {
  sql("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; CREATE TABLE unrelated (x)");
  interrupt();
  EXPECT_EQ(resumed_at(), "c2");
  sql("PRAGMA locking_mode=EXCLUSIVE; DELETE FROM s WHERE id = 2");
  EXPECT_EQ(resumed_at(), "RECEIPT_MISSING");
}

TEST_F(ReceiptTest, AnIncrementalRunDoesNotResumeInATargetThatIsGoneOrWasEmptied) {
  const Schema schema = two_columns();
  Json ctx = context("s", schema);
  const auto begin = [&](const Json& config = Json::object()) {
    FakeHost host;
    auto destination = open(config);
    const Status status = destination->begin_stream(sdk::to_text(ctx));
    EXPECT_TRUE(destination->close().ok());
    warnings_ = host.logs().size();
    if (!status.ok()) message_ = status.error().message;
    return status.ok() ? "ok" : status.error().code;
  };
  ASSERT_TRUE(load(ctx, schema, {row(1, "a")}).status.ok());
  ctx["load_id"] = "load-2";
  ctx["sync_mode"] = "incremental";
  ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
  EXPECT_EQ(begin(), "ok");
  // The newest load brought nothing new, and still the table had rows.
  ASSERT_TRUE(load(ctx, std::vector<std::vector<uint8_t>>{}).status.ok());
  sql("DELETE FROM s");
  EXPECT_EQ(begin(), "TARGET_EMPTIED");
  const size_t advice = message_.find("DELETE FROM _rapidbyte_receipts");
  ASSERT_NE(advice, std::string::npos) << message_;
  EXPECT_NE(message_.find("(an append would double those rows), then: rapidbyte state reset PIPELINE.yaml --stream "
                          "'s'. "),
            std::string::npos)
      << message_;
  ctx["cursor_info"]["last_value"] = "null";
  EXPECT_EQ(begin(), "ok") << "the state was reset";
  ctx["cursor_info"]["last_value"] = {{"int64", 2}};
  sql(message_.substr(advice));
  EXPECT_EQ(begin(), "ok");
  EXPECT_EQ(warnings_, 1U);
  sql("DROP TABLE s");
  EXPECT_EQ(begin(), "TARGET_EMPTIED");
  sql("CREATE TABLE s (id INTEGER, name TEXT)");
  EXPECT_EQ(begin(), "ok");
}

// A database or a state from another day: what the receipt says and what the run starts from disagree.
TEST_F(ReceiptTest, AnIncrementalRunResumesOnlyAfterTheReceiptOfItsPosition) {
  const Schema schema = two_columns();
  Json ctx = context("s", schema);
  const auto begin = [&] {
    FakeHost host;
    auto destination = open();
    const Status status = destination->begin_stream(sdk::to_text(ctx));
    EXPECT_TRUE(destination->close().ok());
    message_ = status.ok() ? "" : status.error().message;
    return status.ok() ? "ok" : status.error().code;
  };
  ctx["load_id"] = "2025-load";
  ASSERT_TRUE(load(ctx, schema, {row(1, "a")}).status.ok());
  ctx["load_id"] = "2027-load";
  ctx["sync_mode"] = "incremental";
  ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
  ctx["cursor_load_id"] = "2026-load";
  EXPECT_EQ(begin(), "RECEIPT_FOREIGN");
  EXPECT_NE(message_.find("--keep-positions"), std::string::npos) << message_;
  ctx["cursor_load_id"] = "2024-load";
  EXPECT_EQ(begin(), "RECEIPT_FOREIGN");
  EXPECT_NE(message_.find("--allow-doubled-rows"), std::string::npos) << message_;
  ctx["allow_doubled_rows"] = true;
  EXPECT_EQ(begin(), "ok");
  ctx.erase("allow_doubled_rows");

  ctx.erase("cursor_load_id");
  ctx["cursor_info"]["last_value"] = nullptr;
  EXPECT_EQ(begin(), "POSITION_MISSING");
  ctx["allow_doubled_rows"] = true;
  EXPECT_EQ(begin(), "ok");
  ctx.erase("allow_doubled_rows");
  ctx["load_id"] = "2025-load";
  EXPECT_EQ(begin(), "ok") << "its own load, tried again";

  ctx["load_id"] = "2027-load";
  ctx["cursor_info"]["last_value"] = {{"int64", 2}};
  sql("DELETE FROM _rapidbyte_receipts");
  EXPECT_EQ(begin(), "RECEIPT_MISSING");
  ctx["keep_positions"] = true;
  EXPECT_EQ(begin(), "ok");
}

// Following the advice in the message works.
TEST_F(ReceiptTest, ATargetThatIsMeantToBeEmptiedIsMadeAndGetsWhatIsNew) {
  const Schema schema = two_columns();
  for (const char* change : {"DROP TABLE s", "DELETE FROM s"}) {
    SCOPED_TRACE(change);
    std::filesystem::remove(path());
    Json ctx = context("s", schema);
    ASSERT_TRUE(load(ctx, schema, {row(1, "a"), row(2, "b")}).status.ok());
    sql(change);
    ctx["load_id"] = "load-2";
    ctx["sync_mode"] = "incremental";
    ctx["cursor_info"] = {{"cursor_field", "id"}, {"cursor_type", "int64"}, {"last_value", {{"int64", 2}}}};
    const Status refused = load(ctx, schema, {row(3, "c")}).status;
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, "TARGET_EMPTIED");
    EXPECT_NE(refused.error().message.find("emptied_target: continue"), std::string::npos) << refused.error().message;
    const Status taken = load(ctx, {make_batch(schema, {row(3, "c")})}, {{"emptied_target", "continue"}}).status;
    ASSERT_TRUE(taken.ok()) << taken.to_string();
    EXPECT_EQ(query("SELECT id, name FROM s"), Lines{"3|'c'"});
  }
}

TEST_F(ReceiptTest, TwoStreamsForOneTableAreRefusedBeforeAnythingIsMade) {
  const Schema schema = two_columns();
  const auto begin = [&](const Json& streams, const Json& config = Json::object()) {
    FakeHost host;
    Json ctx = context("Orders", schema);
    ctx["pipeline_streams"] = streams;
    auto destination = open(config);
    const Status status = destination->begin_stream(sdk::to_text(ctx));
    EXPECT_TRUE(destination->close().ok());
    message_ = status.ok() ? "" : status.error().message;
    return status.ok() ? "ok" : status.error().code;
  };
  EXPECT_EQ(begin({"Orders", "customers", "orders"}), "TARGET_CONFLICT");
  EXPECT_NE(message_.find("streams \"Orders\" and \"orders\""), std::string::npos) << message_;
  EXPECT_EQ(begin({"a", "Orders", "x", "A"}), "TARGET_CONFLICT") << "every stream of the pipeline finds it";
  EXPECT_EQ(begin({"Orders", "_rapidbyte_receipts"}), "NAME_REFUSED");
  EXPECT_EQ(begin({"Orders", "_Rapidbyte_Staging_Orders"}), "NAME_REFUSED");
  EXPECT_EQ(begin({"Orders", "SQLITE_x"}), "NAME_REFUSED");
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_EQ(begin({"Orders", "public.orders", "\"Orders\"", "Ördere", "ördere"}), "ok")
      << "other names are other tables: " << message_;
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
