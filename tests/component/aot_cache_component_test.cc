// The cache of compiled components: a warm load maps it; whatever is stale, truncated or foreign is a miss, never a
// failure.

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "rapidbyte/base/sha256.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class AotCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("rapidbyte-aot-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    std::ifstream file(fs::path(std::getenv("RAPIDBYTE_TEST_GUESTS")) / "transform_200.wasm", std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    wasm_ = text.str();
    ASSERT_FALSE(wasm_.empty());
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Loads in a fresh runtime; whether it came from the cache.
  bool load() {
    auto runtime = WasmRuntime::create(AotCache(folder_));
    EXPECT_TRUE(runtime.ok());
    const auto bytes = std::as_bytes(std::span(wasm_.data(), wasm_.size()));
    const auto read = [this, bytes] {
      ++reads_;
      return Result(std::vector<std::byte>(bytes.begin(), bytes.end()));
    };
    auto loaded = (*runtime)->load({sha256_hex(bytes), read}, "Transform ../x");
    EXPECT_TRUE(loaded.ok()) << loaded.status().to_string();
    return loaded.ok() && (*loaded)->from_cache();
  }
  fs::path entry() {
    for (const auto& file : fs::directory_iterator(folder_)) {
      if (file.path().extension() == ".cwasm") return file.path();
    }
    return {};
  }

  fs::path folder_;
  std::string wasm_;
  int reads_ = 0;  // of the component's bytes
};

TEST_F(AotCacheTest, TheSecondLoadComesFromTheCache) {
  EXPECT_FALSE(load());
  EXPECT_TRUE(load());
  EXPECT_EQ(reads_, 1) << "the bytes are read to be compiled, and only then";
  struct stat info{};
  ASSERT_EQ(stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_EQ(entry().filename().string().rfind("transform____x-", 0), 0U) << entry();
}

TEST_F(AotCacheTest, ATruncatedEntryIsAMiss) {
  load();
  fs::resize_file(entry(), fs::file_size(entry()) / 2);
  EXPECT_FALSE(load());
  EXPECT_TRUE(load());
}

TEST_F(AotCacheTest, AChangedByteIsAMiss) {
  load();
  const fs::path path = entry();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
  file.put('\x55');
  file.put('\xaa');
  file.close();
  EXPECT_FALSE(load());
}

TEST_F(AotCacheTest, AnEntryOfAnotherEngineIsAMissEvenWithARightHash) {
  load();
  const fs::path path = entry();
  std::ofstream(path, std::ios::trunc) << "not compiled code";
  constexpr std::string_view kForeign = "not compiled code";
  std::ofstream(path.string() + std::string(kCacheEntryHashSuffix), std::ios::trunc)
      << cache_entry_hash(std::as_bytes(std::span(kForeign.data(), kForeign.size())));
  EXPECT_FALSE(load());
  EXPECT_TRUE(load());
}

TEST_F(AotCacheTest, AnEntryThatOthersMayWriteIsAMiss) {
  load();
  ASSERT_EQ(chmod(entry().c_str(), 0666), 0);
  EXPECT_FALSE(load());
}

TEST_F(AotCacheTest, EntriesThatNobodyUsesAreRemovedWhenOneIsAdded) {
  const AotCache cache(folder_);
  const auto put = [&](std::string_view content) {
    cache.store("c", content, 1, std::as_bytes(std::span(content.data(), content.size())));
    return cache.entry_path("c", content, 1);
  };
  const auto age = [](const fs::path& file, int days) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
  };
  const auto hash_of = [](const fs::path& entry) {
    return fs::path(entry.string() + std::string(kCacheEntryHashSuffix));
  };
  const fs::path unused = put("unused");
  const fs::path in_use = put("in use");
  const fs::path recent = put("recent");
  const fs::path half_written = folder_ / "c-x.cwasm.tmp.a1b2c3";
  const fs::path foreign = folder_ / "notes.txt";
  for (const fs::path& file : {half_written, foreign}) std::ofstream(file) << "x";
  for (const fs::path& file : {unused, hash_of(unused), in_use, hash_of(in_use), half_written, foreign}) age(file, 31);
  age(recent, 31);
  age(hash_of(recent), 29);
  EXPECT_TRUE(cache.find("c", "in use", 1)) << "which is a use";
  put("another");
  for (const fs::path& gone : {unused, hash_of(unused), half_written}) EXPECT_FALSE(fs::exists(gone)) << gone;
  for (const fs::path& kept : {in_use, hash_of(in_use), recent, hash_of(recent), foreign})
    EXPECT_TRUE(fs::exists(kept)) << kept;
}

TEST_F(AotCacheTest, AFolderThatIsOpenToOthersIsNotUsed) {
  fs::create_directories(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  EXPECT_FALSE(load());
  EXPECT_FALSE(load());
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(AotCacheTest, AFolderThatCannotBeMadeDisablesTheCache) {
  std::ofstream(folder_.string()) << "a file";
  EXPECT_FALSE(AotCache(folder_).enabled());
  EXPECT_FALSE(load());
  fs::remove(folder_);
}

TEST(AotFlags, EnvFlagEnabledReadsTheUsualWords) {
  for (const auto& [value, expected] : std::vector<std::pair<const char*, bool>>{{"1", true},
                                                                                 {"true", true},
                                                                                 {"anything", true},
                                                                                 {"0", false},
                                                                                 {"False", false},
                                                                                 {"no", false},
                                                                                 {"OFF", false}}) {
    setenv("RB_TEST_FLAG", value, 1);
    EXPECT_EQ(env_flag_enabled("RB_TEST_FLAG", !expected), expected) << value;
  }
  setenv("RB_TEST_FLAG", "", 1);
  EXPECT_TRUE(env_flag_enabled("RB_TEST_FLAG", true));
  unsetenv("RB_TEST_FLAG");
  EXPECT_FALSE(env_flag_enabled("RB_TEST_FLAG", false));
}

}  // namespace
}  // namespace rapidbyte::runtime
