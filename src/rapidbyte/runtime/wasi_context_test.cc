#include "rapidbyte/runtime/wasi_context.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class WasiContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-wasi-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "data");
    options_.base_folder = folder_;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  Manifest manifest_;
  InstanceOptions options_;
};

TEST_F(WasiContextTest, without_a_manifest_nothing_is_granted) {
  options_.config = {{"path", "data"}};
  const auto context = build_wasi_context(nullptr, options_);
  ASSERT_TRUE(context.ok());
  EXPECT_TRUE(context->preopens.empty());
  EXPECT_TRUE(context->env.empty());
  EXPECT_EQ(context->config, options_.config);
}

TEST_F(WasiContextTest, a_folder_of_the_config_is_opened_and_made_absolute) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  options_.config = {{"folder", "data"}, {"other", "data"}};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  EXPECT_EQ(context->preopens, (std::vector<Preopen>{{folder_ / "data", (folder_ / "data").string(), false}}));
  EXPECT_EQ(context->config["folder"], (folder_ / "data").string());
  EXPECT_EQ(context->config["other"], "data");
}

TEST_F(WasiContextTest, of_a_file_its_parent_is_opened_and_locks_are_listed) {
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  options_.config = {{"path", "data/new.db"}};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  EXPECT_EQ(context->preopens, (std::vector<Preopen>{{folder_ / "data", (folder_ / "data").string(), true}}));
  EXPECT_EQ(context->sqlite_locks, (std::vector<fs::path>{folder_ / "data" / "new.db"}));
}

TEST_F(WasiContextTest, a_linked_file_is_granted_where_it_is) {
  fs::create_directories(folder_ / "real");
  std::ofstream(folder_ / "real" / "x.db") << "x";
  fs::create_symlink(folder_ / "real" / "x.db", folder_ / "data" / "link.db");
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  options_.config = {{"path", "data/link.db"}};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  EXPECT_EQ(context->preopens.at(0).folder, folder_ / "real");
  EXPECT_EQ(context->config["path"], (folder_ / "real" / "x.db").string());
}

TEST_F(WasiContextTest, a_folder_named_twice_is_opened_once_with_the_wider_access) {
  manifest_.permissions.config_paths = {{"/a", false, ""}, {"/b", true, ""}};
  options_.config = {{"a", "data"}, {"b", "data"}};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok());
  ASSERT_EQ(context->preopens.size(), 1U);
  EXPECT_TRUE(context->preopens[0].read_write);
}

TEST_F(WasiContextTest, an_absent_value_grants_nothing) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok());
  EXPECT_TRUE(context->preopens.empty());
}

TEST_F(WasiContextTest, errors_name_the_key_and_the_path) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  for (const auto& [value, code] :
       std::vector<std::pair<nlohmann::json, std::string>>{{"nowhere", "PATH_NOT_FOUND"},
                                                           {7, "PATH_INVALID"},
                                                           {"", "PATH_INVALID"},
                                                           {std::string("a\0b", 3), "PATH_INVALID"}}) {
    options_.config = {{"folder", value}};
    const auto context = build_wasi_context(&manifest_, options_);
    ASSERT_FALSE(context.ok());
    EXPECT_EQ(context.error().code, code) << context.error().message;
    EXPECT_NE(context.error().message.find("/folder"), std::string::npos);
  }
}

TEST_F(WasiContextTest, preopens_of_a_manifest_are_read_only_unless_the_pipeline_grants_more) {
  manifest_.permissions.preopens = {"data"};
  EXPECT_FALSE(build_wasi_context(&manifest_, options_)->preopens.at(0).read_write);
  options_.read_write_preopens = {"data"};
  EXPECT_TRUE(build_wasi_context(&manifest_, options_)->preopens.at(0).read_write);
  options_.read_write_preopens = {"data", "dat"};
  const auto refused = build_wasi_context(&manifest_, options_);
  ASSERT_FALSE(refused.ok()) << "a misspelt grant would leave the folder read-only without a word";
  EXPECT_EQ(refused.status().error().code, "FOLDER_NOT_ASKED");
  EXPECT_NE(refused.status().error().message.find("the folder dat, which the connector's manifest does not ask for; "
                                                  "it asks for data"),
            std::string::npos)
      << refused.status().error().message;
  EXPECT_EQ(build_wasi_context(nullptr, options_).status().error().code, "FOLDER_NOT_ASKED");
}

TEST_F(WasiContextTest, variables_need_manifest_and_pipeline) {
  setenv("RB_WASI_A", "1", 1);
  setenv("RB_WASI_B", "2", 1);
  setenv("RB_WASI_C", "3", 1);
  manifest_.permissions.env_allowed_vars = {"RB_WASI_A", "RB_WASI_UNSET"};
  EXPECT_TRUE(build_wasi_context(&manifest_, options_)->env.empty()) << "asked for, not granted";
  options_.allow_env = {"RB_WASI_A", "RB_WASI_UNSET"};
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->env, (std::vector<std::pair<std::string, std::string>>{{"RB_WASI_A", "1"}}));
  options_.allow_env = {"RB_WASI_A", "RB_WASI_B"};
  const auto refused = build_wasi_context(&manifest_, options_);
  ASSERT_FALSE(refused.ok()) << "granted, not asked for";
  EXPECT_EQ(refused.status().error().code, "ENV_NOT_ASKED");
}

}  // namespace
}  // namespace rapidbyte::runtime
