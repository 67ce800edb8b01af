// What a guest can reach in the file system: the folders and files that its run was granted, and nothing through them.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "guest_fixture.h"
#include "rapidbyte/runtime/connector/connector_resolve.h"
#include "rapidbyte/runtime/sandbox/grants.h"
#include "rapidbyte/runtime/sandbox/sqlite_file_lock.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Manifest with_path(bool read_write, std::string lock = "") {
  Manifest manifest;
  manifest.permissions.config_paths.push_back({"/path", read_write, std::move(lock)});
  return manifest;
}

class FolderTest : public GuestTest {
 protected:
  void SetUp() override {
    folder_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-folder-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "in");
    fs::create_directories(folder_ / "victim");
    write("in/a.txt", "inside");
    write("secret.txt", "outside");
    write("victim/keys", "keys");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& name, std::string_view text) const { std::ofstream(folder_ / name) << text; }
  [[nodiscard]] std::string content(const fs::path& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  /// Begins a run: follows the paths of the config.
  std::string begin_run(const Manifest& manifest, const nlohmann::json& config) {
    manifest_ = manifest;
    auto grants = resolve_grants_of({"source", "test", "/source", &manifest_, config, {}}, folder_);
    if (!grants.ok()) return grants.error().code;
    grants_ = *grants;
    return "";
  }

  /// What one more guest of the run says after `config`'s action.
  std::string say_again(nlohmann::json config, std::vector<std::string> allow_env = {}) {
    InstanceOptions options;
    options.allow_env = std::move(allow_env);
    options.services = services_;
    options.config = std::move(config);
    options.grants = grants_;
    auto wasi = build_wasi_context(&manifest_, options);
    if (!wasi.ok()) return wasi.error().code;
    if (!wasm_) wasm_ = *WasmRuntime::create(AotCache(std::nullopt));
    if (!loaded_) {
      loaded_ =
          *wasm_->load(*read_component_file(fs::path(std::getenv("RAPIDBYTE_TEST_GUESTS")) / component_), "source");
    }
    auto guest = wasm_->start_guest(loaded_, std::make_unique<ComponentHostState>(options, NetworkAcl(), true), *wasi);
    if (!guest.ok()) return guest.status().to_string();
    const std::string text = wasi->config.dump();
    const GuestArgument argument = std::string_view(text);
    if (Status status = (*guest)->call("open", std::span(&argument, 1), &decode_unit); !status.ok())
      return status.to_string();
    std::string said;
    const Status status = (*guest)->call("discover", {}, [&](const WitValue& value) {
      said = *decode_string(value);
      return Status();
    });
    return status.ok() ? said : status.to_string();
  }

  /// The only guest of a run.
  std::string say(const Manifest& manifest, const nlohmann::json& config, std::vector<std::string> allow_env = {}) {
    if (const std::string refused = begin_run(manifest, config); !refused.empty()) return refused;
    return say_again(config, std::move(allow_env));
  }

  /// One guest of a run with `path` that does `script` (tests/guests/file_commands.h): its answers.
  std::vector<std::string> run_script(const Manifest& manifest, const std::string& path, const std::string& script) {
    return lines(say(manifest, {{"action", "files"}, {"path", path}, {"script", script}}));
  }
  std::vector<std::string> next_script(const std::string& path, const std::string& script) {
    return lines(say_again({{"action", "files"}, {"path", path}, {"script", script}}));
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }

  /// One guest of a run with `path` that does `script` by its own calls to wasi:filesystem
  /// (tests/guests/native_files.h).
  std::vector<std::string> run_native(const Manifest& manifest, const std::string& path, const std::string& script) {
    component_ = "source_native_files.wasm";
    return lines(say(manifest, {{"action", "native_files"}, {"path", path}, {"script", script}}));
  }

  std::string component_ = "source_200.wasm";
  fs::path folder_;
  Manifest manifest_;
  std::shared_ptr<const ConnectorGrants> grants_;
  std::unique_ptr<WasmRuntime> wasm_;
  std::shared_ptr<const LoadedComponent> loaded_;
};

const char* const kRefused = "Operation not permitted";
// WASI opens a folder, but does not sync it; the host does (SqliteFileLock).
const char* const kNoSync = "Bad file descriptor";

TEST_F(FolderTest, ADeclaredFolderIsReadAndNothingBesideIt) {
  const Manifest manifest = with_path(false);
  EXPECT_EQ(say(manifest, {{"action", "read_file"}, {"path", "in"}, {"suffix", "/a.txt"}}), "inside");
  EXPECT_NE(say(manifest, {{"action", "read_file"}, {"path", "in"}, {"suffix", "/../secret.txt"}}), "outside");
  EXPECT_NE(say(Manifest(), {{"action", "read_file"}, {"path", (folder_ / "in").string()}, {"suffix", "/a.txt"}}),
            "inside");
}

TEST_F(FolderTest, ALinkDoesNotLeadOutOfAFolder) {
  fs::create_symlink("../secret.txt", folder_ / "in" / "link.txt");
  EXPECT_NE(say(with_path(false), {{"action", "read_file"}, {"path", "in"}, {"suffix", "/link.txt"}}), "outside");
}

TEST_F(FolderTest, AReadOnlyFolderIsNotWritten) {
  EXPECT_NE(say(with_path(false), {{"action", "write_file"}, {"path", "in"}, {"suffix", "/b.txt"}, {"value", "new"}}),
            "new");
  EXPECT_FALSE(fs::exists(folder_ / "in" / "b.txt"));
  EXPECT_EQ(say(with_path(true), {{"action", "write_file"}, {"path", "in"}, {"suffix", "/b.txt"}, {"value", "new"}}),
            "new");
  EXPECT_TRUE(fs::exists(folder_ / "in" / "b.txt"));
}

TEST_F(FolderTest, AFolderThatDoesNotExistIsAnError) {
  EXPECT_EQ(say(with_path(false), {{"path", "nowhere"}}), "PATH_NOT_FOUND");
  EXPECT_EQ(say(with_path(true), {{"path", "nowhere/file.db"}}), "PATH_NOT_FOUND");
  EXPECT_EQ(say(with_path(true), {{"path", 5}}), "INVALID_PATH");
}

TEST_F(FolderTest, OnlyAllowedVariablesAreSeen) {
  setenv("RB_TEST_ALLOWED", "yes", 1);
  setenv("RB_TEST_HIDDEN", "no", 1);
  Manifest manifest;
  manifest.permissions.env_allowed_vars = {"RB_TEST_ALLOWED"};
  const std::vector<std::string> granted = {"RB_TEST_ALLOWED"};
  EXPECT_EQ(say(manifest, {{"action", "env"}, {"name", "RB_TEST_ALLOWED"}}, granted), "yes");
  EXPECT_EQ(say(manifest, {{"action", "env"}, {"name", "RB_TEST_HIDDEN"}}, granted), "unset");
  EXPECT_EQ(say(manifest, {{"action", "env"}, {"name", "RB_TEST_ALLOWED"}}), "unset");
}

// A folder that may be written.

TEST_F(FolderTest, AnObedientGuestUsesItsFolderAsEver) {
  const auto said =
      run_script(with_path(true), "in",
                 "mkdir @/sub;append @/sub/x hello;rename @/sub/x @/y;read @/y;rmdir @/sub;stat @/y;touch "
                 "@/y;date @/y;sync @;list @;unlink @/y;stat @/y");
  EXPECT_THAT(said, ElementsAre("ok", "ok", "ok", "hello", "ok", "file", "ok", "ok", kNoSync, HasSubstr("a.txt "), "ok",
                                "No such file or directory"));
}

TEST_F(FolderTest, NoGuestMakesALink) {
  const auto said =
      run_script(with_path(true), "in",
                 "symlink ../victim @/link;symlink a.txt @/link;link @/a.txt @/hard;stat @/link;stat @/hard");
  EXPECT_THAT(said,
              ElementsAre(kRefused, kRefused, kRefused, "No such file or directory", "No such file or directory"));
}

TEST_F(FolderTest, ALinkThatIsThereIsFollowedInsideAndNeitherReadNorMoved) {
  fs::create_symlink("a.txt", folder_ / "in" / "inner");
  fs::create_symlink("../victim/keys", folder_ / "in" / "outer");
  fs::create_directories(folder_ / "in" / "sub");
  fs::create_symlink("../a.txt", folder_ / "in" / "sub" / "up");
  const auto said =
      run_script(with_path(true), "in",
                 "read @/inner;readlink @/inner;readlink @/outer;read @/outer;lstat @/outer;rename @/outer "
                 "@/moved;rename @/sub/up @/up;rename @/sub @/in2;readlink @/a.txt;unlink @/outer");
  ASSERT_EQ(said.size(), 10U);
  EXPECT_EQ(said[0], "inside");
  EXPECT_EQ(said[1], kRefused);
  EXPECT_EQ(said[2], kRefused);
  EXPECT_THAT(said[3], Not("keys"));
  EXPECT_EQ(said[4], "link");
  EXPECT_EQ(said[5], kRefused);
  EXPECT_EQ(said[6], kRefused) << "elsewhere it would lead out";
  EXPECT_EQ(said[7], kRefused) << "and so would a link in a folder that is moved";
  EXPECT_EQ(said[8], "Invalid argument") << "realpath() of a C library continues after this";
  EXPECT_EQ(said[9], "ok");
  EXPECT_EQ(content("victim/keys"), "keys");
}

TEST_F(FolderTest, EveryGuestOfARunGetsTheFolderThatTheRunBeganWith) {
  ASSERT_THAT(run_script(with_path(true), "in", "read @/a.txt"), ElementsAre("inside"));
  // As if an earlier guest, or anybody else, had done it between two guests of the run.
  fs::rename(folder_ / "in", folder_ / "moved");
  fs::create_directory_symlink("victim", folder_ / "in");
  EXPECT_THAT(next_script("in", "read @/a.txt;append @/keys more;append @/b.txt new"),
              ElementsAre("inside", "ok", "ok"));
  EXPECT_EQ(content("victim/keys"), "keys");
  EXPECT_EQ(content("moved/b.txt"), "new");
}

// A single file.

TEST_F(FolderTest, OfASingleFileTheNeighboursAreNotThere) {
  const auto said = run_script(
      with_path(false), "in/a.txt",
      "read @;stat @;lstat @;read ^/b.txt;stat ^/b.txt;list ^;read ^/../secret.txt;read ^/./a.txt;read ^/sub/../a.txt;"
      "append @ x;unlink @;touch @;date @;rename @ ^/b.txt;append @-journal x;stat @-journal;mkdir ^/d;sync ^;stat ^");
  EXPECT_THAT(
      said, ElementsAre("inside", "file", "file", kRefused, kRefused, kRefused, kRefused, "inside", kRefused, kRefused,
                        kRefused, kRefused, kRefused, kRefused, kRefused, kRefused, kRefused, kNoSync, "folder"));
  EXPECT_EQ(content("in/a.txt"), "inside");
}

TEST_F(FolderTest, OfADatabaseItsJournalIsThereAndNothingElse) {
  write("pipeline.yaml", "password: x");
  write("data.db", "rows");
  const auto said = run_script(
      with_path(true, "sqlite"), "data.db",
      "read @;append @ x;append @-journal j;append @-wal w;append @-shm s;append @-tmp-0123456789abcdef t;"
      "unlink @-tmp-0123456789abcdef;read @-journal;unlink @-journal;rename @-wal @-shm;touch @;date @;sync ^;"
      "read ^/pipeline.yaml;append ^/pipeline.yaml x;unlink ^/pipeline.yaml;stat ^/pipeline.yaml;rename @ "
      "^/pipeline.yaml;"
      "rename ^/pipeline.yaml @;list ^;list .;mkdir ^/d;mkdir @-journal;rmdir ^/in;append ^/new x;append @-new x;"
      "append ^/.rapidbyte/state.db x;touch ^/pipeline.yaml;touch ^;symlink victim/keys @-journal;link ^/pipeline.yaml "
      "@-journal;readlink @;readlink ^/pipeline.yaml;append ^/victim/keys x;append ^/in/../victim/keys x");
  ASSERT_EQ(said.size(), 35U);
  EXPECT_THAT(std::vector<std::string>(said.begin(), said.begin() + 13),
              ElementsAre("rows", "ok", "ok", "ok", "ok", "ok", "ok", "j", "ok", "ok", "ok", "ok", kNoSync));
  for (size_t i = 13; i < said.size(); ++i) {
    const bool refused =
        said[i] == kRefused || (i == 20 && said[i] != "") || (i == 31 && said[i] == "Invalid argument");
    EXPECT_TRUE(refused) << i << ": " << said[i];
  }
  EXPECT_EQ(content("pipeline.yaml"), "password: x");
  EXPECT_EQ(content("victim/keys"), "keys");
  EXPECT_EQ(content("data.db"), "rowsx");
}

TEST_F(FolderTest, OfADuckdbDatabaseItsLogsAreThereAndNothingElse) {
  write("shop.duckdb", "rows");
  write("shop.duckdb.wal2", "keys");
  const auto said = run_script(with_path(true, "duckdb"), "shop.duckdb",
                               "append @ x;append @.wal w;append @.wal.checkpoint c;rename @.wal.checkpoint @.wal;read "
                               "@.wal;unlink @.wal;append "
                               "@.wal.recovery r;unlink @.wal.recovery;append @-journal j;append @-wal w;append @.tmp "
                               "t;mkdir @.tmp;read @.wal2;append "
                               "@.wal.x x;rename @ @.wal2");
  ASSERT_EQ(said.size(), 15U);
  EXPECT_THAT(std::vector<std::string>(said.begin(), said.begin() + 8),
              ElementsAre("ok", "ok", "ok", "ok", "c", "ok", "ok", "ok"));
  for (size_t i = 8; i < said.size(); ++i) EXPECT_EQ(said[i], kRefused) << i;
  EXPECT_EQ(content("shop.duckdb"), "rowsx");
}

TEST_F(FolderTest, OfADuckdbDatabaseThatIsReadNothingIsWritten) {
  write("shop.duckdb", "rows");
  write("shop.duckdb.wal", "log");
  const auto said = run_script(with_path(false, "duckdb"), "shop.duckdb",
                               "read @;read @.wal;append @ x;append @.wal x;unlink @.wal;rename @.wal @.wal.recovery");
  EXPECT_THAT(said, ElementsAre("rows", "log", kRefused, kRefused, kRefused, kRefused));
  EXPECT_EQ(content("shop.duckdb.wal"), "log");
}

TEST_F(FolderTest, ALinkInAFilesPlaceIsNotFollowed) {
  write("data.db", "rows");
  ASSERT_EQ(begin_run(with_path(true, "sqlite"), {{"path", "data.db"}}), "");
  fs::remove(folder_ / "data.db");
  fs::create_symlink("victim/keys", folder_ / "data.db");
  fs::create_symlink("in/a.txt", folder_ / "data.db-journal");
  fs::create_directory_symlink("victim", folder_ / "data.db-wal");
  const auto said =
      next_script("data.db",
                  "read @;append @ x;lstat @;stat @;read @-journal;touch @;rename @ @-shm;list @-wal;read "
                  "@-wal/keys");
  ASSERT_EQ(said.size(), 9U);
  EXPECT_THAT(said[0], Not("keys"));
  EXPECT_THAT(said[1], Not("ok"));
  EXPECT_EQ(said[2], "link");
  EXPECT_EQ(said[3], "link") << "stat, too, sees the link itself";
  EXPECT_THAT(said[4], Not("inside"));
  EXPECT_EQ(said[6], kRefused);
  EXPECT_THAT(said[7], Not("keys "));
  EXPECT_THAT(said[8], Not("keys"));
  EXPECT_EQ(content("victim/keys"), "keys");
}

TEST_F(FolderTest, AFolderInAFilesPlaceIsNotOpened) {
  ASSERT_EQ(begin_run(with_path(true, "sqlite"), {{"path", "new.db"}}), "");
  fs::create_directory(folder_ / "new.db");
  write("new.db/x", "x");
  const auto said = next_script("new.db", "list @;read @/x;append @/x y;rmdir @;sync @");
  EXPECT_THAT(said, ::testing::Each(kRefused));
}

// A native component of WASI 0.2: nothing is between it and the host's functions.

const char* const kNotPermitted = "not-permitted";

TEST_F(FolderTest, ANativeComponentDoesNotLeaveItsFolder) {
  fs::create_directories(folder_ / "in" / "sub");
  fs::create_symlink("a.txt", folder_ / "in" / "inner");
  fs::create_symlink("../victim/keys", folder_ / "in" / "outer");
  fs::create_symlink(folder_ / "victim" / "keys", folder_ / "in" / "absolute");
  fs::create_directory_symlink("../victim", folder_ / "in" / "folder");
  const std::string keys = (folder_ / "victim" / "keys").string();
  const auto said =
      run_native(with_path(true), "in",
                 "read a.txt;write b.txt new;read b.txt;read inner;read-itself inner;hash a.txt;"
                 "read outer;read absolute;read folder/keys;read ../victim/keys;read sub/../../victim/keys;read " +
                     keys +
                     ";hash outer;hash ../victim/keys;write outer owned;write ../victim/keys owned;truncate outer;"
                     "cd folder;cd ..;cd /");
  ASSERT_EQ(said.size(), 20U) << ::testing::PrintToString(said);
  EXPECT_THAT(std::vector<std::string>(said.begin(), said.begin() + 6),
              ElementsAre("inside", "ok", "new", "inside", "loop", "there"));
  EXPECT_THAT(std::vector<std::string>(said.begin() + 6, said.end()), ::testing::Each(kNotPermitted));
  EXPECT_EQ(content("victim/keys"), "keys");
}

TEST_F(FolderTest, ANativeComponentMakesReadsAndMovesNoLinks) {
  fs::create_directories(folder_ / "in" / "sub");
  fs::create_symlink("../victim/keys", folder_ / "in" / "outer");
  fs::create_symlink("../a.txt", folder_ / "in" / "sub" / "up");
  // Also below its own handle, where the host sees another name.
  const auto said = run_native(
      with_path(true), "in",
      "symlink a.txt s;symlink ../victim/keys s;symlink /etc s;link a.txt h;readlink outer;rename outer moved;"
      "rename sub moved;cd sub;symlink ../../victim/keys s;link up h;readlink up;rename up moved;"
      "rename ../outer moved;read up;read ../../victim/keys;cd ..;read ../victim/keys");
  ASSERT_EQ(said.size(), 17U) << ::testing::PrintToString(said);
  for (size_t i = 0; i < said.size(); ++i) {
    if (i == 7) {
      EXPECT_EQ(said[i], "ok") << "into the folder";
    } else {
      EXPECT_EQ(said[i], kNotPermitted) << i;
    }
  }
  for (const char* made : {"in/s", "in/h", "in/moved", "in/sub/s", "in/sub/h"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(folder_ / made))) << made;
}

TEST_F(FolderTest, ANativeComponentGetsOneFileAndNoNeighbours) {
  write("pipeline.yaml", "password: x");
  write("data.db", "rows");
  fs::create_symlink("victim/keys", folder_ / "data.db-wal");
  const std::string walled =
      "read pipeline.yaml;write pipeline.yaml x;write-existing pipeline.yaml x;truncate pipeline.yaml;mutate "
      "pipeline.yaml;"
      "hash pipeline.yaml;readlink pipeline.yaml;unlink pipeline.yaml;rename pipeline.yaml @;rename @ pipeline.yaml;"
      "link pipeline.yaml @-shm;symlink pipeline.yaml @-shm;mkdir d;mkdir @-shm;rmdir in;cd in;cd victim;cd ..;read "
      "victim/keys;"
      "read @-wal;write @-wal owned;read-itself @-wal";
  // Through the handle that the host gave, and through one that the guest creates from it.
  for (const char* start : {"", "cd .;"}) {
    SCOPED_TRACE(start);
    auto said = run_native(
        with_path(true, "sqlite"), "data.db",
        start + std::string("read @;write-existing @ rows;write @-journal j;read ./@-journal;unlink @-journal;") +
            walled);
    if (*start != '\0') {
      ASSERT_FALSE(said.empty());
      EXPECT_EQ(said[0], "ok");
      said.erase(said.begin());
    }
    ASSERT_EQ(said.size(), 27U) << ::testing::PrintToString(said);
    EXPECT_THAT(std::vector<std::string>(said.begin(), said.begin() + 5), ElementsAre("rows", "ok", "ok", "j", "ok"));
    for (size_t i = 5; i < said.size(); ++i)
      // The last ones are about a link in a file's place.
      EXPECT_TRUE(said[i] == kNotPermitted || (i >= 24 && said[i] == "loop")) << i << ": " << said[i];
  }
  EXPECT_EQ(content("pipeline.yaml"), "password: x");
  EXPECT_EQ(content("victim/keys"), "keys");
  EXPECT_EQ(content("data.db"), "rows");
}

TEST_F(FolderTest, ANativeComponentDoesNotWriteWhatItMayRead) {
  for (const char* path : {"in/a.txt", "in"}) {
    SCOPED_TRACE(path);
    const auto said =
        run_native(with_path(false), path,
                   "read a.txt;write a.txt x;write-existing a.txt x;truncate a.txt;unlink a.txt;rename a.txt b.txt;"
                   "mkdir d;rmdir sub;write new.txt x;cd .;write a.txt x;truncate a.txt");
    ASSERT_EQ(said.size(), 12U) << ::testing::PrintToString(said);
    EXPECT_EQ(said[0], "inside");
    for (size_t i = 1; i < said.size(); ++i) {
      if (i == 9) continue;  // the same folder once more
      EXPECT_THAT(said[i], ::testing::AnyOf(kNotPermitted, "read-only")) << i;
    }
    EXPECT_EQ(content("in/a.txt"), "inside");
    EXPECT_FALSE(fs::exists(folder_ / "in" / "new.txt"));
  }
}

// The original attack: a destination with dest-sqlite's permissions unlinks its file, replaces it by a link to a
// neighbour's folder and asks for a retry.
TEST_F(FolderTest, AGuestThatReplacesItsFileByALinkGetsNothingFromTheNextGuestOrRun) {
  fs::create_directories(folder_ / "out");
  write("out/x.db", "rows");
  const Manifest manifest = with_path(true, "sqlite");
  ASSERT_EQ(begin_run(manifest, {{"path", "out/x.db"}}), "");
  const auto lock = [&] {
    const LockedDatabase& database = grants_->databases.at(0);
    return SqliteFileLock::acquire(database.folder, database.name, std::chrono::milliseconds(100), CancelToken());
  };
  {
    const auto held = lock();
    ASSERT_TRUE(held.ok());
    EXPECT_THAT(next_script("out/x.db", "unlink @;symlink ../victim/x @"), ElementsAre("ok", kRefused));
  }
  // What it was after, done by somebody else.
  fs::create_symlink("../victim/x", folder_ / "out" / "x.db");
  EXPECT_FALSE(lock().ok()) << "the next guest does not start";
  EXPECT_FALSE(fs::exists(folder_ / "victim" / "x"));
  EXPECT_FALSE(fs::exists(folder_ / "victim" / "x-journal"));
  EXPECT_THAT(next_script("out/x.db", "append @ evil"), ElementsAre(Not("ok")));
  EXPECT_THAT(next_script("out/x.db", "append ^/keys evil"), ElementsAre(kRefused));
  EXPECT_EQ(content("victim/keys"), "keys");
  EXPECT_FALSE(fs::exists(folder_ / "victim" / "x"));
  // The next run finds a broken link, and creates nothing there.
  EXPECT_EQ(begin_run(manifest, {{"path", "out/x.db"}}), "PATH_NOT_FOUND");
}

}  // namespace
}  // namespace rapidbyte::runtime
