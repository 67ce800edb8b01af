#include "src/file_system.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace rapidbyte::dest_sqlite {
namespace {

class FileSystemTest : public ::testing::Test {
 protected:
  FileSystemTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "file-system-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    register_file_system();
    vfs_ = sqlite3_vfs_find("rapidbyte");
  }
  ~FileSystemTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// A file of SQLite's; closed by its owner.
  sqlite3_file* open(const std::string& name, int flags, int expected = SQLITE_OK) {
    memory_.push_back(std::make_unique<std::vector<uint64_t>>(static_cast<size_t>(vfs_->szOsFile) / 8 + 1));
    names_.push_back(std::make_unique<std::string>(name + '\0'));
    auto* file = reinterpret_cast<sqlite3_file*>(memory_.back()->data());
    EXPECT_EQ(vfs_->xOpen(vfs_, name.empty() ? nullptr : names_.back()->c_str(), file, flags, nullptr), expected);
    return file;
  }
  static std::string on_disk(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  static constexpr int kDatabase = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  std::filesystem::path folder_;
  sqlite3_vfs* vfs_ = nullptr;

 private:
  std::vector<std::unique_ptr<std::vector<uint64_t>>> memory_;
  std::vector<std::unique_ptr<std::string>> names_;
};

TEST_F(FileSystemTest, AnyOrderOfReadsAndWritesGivesWhatAPlainFileWould) {
  sqlite3_file* file = open(path("x"), kDatabase);
  std::mt19937 random(7);
  const auto below = [&random](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  std::string model;
  sqlite3_int64 next = 0;
  for (int step = 0; step < 20'000; ++step) {
    // Mostly one after the other, as SQLite writes; sometimes anywhere; now and then larger than the buffer.
    const int size = below(200) == 0 ? 65'536 + below(70'000) : 1 + below(5'000);
    const sqlite3_int64 offset = below(4) != 0 ? next : below(300'000);
    switch (below(12)) {
      case 0: {
        std::string got(static_cast<size_t>(size), '?');
        std::string want(static_cast<size_t>(size), '\0');
        const auto at = static_cast<size_t>(offset);
        const bool whole = at + want.size() <= model.size();
        if (at < model.size()) model.copy(want.data(), want.size(), at);
        ASSERT_EQ(file->pMethods->xRead(file, got.data(), size, offset), whole ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
        ASSERT_EQ(got, want);
        break;
      }
      case 1: {
        sqlite3_int64 length = 0;
        ASSERT_EQ(file->pMethods->xFileSize(file, &length), SQLITE_OK);
        ASSERT_EQ(length, static_cast<sqlite3_int64>(model.size()));
        break;
      }
      case 2:
        if (below(10) != 0) break;
        model.resize(std::min(model.size(), static_cast<size_t>(below(300'000))));
        ASSERT_EQ(file->pMethods->xTruncate(file, static_cast<sqlite3_int64>(model.size())), SQLITE_OK);
        next = static_cast<sqlite3_int64>(model.size());
        break;
      case 3:
        if (below(20) != 0) break;
        ASSERT_EQ(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        ASSERT_EQ(on_disk(path("x")), model);
        break;
      default: {
        if (offset > 400'000) {
          next = 0;
          break;
        }
        const std::string data(static_cast<size_t>(size), static_cast<char>('a' + below(26)));
        ASSERT_EQ(file->pMethods->xWrite(file, data.data(), size, offset), SQLITE_OK);
        const auto at = static_cast<size_t>(offset);
        if (model.size() < at + data.size()) model.resize(at + data.size(), '\0');
        model.replace(at, data.size(), data);
        next = offset + size;
      }
    }
  }
  ASSERT_EQ(file->pMethods->xClose(file), SQLITE_OK);
  EXPECT_EQ(on_disk(path("x")), model);
}

TEST_F(FileSystemTest, SmallWritesAreJoinedAndOnDiskAfterASync) {
  sqlite3_file* file = open(path("x"), kDatabase);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(file->pMethods->xWrite(file, "0123456789", 10, int64_t{i} * 10), SQLITE_OK);
  EXPECT_EQ(on_disk(path("x")).size(), 0U);
  ASSERT_EQ(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY), SQLITE_OK);
  EXPECT_EQ(on_disk(path("x")).size(), 100U);
  file->pMethods->xClose(file);
}

TEST_F(FileSystemTest, TemporaryFilesLieInTheDatabasesFolderAndAreGoneAtOnce) {
  sqlite3_file* database = open(path("x"), kDatabase);
  sqlite3_file* temp = open("", SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                    SQLITE_OPEN_EXCLUSIVE | SQLITE_OPEN_DELETEONCLOSE);
  ASSERT_EQ(temp->pMethods->xWrite(temp, "abc", 3, 0), SQLITE_OK);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  char back[3];
  ASSERT_EQ(temp->pMethods->xRead(temp, back, 3, 0), SQLITE_OK);
  EXPECT_EQ(std::string(back, 3), "abc");
  temp->pMethods->xClose(temp);
  database->pMethods->xClose(database);
}

TEST_F(FileSystemTest, JournalsGetThePermissionsOfTheirDatabase) {
  sqlite3_file* database = open(path("x"), kDatabase);
  chmod(path("x").c_str(), 0600);
  sqlite3_file* journal =
      open(path("x-journal"), SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  struct stat info;
  ASSERT_EQ(stat(path("x-journal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  journal->pMethods->xClose(journal);
  database->pMethods->xClose(database);
}

TEST_F(FileSystemTest, LinksAreNotFollowed) {
  std::ofstream(path("real")) << "x";
  std::filesystem::create_symlink(path("real"), path("link"));
  open(path("link"), kDatabase, SQLITE_CANTOPEN);
}

TEST_F(FileSystemTest, AnEmptyJournalCountsAsNone) {
  std::ofstream(path("x-journal")).close();
  int there = 1;
  ASSERT_EQ(vfs_->xAccess(vfs_, path("x-journal").c_str(), SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
  EXPECT_EQ(there, 0);
  EXPECT_EQ(vfs_->xDelete(vfs_, path("x-journal").c_str(), 1), SQLITE_OK);
  EXPECT_EQ(vfs_->xDelete(vfs_, path("x-journal").c_str(), 1), SQLITE_IOERR_DELETE_NOENT);
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
