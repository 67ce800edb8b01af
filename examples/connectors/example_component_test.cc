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

/// Has the checkpoint that the host makes after a source, behind its only batch.
class WithEnd final : public RecordingServices {
 public:
  Result<std::optional<std::string>> pending_checkpoint() override {
    if (!has_input || !batches.empty()) return std::optional<std::string>();
    return std::optional<std::string>(R"({"id": "end", "kind": "source", "batches_covered": 1, "end": true})");
  }
};

TEST_F(ExampleTest, OneComponentIsSeveralConnectorsAndIsCompiledOnce) {
  services_ = std::make_shared<WithEnd>();
  auto source = start("source-numbers", ConnectorRole::kSource, {{"count", 100}});
  ASSERT_NE(source, nullptr);
  ASSERT_TRUE(source->open().ok());
  ASSERT_TRUE(source->run_read(context("numbers")).ok());
  services_->has_input = true;
  auto destination = start("dest-sum", ConnectorRole::kDestination);
  ASSERT_NE(destination, nullptr);
  ASSERT_TRUE(destination->open().ok());
  const auto summary = destination->run_write(context("numbers"));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 100U);
  ASSERT_FALSE(services_->lines.empty());
  EXPECT_EQ(services_->lines.back().second, "the sum of numbers is 4950");

  const auto first = runtime_->load("source-numbers", ConnectorRole::kSource);
  const auto second = runtime_->load("dest-sum", ConnectorRole::kDestination);
  EXPECT_EQ((*first)->path(), (*second)->path());
  EXPECT_NE((*first)->manifest_path(), (*second)->manifest_path());
  EXPECT_EQ((*first)->role(), ConnectorRole::kSource);
  EXPECT_EQ((*first)->protocol(), "2.1.0");
  EXPECT_GT((*first)->compile_time().count(), 0);
  EXPECT_EQ((*second)->compile_time().count(), 0) << "it was compiled for the other";
  size_t cached = 0;
  for (const auto& entry : std::filesystem::directory_iterator(cache_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("numbers-") && name.ends_with(".cwasm")) ++cached;
    EXPECT_FALSE(name.starts_with("dest-sum")) << name;
  }
  EXPECT_EQ(cached, 1U);
}

TEST_F(ExampleTest, AComponentOfSeveralRolesHasTheOneThatTheManifestDeclares) {
  const auto connector = runtime_->load("source-numbers", ConnectorRole::kDestination);
  ASSERT_FALSE(connector.ok());
  EXPECT_EQ(connector.error().code, "WRONG_ROLE");
  EXPECT_EQ(connector.error().message, "source-numbers is a source, but the pipeline uses it as a destination");
  // Without a manifest nothing says which connector it is: the runtime of these tests allows that, the component does
  // not.
  auto nameless = start("numbers", ConnectorRole::kSource, {{"count", 1}});
  ASSERT_NE(nameless, nullptr);
  EXPECT_EQ(nameless->open().error().code, "CONNECTOR_UNKNOWN");
}

}  // namespace
}  // namespace rapidbyte::runtime
