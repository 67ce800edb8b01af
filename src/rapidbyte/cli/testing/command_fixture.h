#pragma once
// CommandFixture: a temporary folder with a pipeline file, fake terminals, a fake runtime and a state in memory, to run
// a command as main would. For tests only.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "rapidbyte/cli/commands/command_context.h"
#include "rapidbyte/cli/testing/fake_runtime.h"
#include "rapidbyte/cli/testing/fake_terminal.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::cli {

class CommandFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rapidbyte-cli-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ / "p.yaml";
    FakeConnectorSpec source;
    source.manifest.config_schema = {
        {"type", "object"}, {"properties", {{"folder", {{"type", "string"}}}}}, {"additionalProperties", false}};
    source.manifest.source = runtime::Role{{"full_refresh", "incremental"}, {"stream-options"}};
    source.catalog = std::string(R"({"streams": [
        {"name": "orders", "schema": [{"name": "id", "data_type": "Int64", "nullable": false},
                                      {"name": "note", "data_type": "Utf8", "nullable": true}],
         "supported_sync_modes": ["full_refresh", "incremental"]},
        {"name": "customers", "schema": [], "supported_sync_modes": ["full_refresh"]}]})");
    connectors_["test/source"] = source;
    FakeConnectorSpec destination;
    destination.role = runtime::ConnectorRole::kDestination;
    destination.manifest.destination = runtime::Role{{"append"}, {"receipts"}};
    connectors_["test/dest"] = destination;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A pipeline that is fine, with `stream` as its only stream (YAML flow).
  void write_pipeline(std::string_view stream = "{name: orders, sync_mode: full_refresh}",
                      std::string_view source_config = "{folder: data}") {
    write_file(std::string("version: \"1.0\"\npipeline: p\nsource:\n  use: test/source\n  config: ") +
               std::string(source_config) + "\n  streams:\n    - " + std::string(stream) +
               "\ndestination:\n  use: test/dest\n  config: {}\n  write_mode: append\n");
  }
  void write_file(std::string_view text) const { std::ofstream(file_) << text; }

  /// The state file beside the pipeline, as the program finds it.
  [[nodiscard]] std::filesystem::path state_path() const { return folder_ / ".rapidbyte" / "state.db"; }
  std::unique_ptr<state::StateBackend> make_state() const {
    std::filesystem::create_directories(state_path().parent_path());
    auto opened = state::open_state({.connection = state_path()});
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return opened.ok() ? std::move(*opened) : nullptr;
  }

  /// Writes the state as a run of pipeline p; nobody else can as long as it lives.
  [[nodiscard]] std::unique_ptr<state::Lease> writer() const {
    auto lease = make_state()->acquire_lease("p", "the run of the test");
    EXPECT_TRUE(lease.ok()) << lease.status().to_string();
    return lease.ok() ? std::move(*lease) : nullptr;
  }

  CommandContext context() {
    return {.data = data_,
            .talk = talk_,
            .cancel = cancel_,
            .make_runtime =
                [this](const runtime::RuntimeOptions& options) -> Result<std::unique_ptr<runtime::ComponentRuntime>> {
              slow_compilation_ = options.on_slow_compilation;
              return std::unique_ptr<runtime::ComponentRuntime>(std::make_unique<FakeRuntime>(connectors_, calls_));
            },
            .open_state = &state::open_state,
            .environment = [](std::string_view) { return std::optional<std::string>(); },
            .confirm =
                [this](std::string_view question) {
                  asked_ = question;
                  return answer_;
                }};
  }

  // Called as the command's runtime would.
  runtime::SlowCompilation slow_compilation_;
  std::filesystem::path folder_;
  std::filesystem::path file_;
  std::map<std::string, FakeConnectorSpec> connectors_;
  FakeCalls calls_;
  FakeTerminal data_{false, 0, 0};
  FakeTerminal talk_{false, 0, 0};
  CancelToken cancel_;
  std::string asked_;
  std::optional<bool> answer_;
};

}  // namespace rapidbyte::cli
