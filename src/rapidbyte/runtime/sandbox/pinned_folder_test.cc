#include "rapidbyte/runtime/sandbox/pinned_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class PinnedFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-pin-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "a" / "b");
    std::ofstream(folder_ / "a" / "b" / "file") << "x";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// What walk_path() says: the path, with a slash at the end of a folder, or the error's message.
  static std::string leads_to(const fs::path& path) {
    const auto where = walk_path(path);
    if (!where.ok()) return where.error().message;
    return where->path().string() + (where->is_folder() ? "/" : where->exists ? "" : " (to come)");
  }

  fs::path folder_;
};

TEST_F(PinnedFolderTest, APathIsFollowedToItsEnd) {
  fs::create_directory_symlink("b", folder_ / "a" / "link");
  fs::create_directory_symlink(folder_ / "a", folder_ / "absolute");
  fs::create_symlink("../a/link/file", folder_ / "a" / "to_file");
  fs::create_symlink("nothing", folder_ / "a" / "dangling");
  fs::create_symlink("circle", folder_ / "a" / "circle");
  const std::string a = (folder_ / "a").string();
  EXPECT_EQ(leads_to(folder_ / "a" / "b"), a + "/b/");
  EXPECT_EQ(leads_to(folder_ / "a" / "b" / ""), a + "/b/");
  EXPECT_EQ(leads_to(folder_ / "a" / "." / "b" / ".." / "b" / "file"), a + "/b/file");
  EXPECT_EQ(leads_to(folder_ / "a" / "b" / "new"), a + "/b/new (to come)");
  EXPECT_EQ(leads_to(folder_ / "absolute" / "link" / "new"), a + "/b/new (to come)");
  EXPECT_EQ(leads_to(folder_ / "absolute" / "to_file"), a + "/b/file");
  EXPECT_EQ(leads_to(folder_ / "absolute" / ".."), folder_.string() + "/");
  EXPECT_EQ(leads_to("/"), "//");
  EXPECT_EQ(leads_to("/.."), "//");
  EXPECT_EQ(leads_to(folder_ / "a" / "none" / "new"), a + "/none does not exist");
  EXPECT_EQ(leads_to(folder_ / "a" / "b" / "file" / "new"), a + "/b/file is a file, not a folder");
  EXPECT_EQ(leads_to(folder_ / "a" / "dangling"),
            a + "/dangling is a symbolic link that leads nowhere (" + a + "/nothing)");
  EXPECT_EQ(leads_to(folder_ / "a" / "circle"), a + "/circle is a symbolic link that cannot be followed");
}

TEST_F(PinnedFolderTest, TheLinksOnTheWayAreToldWithTheirFolders) {
  fs::create_directory_symlink(folder_ / "a", folder_ / "first");
  fs::create_directory_symlink("b", folder_ / "a" / "second");
  const auto where = walk_path(folder_ / "first" / "second" / "file");
  ASSERT_TRUE(where.ok());
  ASSERT_EQ(where->links.size(), 2U);
  EXPECT_EQ(where->links[0].path(), folder_ / "first");
  EXPECT_EQ(where->links[1].path(), folder_ / "a" / "second");
  EXPECT_TRUE(where->links[0].is_absolute);
  EXPECT_FALSE(where->links[1].is_absolute);
  EXPECT_FALSE(where->links[1].is_last);
}

TEST_F(PinnedFolderTest, AHandleStaysWithItsFolder) {
  const auto where = walk_path(folder_ / "a" / "b");
  ASSERT_TRUE(where.ok());
  fs::rename(folder_ / "a" / "b", folder_ / "moved");
  fs::create_directory(folder_ / "victim");
  fs::create_directory_symlink("../victim", folder_ / "a" / "b");
  std::ifstream in(where->folder->handle_path() + "/file");
  EXPECT_EQ(in.get(), 'x');
  EXPECT_EQ(where->folder->path(), folder_ / "a" / "b") << "as it was called when it was pinned";
}

TEST_F(PinnedFolderTest, WhatLiesInAFolderIsToldByTheFoldersAndNotByTheirNames) {
  fs::create_directory(folder_ / "ab");
  const auto pin = [&](const fs::path& path) { return walk_path(folder_ / path)->folder; };
  EXPECT_TRUE(pin("a")->is_within(*pin("a")));
  EXPECT_TRUE(pin("a/b")->is_within(*pin("a")));
  EXPECT_TRUE(pin("a/b")->is_within(*pin("/")));
  EXPECT_FALSE(pin("a")->is_within(*pin("a/b")));
  EXPECT_FALSE(pin("ab")->is_within(*pin("a")));
  const auto b = pin("a/b");
  const auto a = pin("a");
  fs::rename(folder_ / "a" / "b", folder_ / "b");
  EXPECT_FALSE(b->is_within(*a));
}

TEST_F(PinnedFolderTest, APathThatEndsEarlyHasANearestFolder) {
  fs::create_symlink("nothing", folder_ / "a" / "dangling");
  const auto where = walk_as_far_as_it_exists(folder_ / "a" / "none" / "deeper" / "file");
  ASSERT_TRUE(where.ok());
  EXPECT_EQ(where->folder->path(), folder_ / "a");
  EXPECT_EQ(where->file_name, "none");
  EXPECT_FALSE(where->exists);
  const auto linked = walk_as_far_as_it_exists(folder_ / "a" / "dangling");
  ASSERT_TRUE(linked.ok());
  EXPECT_EQ(linked->file_name, "nothing");
}

}  // namespace
}  // namespace rapidbyte::runtime
