// What one connector may write must not be what another one, or the program, relies on.

#include "rapidbyte/runtime/sandbox/grant_conflicts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class GrantConflictsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-conflicts-" + std::to_string(getpid()));
    for (const char* folder : {"in", "out/sub", "elsewhere"}) fs::create_directories(root_ / folder);
    std::ofstream(root_ / "p.yaml") << "password: x";
    reads_.permissions.config_paths = {{"/path", false, ""}};
    writes_.permissions.config_paths = {{"/path", true, ""}};
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A source that reads `read`, a destination that writes `written`: the messages of what is refused, a line each with
  /// the place in the pipeline file.
  std::string refused(const std::string& read, const std::string& written, std::vector<ProtectedPath> protect = {}) {
    GrantPlan plan;
    plan.base_folder = root_;
    plan.protected_paths = std::move(protect);
    plan.requests = {{"source", "reader", "/source", &reads_, {{"path", read}}, {}},
                     {"destination", "writer", "/destination", &writes_, {{"path", written}}, {}}};
    std::string said;
    for (const GrantProblem& problem : resolve_grants(plan).problems) {
      EXPECT_EQ(problem.error.code, kGrantRefused) << problem.error.message;
      said += problem.pointer + ": " + problem.error.message + "\n";
    }
    return said;
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  fs::path root_;
  Manifest reads_;
  Manifest writes_;
};

TEST_F(GrantConflictsTest, AFolderBesideTheOthersIsFine) {
  EXPECT_EQ(refused("in", "out", {{"the pipeline file", root_ / "p.yaml"}, {"the state", root_ / ".r" / "state.db"}}),
            "");
  std::ofstream(root_ / "in" / "x.db") << "x";
  EXPECT_EQ(refused("in", "in/x.db"), "") << "a file in a folder that another one reads";
  EXPECT_EQ(refused("in", "new.db", {{"the pipeline file", root_ / "p.yaml"}}), "") << "a file, not its neighbours";
}

TEST_F(GrantConflictsTest, AWritableFolderMustNotHoldWhatTheProgramReliesOn) {
  for (const auto& [written, path] : std::vector<std::pair<std::string, std::string>>{
           {".", "p.yaml"}, {"out", "out/sub/p.yaml"}, {"out", "out/none/deeper/state.db"}, {"out", "out"}}) {
    const std::string said = refused("in", written, {{"the state", root_ / path}});
    EXPECT_TRUE(has(said, "/destination/config/path: writer may write ")) << said;
    if (written == ".") continue;  // refused for what the reader is given before that
    EXPECT_TRUE(has(said, "holds the state (" + (root_ / path).string())) << said;
  }
  fs::create_directory_symlink(root_ / "elsewhere", root_ / "out" / "link");
  EXPECT_TRUE(has(refused("in", "out", {{"the state", root_ / "out" / "link" / "state.db"}}), "holds the state"))
      << "whoever can replace the link can replace the state";
}

TEST_F(GrantConflictsTest, AWritableFolderMustNotHoldWhatAnotherConnectorIsGiven) {
  EXPECT_TRUE(has(refused("out/sub", "out"), "/destination/config/path: writer may write " + (root_ / "out").string() +
                                                 ", which holds what reader is given"));
  EXPECT_TRUE(has(refused("out", "out"), "holds what reader is given"));
  std::ofstream(root_ / "out" / "sub" / "a.csv") << "x";
  EXPECT_TRUE(has(refused("out/sub/a.csv", "out"), "holds what reader is given"));
  EXPECT_EQ(refused("out", "out/sub"), "") << "the reader sees what the writer wrote, and no link leads it away";
  reads_.permissions.config_paths[0].read_write = true;
  const std::string both = refused("out", "out");
  EXPECT_EQ(both.find("may write"), both.rfind("may write")) << "told once: " << both;
}

TEST_F(GrantConflictsTest, AWritableFileMustBeNobodyElses) {
  std::ofstream(root_ / "a.db") << "x";
  for (const char* other : {"a.db", "a.db-journal", "a.db-tmp-0123456789abcdef"}) {
    const std::string said = refused("in", "a.db", {{"the state", root_ / other}});
    EXPECT_TRUE(has(said, "/destination/config/path: writer may write ")) << other << ": " << said;
    EXPECT_TRUE(has(said, "which is the state")) << said;
  }
  EXPECT_TRUE(has(refused("a.db", "a.db"), "which is what reader is given"));
  EXPECT_EQ(refused("in", "a.db", {{"the state", root_ / "b.db"}}), "");
  fs::create_symlink("a.db", root_ / "alias.db");
  EXPECT_TRUE(has(refused("in", "a.db", {{"the state", root_ / "alias.db"}}), "which is the state"));
}

TEST_F(GrantConflictsTest, NoPathGoesThroughALinkWhereAGuestMayWrite) {
  fs::create_directory_symlink("../elsewhere", root_ / "out" / "link");
  const std::string said = refused("out/link", "out");
  EXPECT_TRUE(has(said, "/source/config/path: the path leads through the symbolic link " +
                            (root_ / "out" / "link").string() + ", which is where writer may write"))
      << said;
  EXPECT_TRUE(has(said, (root_ / "elsewhere").string())) << "says where it leads: " << said;

  // Its own folder, too: an earlier run of the same connector may have laid the link.
  writes_.permissions.config_paths.push_back({"/database", true, "sqlite"});
  std::ofstream(root_ / "elsewhere" / "keys") << "x";
  fs::create_symlink("../elsewhere/keys", root_ / "out" / "x.db");
  GrantPlan plan;
  plan.base_folder = root_;
  plan.requests = {
      {"destination", "writer", "/destination", &writes_, {{"path", "out"}, {"database", "out/x.db"}}, {}}};
  const ResolvedGrants resolved = resolve_grants(plan);
  ASSERT_EQ(resolved.problems.size(), 1U);
  EXPECT_EQ(resolved.problems[0].pointer, "/destination/config/database");
  EXPECT_EQ(resolved.problems[0].error.code, kGrantRefused);

  // The user's own link elsewhere is followed.
  fs::create_directory_symlink("elsewhere", root_ / "mine");
  EXPECT_EQ(refused("mine", "out"), "");
}

}  // namespace
}  // namespace rapidbyte::runtime
