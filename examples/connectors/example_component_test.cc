// The examples as components: what the native tests prove about the source also holds in the sandbox.

#include "guest_fixture.h"

namespace rapidbyte::runtime {
namespace {

using nlohmann::json;

class ExampleTest : public GuestTest {
 protected:
  static std::string context(const char* stream, const json& resume = nullptr) {
    return json{{"stream_name", stream},
                {"schema", {{"columns", json::array()}}},
                {"sync_mode", "full_refresh"},
                {"limits", {{"max_batch_bytes", 1 << 14}, {"checkpoint_interval_rows", 1500}}},
                {"run_id", "r"},
                {"resume", resume}}
        .dump();
  }
};

TEST_F(ExampleTest, TheSourceOfThePageRuns) {
  auto source = start("source-squares", ConnectorRole::kSource, {{"count", 5000}});
  ASSERT_NE(source, nullptr);
  ASSERT_TRUE(source->open().ok());
  const auto catalog = source->discover();
  ASSERT_TRUE(catalog.ok()) << catalog.status().to_string();
  EXPECT_EQ(json::parse(*catalog)["streams"][0]["schema"][1]["name"], "square");
  EXPECT_EQ(source->validate()->status, ValidationStatus::kSuccess);
  const auto summary = source->run_read(context("squares"));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_read, 5000U);
  EXPECT_EQ(summary->batches_emitted, services_->batches.size());
  EXPECT_EQ(summary->batches_emitted, 5U) << "1024 rows of 16 bytes are 16 KiB";
  ASSERT_EQ(services_->checkpoints.size(), 2U);
  EXPECT_EQ(services_->checkpoints[0].first, CheckpointKind::kSource);
  const json checkpoint = json::parse(services_->checkpoints[1].second);
  EXPECT_EQ(checkpoint["next"], 4096);

  services_->batches.clear();
  const auto rest = source->run_read(context("squares", checkpoint));
  ASSERT_TRUE(rest.ok()) << rest.status().to_string();
  EXPECT_EQ(rest->records_read, 5000U - 4096U);
  EXPECT_TRUE(source->close().ok());
}

TEST_F(ExampleTest, ConfigErrorsCrossTheWall) {
  auto source = start("source-squares", ConnectorRole::kSource, {{"cuont", 1}});
  ASSERT_NE(source, nullptr);
  const Status status = source->open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "INVALID_CONFIG");
  EXPECT_EQ(status.error().category, ErrorCategory::kConfig);
  EXPECT_NE(status.error().message.find("did you mean `count`?"), std::string::npos) << status.error().message;
}

TEST_F(ExampleTest, TheTransformTakesWhatTheSourceGave) {
  auto source = start("source-squares", ConnectorRole::kSource, {{"count", 10}});
  ASSERT_NE(source, nullptr);
  ASSERT_TRUE(source->open().ok());
  ASSERT_TRUE(source->run_read(context("squares")).ok());
  services_->has_input = true;
  auto transform = start("transform-uppercase", ConnectorRole::kTransform, {{"columns", {"square"}}});
  ASSERT_NE(transform, nullptr);
  ASSERT_TRUE(transform->open().ok());
  const auto summary = transform->run_transform(context("squares"));
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code, "NOT_TEXT");
  EXPECT_NE(summary.error().message.find("column `square` is Int64"), std::string::npos);
}

}  // namespace
}  // namespace rapidbyte::runtime
