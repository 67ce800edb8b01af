#include "rapidbyte/runtime/connector/connector_survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConnectorSurvey : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rapidbyte-survey-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    setenv("HOME", (root_ / "home").c_str(), 1);
    setenv("RAPIDBYTE_CONNECTOR_DIR", (root_ / "second").c_str(), 1);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& file, std::string_view text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  static std::string manifest(std::string_view id) {
    return R"({"manifest_version": "1.0", "id": ")" + std::string(id) +
           R"(", "name": "n", "version": "1.2.3", "protocol_version": "2", "artifact": {"entry_point": "a.wasm"},
               "permissions": {}, "roles": {"source": {"supported_sync_modes": ["full_refresh"]}}})";
  }

  fs::path root_;
};

TEST_F(ConnectorSurvey, ListsComponentsByFolderAndSaysWhichAreShadowedOrRefused) {
  write("first/source_file.wasm", "x");
  write("first/source_file.manifest.json", manifest("rapidbyte/source-file"));
  write("first/readme.txt", "no connector");
  write("second/source_file.wasm", "x");
  write("second/source_file.manifest.json", manifest("rapidbyte/source-file"));
  write("second/dest_bare.wasm", "x");
  const auto found =
      find_connectors({.connector_dir = root_ / "first", .allow_unmanifested = false, .on_slow_compilation = {}});
  ASSERT_GE(found.size(), 3U);
  EXPECT_EQ(found[0].name, "source-file");
  EXPECT_TRUE(found[0].problem.ok()) << found[0].problem.to_string();
  ASSERT_TRUE(found[0].manifest.has_value());
  EXPECT_EQ(found[0].manifest->version, "1.2.3");
  EXPECT_FALSE(found[0].shadowed);
  EXPECT_EQ(found[1].name, "dest-bare");
  EXPECT_EQ(found[1].problem.error().code, "MANIFEST_MISSING");
  EXPECT_EQ(found[2].name, "source-file");
  EXPECT_TRUE(found[2].shadowed);
}

TEST_F(ConnectorSurvey, ConnectorsOfOneComponentAreListedAndTheComponentIsNone) {
  write("first/a.wasm", "x");
  write("first/source_one.manifest.json", manifest("rapidbyte/source-one"));
  write("first/source_two.manifest.json", manifest("rapidbyte/source-two"));
  write("first/source_own.wasm", "x");
  write("first/source_own.manifest.json", manifest("rapidbyte/source-own"));
  write("second/source_lost.manifest.json", manifest("rapidbyte/source-lost"));
  const auto found = find_connectors({.connector_dir = root_ / "first"});
  ASSERT_GE(found.size(), 4U);
  std::vector<std::string> names;
  for (size_t i = 0; i < 4; ++i) names.push_back(found[i].name);
  EXPECT_THAT(names, ElementsAre("source-one", "source-own", "source-two", "source-lost"));
  EXPECT_EQ(found[0].path, root_ / "first/a.wasm");
  EXPECT_EQ(found[0].reference, (root_ / "first/source_one.manifest.json").string());
  EXPECT_TRUE(found[0].problem.ok()) << found[0].problem.to_string();
  EXPECT_EQ(found[0].manifest->id, "rapidbyte/source-one");
  EXPECT_EQ(found[1].path, root_ / "first/source_own.wasm");
  EXPECT_EQ(found[3].problem.error().code, "CONNECTOR_NOT_FOUND");
  // Allowed without a manifest or not, it is the component of others.
  for (const FoundConnector& connector :
       find_connectors({.connector_dir = root_ / "first", .allow_unmanifested = true}))
    EXPECT_NE(connector.name, "a");
}

TEST_F(ConnectorSurvey, DescribesHostsFoldersFilesAndVariables) {
  write("data/orders.csv", "id\n1\n");
  setenv("SURVEY_SET", "value", 1);
  unsetenv("SURVEY_UNSET");
  Manifest made;
  made.permissions.network.allowed_domains = {"db.example.com"};
  made.permissions.env_allowed_vars = {"SURVEY_SET", "SURVEY_UNSET", "SURVEY_NOT_GRANTED"};
  made.permissions.config_paths = {{.pointer = "/folder", .read_write = false, .lock = ""},
                                   {.pointer = "/database", .read_write = true, .lock = "sqlite"}};
  InstanceOptions options;
  options.config = {{"folder", "data"}, {"database", "out.db"}};
  auto grants = resolve_grants_of({"source", "test", "/source", &made, options.config, {}}, root_);
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  options.grants = *grants;
  options.allow_env = {"SURVEY_SET", "SURVEY_UNSET"};
  auto access = describe_access(&made, options);
  ASSERT_TRUE(access.ok()) << access.status().to_string();
  EXPECT_FALSE(access->every_host);
  EXPECT_EQ(access->hosts, "db.example.com");
  ASSERT_EQ(access->folders.size(), 1U);
  EXPECT_EQ(access->folders[0].path, fs::canonical(root_ / "data"));
  EXPECT_FALSE(access->folders[0].read_write);
  ASSERT_EQ(access->files.size(), 1U);
  EXPECT_EQ(access->files[0].path, fs::canonical(root_) / "out.db");
  EXPECT_TRUE(access->files[0].read_write);
  EXPECT_TRUE(access->files[0].companions);
  EXPECT_THAT(access->env_vars, ElementsAre("SURVEY_SET"));
  EXPECT_THAT(access->env_vars_unset, ElementsAre("SURVEY_UNSET"));
  EXPECT_THAT(access->env_vars_not_granted, ElementsAre("SURVEY_NOT_GRANTED"));
}

TEST_F(ConnectorSurvey, WithoutAManifestEveryHostIsOpenAndNoFolder) {
  auto access = describe_access(nullptr, {});
  ASSERT_TRUE(access.ok());
  EXPECT_TRUE(access->every_host);
  EXPECT_THAT(access->folders, IsEmpty());
  // No variable is left out in silence.
  InstanceOptions options;
  options.allow_env = {"HOME"};
  access = describe_access(nullptr, options);
  ASSERT_FALSE(access.ok());
  EXPECT_EQ(access.status().error().code, "ENV_NOT_ASKED");
  EXPECT_THAT(access.status().error().message, HasSubstr("no manifest"));
}

}  // namespace
}  // namespace rapidbyte::runtime
