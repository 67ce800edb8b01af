#include <gtest/gtest.h>

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using testing::make_context;

void push_rows(FakeHost& host, BatchBuilder& builder, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) {
    builder.column(0).append<int64_t>(i);
    builder.end_row();
  }
  const auto batch = builder.finish();
  ASSERT_TRUE(batch.ok()) << batch.status().to_string();
  host.push_batch(*batch);
}

Result<BatchBuilder> one_column() { return BatchBuilder::make({{{"id", DataType::of(TypeId::kInt64), false}}}); }

TEST(DiscardTest, CountsRowsAndBytesAndCommitsEveryCheckpoint) {
  FakeHost host;
  auto builder = one_column();
  ASSERT_TRUE(builder.ok());
  push_rows(host, *builder, 3);
  push_rows(host, *builder, 4);
  host.push_marker({{"stream", "s"}, {"records_processed", 7}});
  push_rows(host, *builder, 5);
  host.push_end_marker();

  auto discard = make_destination();
  ASSERT_TRUE(discard->open("{}").ok());
  const auto summary = discard->run_write(to_text(make_context("s")));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 12U);
  EXPECT_EQ(summary->records_failed, 0U);
  EXPECT_EQ(summary->batches_written, 3U);
  EXPECT_GT(summary->bytes_written, 12U * 8);
  EXPECT_EQ(summary->checkpoint_count, 2U);
  EXPECT_EQ(host.durable_markers().size(), 2U);
  ASSERT_EQ(host.checkpoints().size(), 2U);
  EXPECT_EQ(uint_member(host.checkpoints()[0].payload, "records_processed"), 7U);
  EXPECT_EQ(string_member(host.checkpoints()[1].payload, "kind"), "dest");
  EXPECT_TRUE(discard->close().ok());
}

TEST(DiscardTest, AnEmptyStreamIsFine) {
  FakeHost host;
  host.push_end_marker();
  auto discard = make_destination();
  ASSERT_TRUE(discard->open("{}").ok());
  const auto summary = discard->run_write(to_text(make_context("s")));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 0U);
  EXPECT_EQ(host.durable_markers().size(), 1U);
}

TEST(DiscardTest, RefusesBytesThatAreNotABatch) {
  FakeHost host;
  host.push_batch(std::vector<uint8_t>{1, 2, 3});
  auto discard = make_destination();
  ASSERT_TRUE(discard->open("{}").ok());
  const auto summary = discard->run_write(to_text(make_context("s")));
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "INVALID_BATCH");
}

TEST(DiscardTest, RefusesUnknownConfigKeys) {
  auto discard = make_destination();
  const Status status = discard->open(R"({"path": "x"})");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "INVALID_CONFIG");
  EXPECT_NE(status.error().message.find("`path`"), std::string::npos);
}

}  // namespace
}  // namespace rapidbyte::sdk
