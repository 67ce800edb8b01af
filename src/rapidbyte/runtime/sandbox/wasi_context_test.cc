#include "rapidbyte/runtime/sandbox/wasi_context.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class WasiContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-wasi-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "data");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void grant() {
    auto grants = resolve_grants_of({"source", "test", "/source", &manifest_, options_.config, {}}, folder_);
    ASSERT_TRUE(grants.ok()) << grants.status().to_string();
    options_.grants = *grants;
  }

  fs::path folder_;
  Manifest manifest_;
  InstanceOptions options_;
};

TEST_F(WasiContextTest, WithoutAManifestNothingIsGranted) {
  options_.config = {{"path", "data"}};
  grant();
  const auto context = build_wasi_context(nullptr, options_);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->grants, nullptr);
  EXPECT_TRUE(context->env.empty());
  EXPECT_EQ(context->config, options_.config);
}

TEST_F(WasiContextTest, TheArgumentsAreTheManifests) {
  EXPECT_TRUE(build_wasi_context(&manifest_, options_)->arguments.empty());
  manifest_.arguments = {"transform-columns", "x"};
  EXPECT_EQ(build_wasi_context(&manifest_, options_)->arguments, manifest_.arguments);
  EXPECT_TRUE(build_wasi_context(nullptr, options_)->arguments.empty());
}

TEST_F(WasiContextTest, APathOfTheConfigBecomesAbsoluteAndNothingElseOfItChanges) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}, {"/absent", true, ""}};
  options_.config = {{"folder", "data"}, {"other", "data"}};
  grant();
  // A source's config has the streams as well when it starts.
  options_.config["streams"] = nlohmann::json::array();
  const auto context = build_wasi_context(&manifest_, options_);
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  EXPECT_EQ(context->config["folder"], (folder_ / "data").string());
  EXPECT_EQ(context->config["other"], "data");
  EXPECT_EQ(context->grants, options_.grants);
}

TEST_F(WasiContextTest, NoGuestStartsWithAPathThatWasNotResolvedForItsRun) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  options_.config = {{"folder", "data"}};
  const auto refused = [&] {
    const auto context = build_wasi_context(&manifest_, options_);
    return context.ok() ? std::string("started") : context.error().code;
  };
  EXPECT_EQ(refused(), "GRANTS_MISSING");
  grant();
  EXPECT_EQ(refused(), "started");
  options_.config["folder"] = "elsewhere";
  EXPECT_EQ(refused(), "GRANTS_MISSING");
  options_.config.erase("folder");
  EXPECT_EQ(refused(), "GRANTS_MISSING");
  options_.config = {{"folder", "data"}};
  manifest_.permissions.preopens = {"data"};
  EXPECT_EQ(refused(), "GRANTS_MISSING");
}

TEST_F(WasiContextTest, VariablesNeedManifestAndPipeline) {
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
