#include "rapidbyte/runtime/sandbox/grants.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

class GrantsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::canonical(fs::temp_directory_path()) / ("rapidbyte-grants-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "data");
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<std::shared_ptr<const ConnectorGrants>> resolve(nlohmann::json config,
                                                         std::vector<std::string> writable = {}) {
    return resolve_grants_of({"source", "test", "/source", &manifest_, std::move(config), std::move(writable)},
                             folder_);
  }

  fs::path folder_;
  Manifest manifest_;
};

TEST_F(GrantsTest, AFolderIsGrantedAsAWhole) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  const auto grants = resolve({{"folder", "data"}, {"other", "data"}});
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  ASSERT_EQ((*grants)->folders.size(), 1U);
  const FolderGrant& grant = (*grants)->folders[0];
  EXPECT_EQ(grant.folder->path(), folder_ / "data");
  EXPECT_EQ(grant.guest_path, (folder_ / "data").string());
  EXPECT_TRUE(grant.is_whole());
  EXPECT_FALSE(grant.read_write);
  EXPECT_EQ((*grants)->values.at(0).absolute, (folder_ / "data").string());
}

TEST_F(GrantsTest, OfAFileOnlyTheFileIsGranted) {
  std::ofstream(folder_ / "data" / "in.csv") << "x";
  manifest_.permissions.config_paths = {{"/in", false, ""}, {"/db", true, "sqlite"}, {"/out", true, ""}};
  const auto grants = resolve({{"in", "data/in.csv"}, {"db", "data/new.db"}, {"out", "data/out"}});
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  ASSERT_EQ((*grants)->folders.size(), 1U) << "one handle for one folder";
  const FolderGrant& grant = (*grants)->folders[0];
  EXPECT_FALSE(grant.is_whole());
  EXPECT_EQ(grant.files, (std::vector<GrantedFile>{{"in.csv", false, Companions::kNone},
                                                   {"new.db", true, Companions::kSqlite},
                                                   {"out", true, Companions::kSqlite}}));
  ASSERT_EQ((*grants)->databases.size(), 1U);
  EXPECT_EQ((*grants)->databases[0].name, "new.db");
  EXPECT_EQ((*grants)->databases[0].folder->identity(), grant.folder->identity());
  EXPECT_FALSE(fs::exists(folder_ / "data" / "new.db")) << "resolving makes nothing";
}

TEST_F(GrantsTest, AFilesCompanionsAreKnownByTheirNames) {
  const GrantedFile database{"x.db", true, Companions::kSqlite};
  for (const char* name : {"x.db", "x.db-journal", "x.db-wal", "x.db-shm", "x.db-tmp-0123456789abcdef"})
    EXPECT_TRUE(database.covers(name)) << name;
  for (const char* name : {"x.d", "x.db2", "x.db-journal2", "x.db-tmp-", "x.db-tmp-0123456789abcdeF", "x.db-tmp-0123",
                           "y.db", "", "./x.db", "x.db/"})
    EXPECT_FALSE(database.covers(name)) << name;
  EXPECT_FALSE((GrantedFile{"x.csv", true, Companions::kNone}).covers("x.csv-journal"));
  const GrantedFile duckdb{"x.db", true, Companions::kDuckdb};
  for (const char* name : {"x.db", "x.db.wal", "x.db.wal.checkpoint", "x.db.wal.recovery"})
    EXPECT_TRUE(duckdb.covers(name)) << name;
  for (const char* name : {"x.db-wal", "x.db.wal2", "x.db.wal.", "x.db.tmp", "x.wal", "x.db-tmp-0123456789abcdef"})
    EXPECT_FALSE(duckdb.covers(name)) << name;
}

TEST_F(GrantsTest, ADuckdbDatabaseThatIsOnlyReadIsLockedForReading) {
  std::ofstream(folder_ / "data" / "x.duckdb") << "x";
  manifest_.permissions.config_paths = {{"/in", false, "duckdb"}, {"/out", true, "duckdb"}};
  const auto grants = resolve({{"in", "data/x.duckdb"}, {"out", "data/y.duckdb"}});
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  EXPECT_EQ((*grants)->folders.at(0).files, (std::vector<GrantedFile>{{"x.duckdb", false, Companions::kDuckdb},
                                                                      {"y.duckdb", true, Companions::kDuckdb}}));
  ASSERT_EQ((*grants)->databases.size(), 2U);
  EXPECT_EQ((*grants)->databases[0].kind, "duckdb");
  EXPECT_FALSE((*grants)->databases[0].read_write);
  EXPECT_TRUE((*grants)->databases[1].read_write);
  const auto absent = resolve({{"in", "data/absent.duckdb"}});
  EXPECT_EQ(absent.status().error().code, "PATH_NOT_FOUND");
}

TEST_F(GrantsTest, ALinkedFileIsGrantedWhereItIs) {
  fs::create_directories(folder_ / "real");
  std::ofstream(folder_ / "real" / "x.db") << "x";
  fs::create_symlink(folder_ / "real" / "x.db", folder_ / "data" / "link.db");
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  const auto grants = resolve({{"path", "data/link.db"}});
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  EXPECT_EQ((*grants)->folders.at(0).folder->path(), folder_ / "real");
  EXPECT_EQ((*grants)->values.at(0).absolute, (folder_ / "real" / "x.db").string());
  fs::create_symlink(folder_ / "real" / "none.db", folder_ / "data" / "dangling.db");
  EXPECT_EQ(resolve({{"path", "data/dangling.db"}}).status().error().code, "PATH_NOT_FOUND");
}

// A database that the first run would make, behind a link: the folder is there, and making one does not help.
TEST_F(GrantsTest, ALinkThatLeadsNowhereSaysWhatToDo) {
  fs::create_symlink(folder_ / "data" / "real.db", folder_ / "data" / "orders.db");
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  for (const auto& [path, advice] : {std::pair{"data/orders.db", "write the path that the link leads to"},
                                     {"absent/orders.db", "create the folder first"}}) {
    const std::string said = resolve({{"path", path}}).status().error().message;
    EXPECT_NE(said.find(advice), std::string::npos) << said;
    EXPECT_EQ(said.find("create the folder first") != std::string::npos, path == std::string("absent/orders.db"));
  }
}

// Of an earlier version a guest may be left with a link where its file was: it leads to a neighbour's.
TEST_F(GrantsTest, ARelativeLinkInThePlaceOfAFileIsNotFollowedForWriting) {
  fs::create_directories(folder_ / "victim");
  std::ofstream(folder_ / "victim" / "keys") << "keys";
  fs::create_symlink("../victim/keys", folder_ / "data" / "x.db");
  fs::create_symlink(folder_ / "data" / "x.db", folder_ / "data" / "y.db");
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  for (const char* path : {"data/x.db", "data/y.db", "data/../data/x.db"}) {
    SCOPED_TRACE(path);
    const auto refused = resolve({{"path", path}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, "GRANT_REFUSED");
    const std::string& said = refused.error().message;
    EXPECT_NE(said.find((folder_ / "data" / "x.db").string() + " is a symbolic link"), std::string::npos) << said;
    EXPECT_NE(said.find((folder_ / "victim" / "keys").string()), std::string::npos) << "says where it leads: " << said;
  }
  // A folder on the way is not in the file's place: it was never the guest's.
  fs::create_directory_symlink("victim", folder_ / "linked");
  EXPECT_TRUE(resolve({{"path", "linked/keys"}}).ok());
  manifest_.permissions.config_paths = {{"/path", false, ""}};
  EXPECT_TRUE(resolve({{"path", "data/x.db"}}).ok()) << "reading harms nobody";
}

TEST_F(GrantsTest, AFileWithSeveralNamesIsNotGivenForWriting) {
  std::ofstream(folder_ / "victim") << "keys";
  fs::create_hard_link(folder_ / "victim", folder_ / "data" / "x.db");
  manifest_.permissions.config_paths = {{"/path", true, "sqlite"}};
  const auto refused = resolve({{"path", "data/x.db"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "GRANT_REFUSED");
  EXPECT_NE(refused.error().message.find("2 names"), std::string::npos) << refused.error().message;
  manifest_.permissions.config_paths = {{"/path", false, ""}};
  EXPECT_TRUE(resolve({{"path", "data/x.db"}}).ok()) << "reading harms nobody";
}

TEST_F(GrantsTest, AFolderNamedTwiceIsOpenedOnceWithTheWiderAccess) {
  std::ofstream(folder_ / "data" / "in.csv") << "x";
  manifest_.permissions.config_paths = {{"/a", false, ""}, {"/b", true, ""}, {"/file", true, ""}};
  const auto grants = resolve({{"a", "data"}, {"b", "data"}, {"file", "data/in.csv"}});
  ASSERT_TRUE(grants.ok()) << grants.status().to_string();
  ASSERT_EQ((*grants)->folders.size(), 1U);
  EXPECT_TRUE((*grants)->folders[0].read_write);
  EXPECT_TRUE((*grants)->folders[0].is_whole());
  const auto narrow = resolve({{"a", "data"}, {"file", "data/in.csv"}});
  ASSERT_FALSE(narrow.ok()) << "one handle cannot be both";
  EXPECT_EQ(narrow.error().code, "GRANT_REFUSED");
}

TEST_F(GrantsTest, AnAbsentValueGrantsNothing) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}};
  const auto grants = resolve({{"other", "data"}});
  ASSERT_TRUE(grants.ok());
  EXPECT_TRUE((*grants)->folders.empty());
}

TEST_F(GrantsTest, ErrorsNameTheConnectorTheKeyAndThePath) {
  manifest_.permissions.config_paths = {{"/folder", false, ""}, {"/db", true, "sqlite"}};
  for (const auto& [config, code] :
       std::vector<std::pair<nlohmann::json, std::string>>{{{{"folder", "nowhere"}}, "PATH_NOT_FOUND"},
                                                           {{{"folder", 7}}, "INVALID_PATH"},
                                                           {{{"folder", ""}}, "INVALID_PATH"},
                                                           {{{"folder", std::string("a\0b", 3)}}, "INVALID_PATH"},
                                                           {{{"db", "nowhere/x.db"}}, "PATH_NOT_FOUND"},
                                                           {{{"db", "data"}}, "DATABASE_OPEN"}}) {
    const auto grants = resolve(config);
    ASSERT_FALSE(grants.ok()) << config;
    EXPECT_EQ(grants.error().code, code) << grants.error().message;
    EXPECT_NE(grants.error().message.find("test: config /" + config.begin().key()), std::string::npos)
        << grants.error().message;
  }
}

TEST_F(GrantsTest, FoldersOfAManifestAreReadOnlyUnlessThePipelineGrantsMore) {
  manifest_.permissions.preopens = {"data"};
  EXPECT_FALSE((*resolve({}))->folders.at(0).read_write);
  const auto granted = resolve({}, {"data"});
  ASSERT_TRUE(granted.ok());
  EXPECT_TRUE((*granted)->folders.at(0).read_write);
  EXPECT_EQ((*granted)->folders.at(0).guest_path, "data");
  const auto refused = resolve({}, {"data", "dat"});
  ASSERT_FALSE(refused.ok()) << "a misspelt grant would silently leave the folder read-only";
  EXPECT_EQ(refused.status().error().code, "FOLDER_NOT_ASKED");
  EXPECT_NE(refused.status().error().message.find("the folder dat, which the connector's manifest does not ask for; "
                                                  "it asks for data"),
            std::string::npos)
      << refused.status().error().message;
  EXPECT_EQ(resolve_grants_of({"source", "test", "/source", nullptr, {}, {"data"}}, folder_).status().error().code,
            "FOLDER_NOT_ASKED");
  manifest_.permissions.preopens = {"none"};
  EXPECT_EQ(resolve({}).status().error().code, "PATH_NOT_FOUND");
}

}  // namespace
}  // namespace rapidbyte::runtime
