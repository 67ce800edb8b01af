#include "rapidbyte/cli/commands/connectors_command.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "rapidbyte/cli/commands/version_command.h"
#include "rapidbyte/cli/testing/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::HasSubstr;

class ConnectorsCommand : public CommandFixture {
 protected:
  void SetUp() override {
    CommandFixture::SetUp();
    setenv("HOME", folder_.c_str(), 1);
    setenv("RAPIDBYTE_CONNECTOR_DIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("RAPIDBYTE_CONNECTOR_DIR");
    CommandFixture::TearDown();
  }
  void add(const std::string& stem, bool with_manifest, const std::string& features = "") {
    std::ofstream(folder_ / (stem + ".wasm")) << "x";
    if (!with_manifest) return;
    std::ofstream(folder_ / (stem + ".manifest.json"))
        << R"({"manifest_version": "1.0", "id": "test/)" + stem +
               R"(", "name": "n", "version": "1.2.3", "protocol_version": "2",
             "artifact": {"entry_point": "a.wasm"}, "permissions": {"env": {"allowed_vars": ["SOME_VARIABLE"]}}, "roles": {"source": {"supported_sync_modes": [], "features": [)" +
               features + "]}}}";
  }
  /// The entry of the connector `name`; null when it is not listed. Others may be installed on this machine.
  nlohmann::json entry(std::string_view name) const {
    const auto document = nlohmann::json::parse(data_.raw());
    for (const auto& connector : document["connectors"]) {
      if (connector["name"] == name) return connector;
    }
    return {};
  }
};

TEST_F(ConnectorsCommand, SaysOnStderrWhatItCompiles) {
  add("source_fine", true);
  CommandContext context = this->context();
  ASSERT_EQ(connectors_command({.json = true}, context), ExitCode::kOk);
  ASSERT_TRUE(slow_compilation_);
  slow_compilation_("big", 18'000'000);
  EXPECT_THAT(talk_.raw(), HasSubstr("compiling big (once, "));
}

TEST_F(ConnectorsCommand, ListsVersionRoleProtocolAndWhetherItCanBeUsed) {
  add("source_fine", true);
  add("source_broken", true);
  add("dest_bare", false);
  connectors_[(folder_ / "source_fine.wasm").string()] = {};
  FakeConnectorSpec broken;
  broken.load = make_error(ErrorCategory::kPermission, "CHECKSUM_MISMATCH", "the checksum differs");
  connectors_[(folder_ / "source_broken.wasm").string()] = broken;
  auto made = context();
  EXPECT_EQ(connectors_command({.json = true}, made), ExitCode::kOk);
  EXPECT_EQ(entry("source-fine")["version"], "1.2.3");
  EXPECT_EQ(entry("source-fine")["roles"], nlohmann::json({"source"}));
  EXPECT_EQ(entry("source-fine")["protocol"], "2.1.0");
  EXPECT_EQ(entry("source-fine")["problem"], nullptr);
  EXPECT_EQ(entry("source-fine")["permissions"]["variables"], nlohmann::json({"SOME_VARIABLE"}));
  EXPECT_EQ(entry("source-fine")["path"], (folder_ / "source_fine.wasm").string());
  EXPECT_EQ(entry("source-broken")["problem"], "the checksum differs");
  EXPECT_THAT(entry("dest-bare")["problem"].get<std::string>(), HasSubstr("manifest"));
}

TEST_F(ConnectorsCommand, TheTableSaysWhatIsWrongBelowOnStderr) {
  add("dest_bare", false);
  auto made = context();
  EXPECT_EQ(connectors_command({}, made), ExitCode::kOk);
  EXPECT_THAT(data_.raw(), HasSubstr("not usable"));
  EXPECT_THAT(talk_.raw(), HasSubstr("dest-bare: "));
}

TEST_F(ConnectorsCommand, AFeatureThatIsNotKnownIsAWarning) {
  add("source_fine", true, R"("resum")");
  connectors_[(folder_ / "source_fine.wasm").string()] = {};
  const std::string warning =
      "its manifest gives source the feature 'resum', which this version does not know; did you mean resume?";
  auto made = context();
  EXPECT_EQ(connectors_command({}, made), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(), HasSubstr("source-fine: warning: " + warning));
  auto again = context();
  data_.clear();
  EXPECT_EQ(connectors_command({.json = true}, again), ExitCode::kOk);
  EXPECT_EQ(entry("source-fine")["problem"], nullptr);
  EXPECT_EQ(entry("source-fine")["warnings"], nlohmann::json({warning}));
}

TEST_F(ConnectorsCommand, PrepareSaysWhatWasCompiledAndWhatCannotBeUsed) {
  add("source_fine", true);
  add("source_other", true);
  FakeConnectorSpec fine;
  fine.compile_time = std::chrono::milliseconds(2500);
  fine.compiled_bytes = 3 << 20;
  connectors_[(folder_ / "source_fine.wasm").string()] = fine;
  connectors_[(folder_ / "source_other.wasm").string()] = {};
  auto named = context();
  EXPECT_EQ(prepare_connectors_command({.names = {"test/source-fine@1.2.3"}, .json = true}, named), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  ASSERT_EQ(document["components"].size(), 1U) << document;
  EXPECT_EQ(document["components"][0]["connectors"], nlohmann::json({"source-fine"}));
  EXPECT_EQ(document["components"][0]["seconds"], 2.5);
  EXPECT_EQ(document["components"][0]["compiled_bytes"], 3 << 20);
  EXPECT_EQ(document["problems"], nlohmann::json::array());
  auto table = context();
  EXPECT_EQ(prepare_connectors_command({.names = {"source-*"}}, table), ExitCode::kOk);
  EXPECT_THAT(data_.raw(), HasSubstr("in 2.5"));
  EXPECT_THAT(data_.raw(), HasSubstr("before"));
  EXPECT_THAT(talk_.raw(), HasSubstr("not kept")) << "source-other has nothing in the cache";

  FakeConnectorSpec broken;
  broken.load = make_error(ErrorCategory::kPermission, "CHECKSUM_MISMATCH", "the checksum differs");
  connectors_[(folder_ / "source_other.wasm").string()] = broken;
  auto failed = context();
  EXPECT_EQ(prepare_connectors_command({.names = {"source-*"}}, failed), ExitCode::kConnector);
  EXPECT_THAT(talk_.raw(), HasSubstr("source-other: the checksum differs"));
  auto unknown = context();
  EXPECT_EQ(prepare_connectors_command({.names = {"source-fnie"}}, unknown), ExitCode::kConnector);
  EXPECT_THAT(talk_.raw(), HasSubstr("did you mean source-fine?"));
}

TEST_F(ConnectorsCommand, VersionNamesProgramProtocolsAndEngine) {
  auto made = context();
  EXPECT_EQ(version_command({.json = true}, made), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["version"], RAPIDBYTE_VERSION);
  EXPECT_EQ(document["protocols"], nlohmann::json({"2.0.0", "2.1.0"}));
  EXPECT_EQ(document["wasmtime"], RAPIDBYTE_WASMTIME_VERSION);
}

}  // namespace
}  // namespace rapidbyte::cli
