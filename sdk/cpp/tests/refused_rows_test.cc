#include "rapidbyte/table/refused_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::table {
namespace {

class RefusedRowsTest : public ::testing::Test {
 protected:
  sdk::Status reject(const RefusedRow& row) {
    return rows_.reject(row, 10, [] { return std::string(R"({"id":1})"); }, "Table t of db", failed_);
  }

  sdk::testing::FakeHost host_;
  sdk::StreamContext ctx_;
  RefusedRows rows_{ctx_};
  uint64_t failed_ = 0;
};

TEST_F(RefusedRowsTest, FailSaysWhichRowAndWhatToDo) {
  ctx_.stream_name = "s";
  ctx_.policies.on_data_error = sdk::OnDataError::kFail;
  const auto by_value = reject({.row = 2, .column = "id", .value = "7", .reason = "is odd"});
  EXPECT_EQ(by_value.error().code, "ROW_REFUSED");
  EXPECT_EQ(by_value.error().message,
            "stream \"s\", row 13, column \"id\", value 7: is odd. Table t of db does not take it; nothing of this "
            "transaction was kept. Correct the source, or set on_data_error: skip or dlq.");
  // Where no column is to blame, the record is shown.
  EXPECT_THAT(reject({.row = 0, .column = {}, .value = {}, .reason = "is odd"}).error().message,
              ::testing::HasSubstr("row 11: is odd in {\"id\":1}. Table"));
  EXPECT_EQ(failed_, 0U);
}

TEST_F(RefusedRowsTest, SkipCountsAndSaysTheFirst) {
  ctx_.policies.on_data_error = sdk::OnDataError::kSkip;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reject({.reason = "is odd"}).ok());
  EXPECT_EQ(failed_, 3U);
  EXPECT_EQ(host_.logs().size(), 1U);
  EXPECT_TRUE(host_.dlq().empty());
}

TEST_F(RefusedRowsTest, DlqGetsTheRecord) {
  ctx_.stream_name = "s";
  ctx_.policies.on_data_error = sdk::OnDataError::kDlq;
  EXPECT_TRUE(reject({.reason = "is odd"}).ok());
  EXPECT_EQ(failed_, 1U);
  ASSERT_EQ(host_.dlq().size(), 1U);
  EXPECT_EQ(host_.dlq()[0].record_json, R"({"id":1})");
  EXPECT_EQ(host_.dlq()[0].error_message, "stream \"s\", row 11: is odd");
}

TEST(ShownRecord, IsCutBetweenCharacters) {
  EXPECT_EQ(shown_record(std::string(500, 'a')), std::string(500, 'a'));
  EXPECT_EQ(shown_record(std::string(501, 'a')), std::string(500, 'a') + "...");
  const std::string wide = std::string(499, 'a') + "\xc3\xa9" + "b";
  EXPECT_EQ(shown_record(wide), std::string(499, 'a') + "...");
}

}  // namespace
}  // namespace rapidbyte::table
