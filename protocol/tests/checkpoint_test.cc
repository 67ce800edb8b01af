#include "rapidbyte/protocol/checkpoint.h"

#include <gtest/gtest.h>

namespace rapidbyte::protocol {
namespace {

TEST(Checkpoint, TakesObjectsOnly) {
  const auto taken = Checkpoint::parse(R"({"id": "a", "own": [1]})", kReceiptLimits);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->body(), Json::parse(R"({"id":"a","own":[1]})"));
  for (const char* bad : {"", "null", "[1]", "7", "{\"a\":", "\"text\""}) {
    const auto refused = Checkpoint::parse(bad, kReceiptLimits);
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(refused.error().code, "PARSE_CHECKPOINT") << bad;
    EXPECT_EQ(refused.error().category, ErrorCategory::kData) << bad;
  }
  EXPECT_EQ(Checkpoint::parse("[]", kReceiptLimits).error().message, "the checkpoint is not a JSON object");
}

TEST(Checkpoint, EveryMemberIsReadBackFromTheText) {
  Checkpoint written(Json{{"own", {1, 2}}});
  written.set_kind(CheckpointKind::kSource);
  written.set_id("run/orders/1");
  written.set_stream("orders");
  written.set_cursor_field("id");
  written.set_cursor(CursorValue::of_int64(41));
  written.set_records_processed(100);
  written.set_bytes_processed(1000);
  written.set_load_id("load-1");
  written.set_batches_covered(3);
  written.set_end(true);
  written.set_load_start_cursor(CursorValue::of_int64(7));
  written.set_rows_covered(90);
  EXPECT_EQ(written.body(), Json::parse(R"({"own": [1, 2], "kind": "source", "id": "run/orders/1", "stream": "orders",
      "cursor_field": "id", "cursor_value": {"int64": 41}, "records_processed": 100, "bytes_processed": 1000,
      "load_id": "load-1", "batches_covered": 3, "end": true, "load_start_cursor": {"int64": 7}, "rows_covered": 90})"));
  const auto read = Checkpoint::parse(written.text(), kReceiptLimits);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, written);
  EXPECT_EQ(read->cursor_field(), "id");
  EXPECT_EQ(read->cursor(), CursorValue::of_int64(41));
  EXPECT_EQ(read->records_processed(), 100U);
  EXPECT_EQ(read->load_id(), "load-1");
  EXPECT_EQ(read->batches_covered(), 3U);
  EXPECT_TRUE(read->is_end());
  EXPECT_EQ(read->load_start_cursor(), CursorValue::of_int64(7));
  EXPECT_EQ(read->rows_covered(), 90U);
  EXPECT_FALSE(read->is_target_absent());
}

TEST(Checkpoint, WhatIsMissingOrOfAnotherTypeIsNothing) {
  for (const char* text : {"{}", R"({"load_id": 1, "cursor_value": null, "batches_covered": -1, "end": 1,
                               "records_processed": 1.5, "rows_covered": "3", "target_absent": "true",
                               "load_start_cursor": "null", "cursor_field": null})"}) {
    const auto read = Checkpoint::parse(text, kReceiptLimits);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->load_id(), "");
    EXPECT_TRUE(read->cursor().is_null());
    EXPECT_TRUE(read->understood_cursor()->is_null());
    EXPECT_TRUE(read->load_start_cursor().is_null());
    EXPECT_EQ(read->batches_covered(), std::nullopt);
    EXPECT_EQ(read->records_processed(), std::nullopt);
    EXPECT_EQ(read->rows_covered(), std::nullopt);
    EXPECT_EQ(read->cursor_field(), std::nullopt);
    EXPECT_FALSE(read->is_end());
    EXPECT_FALSE(read->is_target_absent());
  }
  EXPECT_TRUE(Checkpoint().empty());
  EXPECT_EQ(Checkpoint().text(), "{}");
}

TEST(Checkpoint, APositionOfAnUnknownKindIsCarriedAndNotUnderstood) {
  const auto read = Checkpoint::parse(R"({"cursor_value": {"lsn": "0/16B3748", "slot": 3}})", kReceiptLimits);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->cursor().to_json(), Json::parse(R"({"lsn": "0/16B3748", "slot": 3})"));
  EXPECT_EQ(read->understood_cursor().error().code, "INVALID_CURSOR");
}

TEST(Checkpoint, WhatTheHostAddsIsTakenAwayAgain) {
  Checkpoint checkpoint(Json{{"end", "sooner or later"}, {"rows_covered", 9}});
  checkpoint.set_end(false);
  checkpoint.set_rows_covered(std::nullopt);
  EXPECT_TRUE(checkpoint.empty()) << checkpoint.text();
}

}  // namespace
}  // namespace rapidbyte::protocol
