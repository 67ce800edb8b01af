#pragma once
// FakeRuntime: connectors whose answers a test scripts, in place of guests. For tests only.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::cli {

/// How one connector behaves.
struct FakeConnectorSpec {
  runtime::ConnectorRole role = runtime::ConnectorRole::kSource;
  bool has_manifest = true;
  runtime::Manifest manifest;
  Status load;
  std::chrono::nanoseconds compile_time{0};
  uint64_t compiled_bytes = 0;
  Status instantiate;
  Status open;
  Result<runtime::ValidationResult> validation = runtime::ValidationResult{};
  Result<std::string> catalog = std::string(R"({"streams": []})");
  /// Called while it is asked for its catalog.
  std::function<void()> on_discover{};
};

/// What the instances were asked. Instances of a run live on several threads.
struct FakeCalls {
  std::mutex mutex;
  std::vector<std::string> names;  // "source.open", "source.close" ...
  std::map<std::string, nlohmann::json> configs;
};

class FakeConnector : public runtime::Connector {
 public:
  FakeConnector(std::string name, FakeConnectorSpec spec) : name_(std::move(name)), spec_(std::move(spec)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] runtime::ConnectorRole role() const override { return spec_.role; }
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }
  [[nodiscard]] const std::filesystem::path& manifest_path() const override { return manifest_path_; }
  [[nodiscard]] const runtime::Manifest* manifest() const override {
    return spec_.has_manifest ? &spec_.manifest : nullptr;
  }
  [[nodiscard]] const std::string& protocol() const override { return protocol_; }
  [[nodiscard]] std::chrono::nanoseconds compile_time() const override { return spec_.compile_time; }
  [[nodiscard]] uint64_t compiled_bytes() const override { return spec_.compiled_bytes; }
  [[nodiscard]] const FakeConnectorSpec& spec() const { return spec_; }

 private:
  std::string name_;
  std::string version_ = "1.2.3";
  std::string protocol_ = "2.1.0";
  std::filesystem::path path_ = "connectors/" + name_ + ".wasm";
  std::filesystem::path manifest_path_ = "connectors/" + name_ + ".manifest.json";
  FakeConnectorSpec spec_;
};

class FakeInstance : public runtime::ComponentInstance {
 public:
  FakeInstance(std::string id, FakeConnectorSpec spec, FakeCalls& calls,
               std::shared_ptr<runtime::HostServices> services)
      : id_(std::move(id)), spec_(std::move(spec)), calls_(calls), services_(std::move(services)) {}
  Status open() override { return note("open"), spec_.open; }
  Result<std::string> discover() override {
    note("discover");
    if (spec_.on_discover) spec_.on_discover();
    return spec_.catalog;
  }
  Result<runtime::ValidationResult> validate() override { return note("validate"), spec_.validation; }
  Result<runtime::ReadSummary> run_read(std::string_view /*ctx*/) override {
    return note("run_read"), runtime::ReadSummary{};
  }
  /// Takes everything, as a destination must.
  Result<runtime::WriteSummary> run_write(std::string_view /*ctx*/) override {
    note("run_write");
    while (true) {
      RB_ASSIGN_OR_RETURN(const std::optional<PooledBuffer> batch, services_->next_batch());
      if (!batch) return runtime::WriteSummary{};
    }
  }
  Result<runtime::TransformSummary> run_transform(std::string_view /*ctx*/) override {
    return note("run_transform"), runtime::TransformSummary{};
  }
  Result<std::string> plan_partitions(std::string_view /*ctx*/, uint32_t /*want*/) override {
    return std::string("[]");
  }
  Status begin_stream(std::string_view /*ctx*/) override { return {}; }
  Status finish_stream(std::string_view /*ctx*/, bool /*succeeded*/) override { return {}; }
  Result<std::optional<std::string>> last_committed(std::string_view /*ctx*/) override {
    return std::optional<std::string>();
  }
  Status close() override { return note("close"), Status(); }
  void serve(std::string) override {}
  [[nodiscard]] uint64_t peak_memory_bytes() const override { return 0; }

 private:
  void note(std::string_view call) {
    std::lock_guard lock(calls_.mutex);
    calls_.names.push_back(id_ + "." + std::string(call));
  }

  std::string id_;
  FakeConnectorSpec spec_;
  FakeCalls& calls_;
  std::shared_ptr<runtime::HostServices> services_;  // shared with whoever instantiated
};

/// Knows connectors by their references; everything else is CONNECTOR_NOT_FOUND.
class FakeRuntime : public runtime::ComponentRuntime {
 public:
  FakeRuntime(std::map<std::string, FakeConnectorSpec> connectors, FakeCalls& calls)
      : connectors_(std::move(connectors)), calls_(calls) {}

  Result<std::shared_ptr<const runtime::Connector>> load(std::string_view reference,
                                                         runtime::ConnectorRole /*role*/) override {
    const auto at = connectors_.find(std::string(reference));
    if (at == connectors_.end()) {
      return config_error("CONNECTOR_NOT_FOUND", std::string(reference) + " was not found; tried: connectors/x.wasm");
    }
    RB_RETURN_NOT_OK(at->second.load);
    return std::shared_ptr<const runtime::Connector>(std::make_shared<FakeConnector>(at->first, at->second));
  }
  Result<std::unique_ptr<runtime::ComponentInstance>> instantiate(std::shared_ptr<const runtime::Connector> connector,
                                                                  runtime::InstanceOptions options) override {
    const auto& spec = dynamic_cast<const FakeConnector&>(*connector).spec();
    RB_RETURN_NOT_OK(spec.instantiate);
    {
      std::lock_guard lock(calls_.mutex);
      calls_.configs[options.connector_id] = options.config;
    }
    return std::unique_ptr<runtime::ComponentInstance>(
        std::make_unique<FakeInstance>(options.connector_id, spec, calls_, std::move(options.services)));
  }

 private:
  std::map<std::string, FakeConnectorSpec> connectors_;
  FakeCalls& calls_;
};

}  // namespace rapidbyte::cli
