#include "rapidbyte/sdk/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::sdk {
namespace {

using ::testing::HasSubstr;

constexpr const char* kEarlier = "20261101T000000000Z-aa";
constexpr const char* kLoad = "20261102T000000000Z-bb";
constexpr const char* kLater = "20261103T000000000Z-cc";

/// An append that resumes after id 41 of load kLoad.
StreamContext appending() {
  StreamContext ctx;
  ctx.stream_name = "orders";
  ctx.sync_mode = SyncMode::kIncremental;
  ctx.write_mode = WriteMode::kAppend;
  ctx.cursor = CursorInfo{"id", "int64", CursorValue::of_int64(41)};
  ctx.cursor_load_id = kLoad;
  ctx.load_id = kLater;
  return ctx;
}

NewestReceipt receipt_of(const char* load, int64_t cursor) {
  Json checkpoint = Json::object();
  checkpoint["cursor_value"] = CursorValue::of_int64(cursor).to_json();
  return {load, to_text(checkpoint)};
}

void expect_refused(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& flag) {
  const Status status = check_receipt_fits(ctx, receipt, "table t of db");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "RECEIPT_FOREIGN");
  for (const std::string& part : {std::string("table t of db"), receipt.load_id, flag, std::string("state reset")})
    EXPECT_THAT(status.error().message, HasSubstr(part));
}

TEST(ReceiptTest, TheSameCursorFitsWhicheverLoadWroteIt) {
  for (const char* load : {kEarlier, kLoad, kLater})
    EXPECT_TRUE(check_receipt_fits(appending(), receipt_of(load, 41), "t").ok()) << load;
}

TEST(ReceiptTest, ATableThatIsOlderThanThePositionIsRefused) {
  StreamContext ctx = appending();
  expect_refused(ctx, receipt_of(kEarlier, 20), "--keep-positions");
  // A copy from the middle of the load.
  expect_refused(ctx, receipt_of(kLoad, 40), "--keep-positions");
  expect_refused(ctx, {kEarlier, ""}, "--keep-positions");
  ctx.write_mode = WriteMode::kUpsert;
  expect_refused(ctx, receipt_of(kEarlier, 20), "--keep-positions");
  ctx.allow_doubled_rows = true;
  expect_refused(ctx, receipt_of(kEarlier, 20), "--keep-positions");
  ctx.keep_positions = true;
  EXPECT_TRUE(check_receipt_fits(ctx, receipt_of(kEarlier, 20), "t").ok());
}

TEST(ReceiptTest, ATableThatIsNewerThanThePositionIsRefusedToAnAppend) {
  StreamContext ctx = appending();
  expect_refused(ctx, receipt_of(kLater, 50), "--allow-doubled-rows");
  ctx.keep_positions = true;
  expect_refused(ctx, receipt_of(kLater, 50), "--allow-doubled-rows");
  ctx.allow_doubled_rows = true;
  EXPECT_TRUE(check_receipt_fits(ctx, receipt_of(kLater, 50), "t").ok());
  ctx.allow_doubled_rows = false;
  ctx.write_mode = WriteMode::kUpsert;
  EXPECT_TRUE(check_receipt_fits(ctx, receipt_of(kLater, 50), "t").ok()) << "rows given again change nothing";
}

TEST(ReceiptTest, AReplaceThatWasNeverPublishedSaysNothingOfTheTable) {
  for (const char* load : {kEarlier, kLater}) {
    NewestReceipt receipt = receipt_of(load, 7);
    receipt.of_table = false;
    EXPECT_TRUE(check_receipt_fits(appending(), receipt, "t").ok()) << load;
  }
}

TEST(ReceiptTest, WithoutKnowingOfWhichLoadTheCursorIsNothingIsCompared) {
  StreamContext ctx = appending();
  ctx.cursor_load_id.clear();
  EXPECT_TRUE(check_receipt_fits(ctx, receipt_of(kLater, 50), "t").ok());
}

TEST(ReceiptTest, KnowsWhenAStreamBeginsAfterRowsAndWhenAtTheBeginning) {
  StreamContext ctx = appending();
  EXPECT_TRUE(begins_after_cursor(ctx));
  EXPECT_FALSE(appends_from_the_beginning(ctx));
  ctx.resume = Json::object();
  EXPECT_FALSE(begins_after_cursor(ctx)) << "a load to resume has its own receipt";
  ctx.resume = nullptr;
  ctx.cursor->last_value = CursorValue();
  EXPECT_FALSE(begins_after_cursor(ctx));
  EXPECT_TRUE(appends_from_the_beginning(ctx));
  ctx.write_mode = WriteMode::kUpsert;
  EXPECT_FALSE(appends_from_the_beginning(ctx));
  ctx.write_mode = WriteMode::kAppend;
  ctx.sync_mode = SyncMode::kFullRefresh;
  EXPECT_FALSE(appends_from_the_beginning(ctx)) << "it appends everything each time";
}

TEST(ReceiptTest, RowsWithoutAPositionAreRefusedUnlessTheyMayBeDoubled) {
  StreamContext ctx = appending();
  ctx.cursor->last_value = CursorValue();
  bool filled = true;
  const auto check = [&](const NewestReceipt& receipt) {
    const Status status = check_not_loaded_before(ctx, receipt, "table t of db", [&] { return Result<bool>(filled); });
    if (status.ok()) return false;
    EXPECT_EQ(status.error().code, "POSITION_MISSING");
    for (const char* part : {"orders", kEarlier, "table t of db", "--allow-doubled-rows"})
      EXPECT_THAT(status.error().message, HasSubstr(part));
    return true;
  };
  EXPECT_TRUE(check({kEarlier, R"({"cursor_value": {"int64": 3}})", 0}));
  EXPECT_TRUE(check({kEarlier, R"({"cursor_value": "null"})", 3})) << "of a full refresh";
  EXPECT_TRUE(check({kEarlier, "", 0})) << "a replace that broke off says nothing of the table";
  EXPECT_FALSE(check({kEarlier, R"({"cursor_value": "null"})", 0})) << "it found nothing either";
  EXPECT_FALSE(check({ctx.load_id, R"({"cursor_value": {"int64": 3}})", 3})) << "its own";
  filled = false;
  EXPECT_FALSE(check({kEarlier, R"({"cursor_value": {"int64": 3}})", 3}));
  filled = true;
  ctx.allow_doubled_rows = true;
  EXPECT_FALSE(check({kEarlier, R"({"cursor_value": {"int64": 3}})", 3}));
}

}  // namespace
}  // namespace rapidbyte::sdk
