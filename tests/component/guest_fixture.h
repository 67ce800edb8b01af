#pragma once
// What every test with real guests needs: a runtime over the folder of test guests, services that record what a guest
// did, and short ways to create an instance. Compiled guests are cached in a folder of the test process.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/sandbox/idle_services.h"
#include "rapidbyte/runtime/testing/refusing_services.h"

namespace rapidbyte::runtime {

class RecordingServices : public RefusingServices {
 public:
  Status emit_batch(std::span<const std::byte> batch) override {
    batches.push_back(pool.copy_of(batch));
    return {};
  }
  Result<std::optional<PooledBuffer>> next_batch() override {
    if (!has_input) return idle.next_batch();
    if (batches.empty()) return std::optional<PooledBuffer>();
    std::optional<PooledBuffer> batch(std::move(batches.front()));
    batches.pop_front();
    return batch;
  }
  Status checkpoint(CheckpointKind kind, protocol::Checkpoint checkpoint) override {
    checkpoints.emplace_back(kind, checkpoint.text());
    return {};
  }
  Result<std::optional<std::string>> pending_checkpoint() override { return std::optional<std::string>(); }
  Status emit_dlq_record(DlqRecord record) override {
    rejected.push_back(std::move(record));
    return {};
  }
  void metric(const Metric& metric) override { metrics.push_back(metric); }
  void log(LogLevel level, std::string_view message) override { lines.emplace_back(level, message); }

  IdleServices idle;
  bool has_input = false;
  BufferPool pool{0};
  std::deque<PooledBuffer> batches;
  std::vector<std::pair<CheckpointKind, std::string>> checkpoints;
  std::vector<DlqRecord> rejected;
  std::vector<Metric> metrics;
  std::vector<std::pair<LogLevel, std::string>> lines;
};

class GuestTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cache_ = std::filesystem::temp_directory_path() / ("rapidbyte-test-aot-" + std::to_string(getpid()));
    setenv("RAPIDBYTE_WASMTIME_AOT_DIR", cache_.c_str(), 1);
    auto made = make_component_runtime({std::getenv("RAPIDBYTE_TEST_GUESTS"), true});
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    runtime_ = std::move(*made);
  }
  static void TearDownTestSuite() {
    runtime_.reset();
    std::error_code error;
    std::filesystem::remove_all(cache_, error);
  }

  /// An instance of `guest` ("source-200") whose services are `services_`.
  std::unique_ptr<ComponentInstance> start(std::string_view guest, ConnectorRole role,
                                           nlohmann::json config = nlohmann::json::object()) {
    options_.config = std::move(config);
    options_.services = services_;
    auto connector = runtime_->load(guest, role);
    EXPECT_TRUE(connector.ok()) << connector.status().to_string();
    if (!connector.ok()) return nullptr;
    auto instance = runtime_->instantiate(*connector, options_);
    EXPECT_TRUE(instance.ok()) << instance.status().to_string();
    return instance.ok() ? std::move(*instance) : nullptr;
  }

  /// Opens a source with `config` and lets discover() perform its action.
  Result<std::string> perform(const nlohmann::json& config, std::string_view guest = "source-200-dlq") {
    auto instance = start(guest, ConnectorRole::kSource, config);
    if (!instance) return internal_error("NO_INSTANCE", "see above");
    if (Status status = instance->open(); !status.ok()) return status;
    auto result = instance->discover();
    EXPECT_TRUE(instance->close().ok());
    return result;
  }

  inline static std::unique_ptr<ComponentRuntime> runtime_;
  inline static std::filesystem::path cache_;
  std::shared_ptr<RecordingServices> services_ = std::make_shared<RecordingServices>();
  InstanceOptions options_;
};

}  // namespace rapidbyte::runtime
