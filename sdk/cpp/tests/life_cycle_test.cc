// The life cycle of a table destination, with tables that are numbers of rows in memory. What destinations guarantee as
// a whole is in the suite (table_destination_suite.h).
#include "rapidbyte/table/life_cycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "rapidbyte/sdk/arrow.h"
#include "rapidbyte/testing/batches.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::table {
namespace {

using sdk::testing::FakeHost;
using sdk::testing::make_batch;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLoad = "20261102T000000000Z-bb";
constexpr const char* kEarlier = "20261101T000000000Z-aa";

/// What a transaction may change.
struct Content {
  std::map<std::string, int64_t> tables;  // rows by name
  std::map<std::string, Receipt> receipts;  // by stream
};

class MemoryDialect final : public Dialect {
 public:
  Status configure(const sdk::Json& /*config*/) override { return {}; }
  Result<sdk::Validation> validate() override { return sdk::Validation::success(); }
  Status close() override { return {}; }
  [[nodiscard]] bool accepts_emptied() const override { return accept_emptied; }

  [[nodiscard]] Status check_stream(const std::string& stream) const override {
    return stream.empty() ? sdk::config_error("NAME_REFUSED", "no name") : Status();
  }
  [[nodiscard]] std::string table_key(const std::string& stream) const override { return stream.substr(0, 3); }
  [[nodiscard]] std::string named(const std::string& stream) const override { return "table " + stream; }
  [[nodiscard]] std::string database() const override { return "the memory"; }
  [[nodiscard]] std::string receipts_name(const std::string& /*stream*/) const override { return "receipts"; }
  [[nodiscard]] Status check_together(const std::vector<std::string>& streams) const override {
    return streams.size() > 3 ? sdk::config_error("TOO_MANY", "too many streams") : Status();
  }
  [[nodiscard]] std::string conflict_advice() const override { return ": the first three letters are the same"; }
  [[nodiscard]] std::string name_of(const std::string& stream, Place place) const override {
    return place == Place::kStaging ? stream + "_staging" : stream;
  }

  Status open() override {
    is_there = true;
    return {};
  }
  Result<bool> open_existing() override { return is_there; }
  Status in_transaction(const std::function<Status()>& work, bool rows_go) override {
    begin();
    rows_went = rows_went || rows_go;
    const Status status = work();
    if (!status.ok()) {
      rollback();
    } else {
      commit();
    }
    return status;
  }
  void begin() {
    if (!before) before = content;
  }
  void commit() {
    before.reset();
    ++commits;
  }
  void rollback() override {
    if (before) content = *std::exchange(before, std::nullopt);
  }

  Result<std::optional<Receipt>> read_receipt(const sdk::StreamContext& ctx) override {
    const auto found = content.receipts.find(ctx.stream_name);
    return found == content.receipts.end() ? std::optional<Receipt>() : std::optional(found->second);
  }
  Status write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) override {
    content.receipts[ctx.stream_name] = receipt;
    return {};
  }
  Result<bool> still_holds(const sdk::StreamContext& /*ctx*/, const Receipt& /*receipt*/) override { return holds; }

  Result<bool> exists(const sdk::StreamContext& ctx, Place place) override {
    return content.tables.contains(name_of(ctx.stream_name, place));
  }
  Result<bool> has_rows(const sdk::StreamContext& ctx) override { return content.tables.at(ctx.stream_name) != 0; }
  Status check_upsert_key(const sdk::StreamContext& /*ctx*/) override { return {}; }
  Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& /*schema*/) override {
    content.tables.try_emplace(ctx.stream_name);
    return {};
  }
  Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& /*schema*/) override {
    content.tables.try_emplace(name_of(ctx.stream_name, Place::kStaging));
    return {};
  }
  Status drop_staging(const sdk::StreamContext& ctx) override {
    content.tables.erase(name_of(ctx.stream_name, Place::kStaging));
    return {};
  }
  Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) override {
    const std::string staging = name_of(ctx.stream_name, Place::kStaging);
    EXPECT_EQ(content.tables.at(staging), rows);
    content.tables[ctx.stream_name] = content.tables.at(staging);
    content.tables.erase(staging);
    return {};
  }

  class RowWriter final : public Writer {
   public:
    RowWriter(MemoryDialect& dialect, const sdk::StreamContext& ctx) : dialect_(dialect), ctx_(ctx) {}
    Result<sdk::WriteCount> write(std::span<const uint8_t> batch) override {
      dialect_.begin();
      sdk::BatchReader reader;
      RB_SDK_RETURN_NOT_OK(reader.load(batch));
      dialect_.content.tables[dialect_.name_of(ctx_.stream_name, written_place(ctx_))] +=
          static_cast<int64_t>(reader.rows());
      // The last row is counted later.
      ++late_;
      return sdk::WriteCount{.written = reader.rows() - 1};
    }
    Result<sdk::WriteCount> settle() override { return sdk::WriteCount{.written = std::exchange(late_, 0)}; }
    Status commit(const Receipt& receipt) override {
      if (!dialect_.commit_error.ok()) return dialect_.commit_error;
      RB_SDK_RETURN_NOT_OK(dialect_.write_receipt(ctx_, receipt));
      dialect_.commit();
      return {};
    }

   private:
    MemoryDialect& dialect_;
    const sdk::StreamContext& ctx_;
    uint64_t late_ = 0;
  };
  Result<std::unique_ptr<Writer>> make_writer(const sdk::StreamContext& ctx,
                                              const std::optional<Receipt>& /*previous*/) override {
    return std::unique_ptr<Writer>(std::make_unique<RowWriter>(*this, ctx));
  }

  Content content;
  std::optional<Content> before;
  bool is_there = false;
  bool accept_emptied = false;
  bool holds = true;
  bool rows_went = false;
  int commits = 0;
  Status commit_error;
};

class LifeCycleTest : public ::testing::Test {
 protected:
  static sdk::StreamContext context(sdk::WriteMode mode = sdk::WriteMode::kAppend) {
    sdk::StreamContext ctx;
    ctx.pipeline = "p";
    ctx.stream_name = "orders";
    ctx.load_id = kLoad;
    ctx.write_mode = mode;
    ctx.schema = schema();
    return ctx;
  }
  /// Resumes after id 41 of an earlier load.
  static sdk::StreamContext increment(sdk::WriteMode mode = sdk::WriteMode::kAppend) {
    sdk::StreamContext ctx = context(mode);
    ctx.sync_mode = sdk::SyncMode::kIncremental;
    ctx.cursor = sdk::CursorInfo{"id", "int64", sdk::CursorValue::of_int64(41)};
    ctx.cursor_load_id = kEarlier;
    return ctx;
  }
  static sdk::Schema schema() {
    sdk::Schema schema;
    schema.fields.push_back({.name = "id", .type = sdk::DataType::of(sdk::TypeId::kInt64)});
    return schema;
  }
  static Receipt receipt_at(int64_t cursor) {
    sdk::Json checkpoint = sdk::Json::object();
    checkpoint["cursor_value"] = sdk::CursorValue::of_int64(cursor).to_json();
    return {.load_id = kEarlier, .target = "orders", .checkpoint_json = sdk::to_text(checkpoint), .rows = 41};
  }
  /// Batches of these many rows, with a checkpoint after each.
  void push(const std::vector<int>& batches) {
    for (const int rows : batches) {
      std::vector<sdk::Json> values;
      for (int i = 0; i < rows; ++i) values.push_back(sdk::Json::array({i}));
      host_.push_batch(make_batch(schema(), values));
      host_.push_marker(sdk::Json{{"cursor_value", rows}});
    }
    host_.push_end_marker();
  }
  static std::string code_of(const Status& status) { return status.ok() ? "ok" : status.error().code; }

  FakeHost host_;
  MemoryDialect dialect_;
  LifeCycle life_cycle_{dialect_};
};

TEST_F(LifeCycleTest, RowsThatAreCountedLateAreInTheReceiptOfTheirCommit) {
  const sdk::StreamContext ctx = context();
  push({3, 4});
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  const auto summary = life_cycle_.write(ctx);
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 7U);
  EXPECT_EQ(dialect_.content.tables.at("orders"), 7);
  EXPECT_EQ(dialect_.content.receipts.at("orders").rows, 7);
  EXPECT_EQ(dialect_.content.receipts.at("orders").target, "orders");
  EXPECT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "ok");
}

TEST_F(LifeCycleTest, WhatFailsToCommitIsRolledBack) {
  const sdk::StreamContext ctx = context();
  push({3});
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  dialect_.commit_error = sdk::data_error("DISK_FULL", "no room");
  EXPECT_EQ(code_of(life_cycle_.write(ctx).status()), "DISK_FULL");
  EXPECT_THAT(dialect_.content.tables, IsEmpty());
  EXPECT_THAT(dialect_.content.receipts, IsEmpty());
}

TEST_F(LifeCycleTest, AResumedLoadCountsItsRowsOnlyWhereTheyAre) {
  const sdk::StreamContext ctx = context();
  dialect_.content.tables["orders"] = 10;
  Receipt before = receipt_at(10);
  before.load_id = kLoad;
  before.rows = 10;
  for (const char* target : {"orders", "orders_staging"}) {
    before.target = target;
    dialect_.content.receipts["orders"] = before;
    FakeHost host;
    host.push_batch(make_batch(schema(), {sdk::Json::array({1}), sdk::Json::array({2})}));
    host.push_marker(sdk::Json{{"cursor_value", 2}});
    host.push_end_marker();
    ASSERT_TRUE(life_cycle_.write(ctx).ok());
    EXPECT_EQ(dialect_.content.receipts.at("orders").rows, before.target == "orders" ? 12 : 2);
  }
}

TEST_F(LifeCycleTest, AReplaceIsPublishedOnceAndAsAWhole) {
  const sdk::StreamContext ctx = context(sdk::WriteMode::kReplace);
  dialect_.content.tables["orders"] = 100;
  push({3, 4});
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  ASSERT_TRUE(life_cycle_.write(ctx).ok());
  EXPECT_EQ(dialect_.content.tables.at("orders"), 100);
  EXPECT_FALSE(dialect_.rows_went);
  ASSERT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "ok");
  EXPECT_EQ(dialect_.content.tables, (std::map<std::string, int64_t>{{"orders", 7}}));
  EXPECT_TRUE(dialect_.content.receipts.at("orders").published);
  EXPECT_TRUE(dialect_.rows_went);
  // After a crash it is asked again, by an instance that knows nothing.
  LifeCycle again(dialect_);
  EXPECT_EQ(code_of(again.finish_stream(ctx, true)), "ok");
  EXPECT_EQ(dialect_.content.tables.at("orders"), 7);
}

TEST_F(LifeCycleTest, AReplaceThatFailsLeavesNothingButTheOldTable) {
  const sdk::StreamContext ctx = context(sdk::WriteMode::kReplace);
  dialect_.content.tables["orders"] = 100;
  push({3});
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  ASSERT_TRUE(life_cycle_.write(ctx).ok());
  ASSERT_EQ(code_of(life_cycle_.finish_stream(ctx, false)), "ok");
  EXPECT_EQ(dialect_.content.tables, (std::map<std::string, int64_t>{{"orders", 100}}));
}

TEST_F(LifeCycleTest, WhatAnInterruptedReplaceHasLeftIsNotTakenForTheNextOnes) {
  const sdk::StreamContext ctx = context(sdk::WriteMode::kReplace);
  dialect_.content.tables = {{"orders", 100}, {"orders_staging", 5}};
  Receipt left = receipt_at(5);
  left.target = "orders_staging";
  dialect_.content.receipts["orders"] = left;
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  EXPECT_FALSE(dialect_.content.tables.contains("orders_staging"));
  EXPECT_EQ(dialect_.content.receipts.at("orders"), (Receipt{.load_id = kLoad}));
  // For an ordinary stream nothing is committed before its rows.
  dialect_.commits = 0;
  dialect_.content.receipts["orders"] = left;
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  EXPECT_EQ(dialect_.commits, 0);
}

TEST_F(LifeCycleTest, AReplaceWithoutRowsEmptiesTheTableAndMakesNoneOfNothing) {
  sdk::StreamContext ctx = context(sdk::WriteMode::kReplace);
  dialect_.content.tables["orders"] = 100;
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  ASSERT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "ok");
  EXPECT_EQ(dialect_.content.tables.at("orders"), 0);
  EXPECT_TRUE(dialect_.content.receipts.at("orders").published);
  dialect_.content = {};
  ctx.schema = {};
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  ASSERT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "ok");
  EXPECT_THAT(dialect_.content.tables, IsEmpty());
}

TEST_F(LifeCycleTest, WhatWasNotBegunOrIsGoneIsNotPublished) {
  const sdk::StreamContext ctx = context(sdk::WriteMode::kReplace);
  dialect_.content.tables["orders"] = 100;
  EXPECT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "LOAD_UNKNOWN");
  dialect_.content.receipts["orders"] = {.load_id = kLoad, .target = "orders_staging", .rows = 7};
  EXPECT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "STAGING_LOST");
  EXPECT_EQ(dialect_.content.tables.at("orders"), 100);
}

TEST_F(LifeCycleTest, AStreamWithoutBatchesHasATable) {
  sdk::StreamContext ctx = context();
  ASSERT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  ASSERT_EQ(code_of(life_cycle_.finish_stream(ctx, true)), "ok");
  EXPECT_EQ(dialect_.content.tables.at("orders"), 0);
}

TEST_F(LifeCycleTest, WhatCannotBeLoadedIsRefusedBeforeAnythingIsMade) {
  sdk::StreamContext ctx = context(sdk::WriteMode::kUpsert);
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "PRIMARY_KEY_MISSING");
  EXPECT_EQ(code_of(life_cycle_.write(ctx).status()), "PRIMARY_KEY_MISSING");
  ctx.primary_key = {"id"};
  ctx.pipeline_streams = {"orders", "items", "ordinals"};
  const Status refused = life_cycle_.begin_stream(ctx);
  EXPECT_EQ(code_of(refused), "TARGET_CONFLICT");
  EXPECT_THAT(refused.error().message, HasSubstr("\"orders\" and \"ordinals\" would both be loaded into table orders"));
  EXPECT_EQ(code_of(life_cycle_.references({"orders", "ordinals"}).status()), "TARGET_CONFLICT");
  // The same stream twice is one table, too, but no conflict.
  EXPECT_EQ(code_of(life_cycle_.references({"orders", "orders"}).status()), "ok");
  ctx.pipeline_streams = {"a", "b", "c", "d"};
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "TOO_MANY");
  ctx.stream_name = "";
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "NAME_REFUSED");
  EXPECT_FALSE(dialect_.is_there);
}

TEST_F(LifeCycleTest, AnIncrementResumesOnlyInTheTableThatHasTheRowsBefore) {
  const sdk::StreamContext ctx = increment();
  const Status gone = life_cycle_.begin_stream(ctx);
  EXPECT_EQ(code_of(gone), "TARGET_EMPTIED");
  EXPECT_THAT(gone.error().message, HasSubstr("table orders of the memory is gone"));
  dialect_.content.tables["orders"] = 0;
  dialect_.content.receipts["orders"] = receipt_at(41);
  const Status emptied = life_cycle_.begin_stream(ctx);
  EXPECT_EQ(code_of(emptied), "TARGET_EMPTIED");
  EXPECT_THAT(emptied.error().message, HasSubstr("table orders of the memory is empty"));
  dialect_.accept_emptied = true;
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  dialect_.accept_emptied = false;
  dialect_.content.tables["orders"] = 41;
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  dialect_.content.receipts["orders"] = receipt_at(40);
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "RECEIPT_FOREIGN");
  dialect_.content.receipts.clear();
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "RECEIPT_MISSING");
  sdk::StreamContext kept = ctx;
  kept.keep_positions = true;
  EXPECT_EQ(code_of(life_cycle_.begin_stream(kept)), "ok");
}

TEST_F(LifeCycleTest, AnAppendFromTheBeginningDoesNotDoubleRows) {
  sdk::StreamContext ctx = increment();
  ctx.cursor->last_value = {};
  dialect_.content.tables["orders"] = 41;
  dialect_.content.receipts["orders"] = receipt_at(41);
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "POSITION_MISSING");
  dialect_.content.tables["orders"] = 0;
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
  dialect_.content.tables.clear();
  EXPECT_EQ(code_of(life_cycle_.begin_stream(ctx)), "ok");
}

// What last-committed answers, by what is there.
TEST_F(LifeCycleTest, APositionIsAnsweredOnlyWhereItsRowsAre) {
  struct Case {
    const char* what;
    sdk::WriteMode mode;
    std::optional<Receipt> receipt;
    std::vector<std::string> tables;
    bool holds = true;
    const char* answer;  // "position", "none" or "absent"
  };
  using Mode = sdk::WriteMode;
  const auto receipt = [](const char* target, int64_t rows, bool published = false, const char* load = kLoad) {
    return Receipt{.load_id = load, .target = target, .checkpoint_json = "{}", .rows = rows, .published = published};
  };
  const Receipt begun{.load_id = kLoad, .target = "orders"};
  const std::vector<Case> cases = {
      {"nothing", Mode::kAppend, {}, {}, true, "absent"},
      {"a table of others", Mode::kAppend, {}, {"orders"}, true, "none"},
      {"begun only", Mode::kAppend, begun, {"orders"}, true, "none"},
      {"rows", Mode::kAppend, receipt("orders", 3), {"orders"}, true, "position"},
      {"rows that are gone", Mode::kAppend, receipt("orders", 3), {"orders"}, false, "none"},
      {"no rows yet, no table", Mode::kAppend, receipt("orders", 0), {}, true, "position"},
      {"rows, and the table dropped", Mode::kAppend, receipt("orders", 3), {}, true, "absent"},
      {"rows of another load", Mode::kAppend, receipt("orders", 3, false, kEarlier), {"orders"}, true, "position"},
      {"of another load, table dropped", Mode::kAppend, receipt("orders", 0, false, kEarlier), {}, true, "absent"},
      {"rows in a staging, now an append", Mode::kAppend, receipt("orders_staging", 3), {"orders"}, true, "none"},
      {"a replace under way", Mode::kReplace, receipt("orders_staging", 3), {"orders_staging"}, true, "position"},
      {"a replace, its staging gone", Mode::kReplace, receipt("orders_staging", 3), {"orders"}, true, "absent"},
      {"a replace that is published", Mode::kReplace, receipt("orders", 3, true), {"orders"}, true, "position"},
      {"rows of an append, now a replace",
       Mode::kReplace,
       receipt("orders", 3),
       {"orders", "orders_staging"},
       true,
       "none"},
  };
  dialect_.is_there = true;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    dialect_.content = {};
    for (const std::string& name : c.tables) dialect_.content.tables[name] = 3;
    if (c.receipt) dialect_.content.receipts["orders"] = *c.receipt;
    dialect_.holds = c.holds;
    const auto answer = life_cycle_.last_committed(context(c.mode));
    ASSERT_TRUE(answer.ok()) << answer.status().to_string();
    const std::string given = !*answer ? "none" : **answer == sdk::kTargetAbsent ? "absent" : "position";
    EXPECT_EQ(given, c.answer);
  }
  dialect_.is_there = false;
  EXPECT_EQ(life_cycle_.last_committed(context())->value_or(""), sdk::kTargetAbsent);
}

TEST(HowToRestart, NamesTheStreamAsAWordOfTheShell) {
  sdk::StreamContext ctx;
  ctx.stream_name = "it's";
  ctx.write_mode = sdk::WriteMode::kUpsert;
  EXPECT_EQ(how_to_restart(ctx, "table t", true),
            R"(To load all rows again: rapidbyte state reset PIPELINE.yaml --stream 'it'\''s')");
  ctx.write_mode = sdk::WriteMode::kAppend;
  EXPECT_THAT(how_to_restart(ctx, "table t", true), HasSubstr("first empty table t or remove"));
  EXPECT_THAT(how_to_restart(ctx, "table t", false), HasSubstr("first see to it that table t is still empty"));
}

}  // namespace
}  // namespace rapidbyte::table
