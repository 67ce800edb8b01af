// The example of docs/connector-authors.md as a native program.

#include <gtest/gtest.h>

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using testing::make_context;

std::vector<int64_t> squares_in(const FakeHost& host) {
  std::vector<int64_t> out;
  BatchReader reader;
  for (const auto& batch : host.sent_batches()) {
    EXPECT_TRUE(reader.load(batch).ok());
    for (size_t row = 0; row < reader.rows(); ++row) out.push_back(reader.column(1).value<int64_t>(row));
  }
  return out;
}

TEST(SquaresTest, ReadsWhatItPromises) {
  FakeHost host;
  auto source = make_source();
  ASSERT_TRUE(source->open(R"({"count": 5})").ok());
  EXPECT_NE(source->discover()->find("\"squares\""), std::string::npos);
  const auto summary = source->run_read(to_text(make_context("squares")));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_read, 5U);
  EXPECT_EQ(squares_in(host), (std::vector<int64_t>{0, 1, 4, 9, 16}));
}

TEST(SquaresTest, ResumesExactlyAfterEachCheckpoint) {
  Json ctx = make_context("squares");
  ctx["limits"]["max_batch_bytes"] = 64;
  ctx["limits"]["checkpoint_interval_rows"] = 1;
  FakeHost whole;
  auto source = make_source();
  ASSERT_TRUE(source->open(R"({"count": 19})").ok());
  ASSERT_TRUE(source->run_read(to_text(ctx)).ok());
  const std::vector<int64_t> all = squares_in(whole);
  ASSERT_EQ(all.size(), 19U);
  size_t covered = 0;
  size_t checkpoints = 0;
  BatchReader reader;
  for (const auto& item : whole.sent()) {
    if (item.is_batch()) {
      ASSERT_TRUE(reader.load(item.batch).ok());
      covered += reader.rows();
      continue;
    }
    ++checkpoints;
    ctx["resume"] = item.marker;
    FakeHost rest;
    ASSERT_TRUE(source->run_read(to_text(ctx)).ok());
    EXPECT_EQ(squares_in(rest), std::vector<int64_t>(all.begin() + static_cast<ptrdiff_t>(covered), all.end()));
  }
  EXPECT_EQ(checkpoints, 5U);
}

TEST(SquaresTest, SaysWhatIsWrongWithItsConfig) {
  auto source = make_source();
  EXPECT_EQ(source->open("{}").error().message, "config: `count` is missing (an integer from 1 to 1000000000)");
}

}  // namespace
}  // namespace rapidbyte::sdk
