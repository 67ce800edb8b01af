// dest-sqlite in the suite of all table destinations.
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>

#include "rapidbyte/testing/table_destination_suite.h"

namespace rapidbyte::sdk::testing {
namespace {

class SqliteTables final : public TableDestination {
 public:
  SqliteTables() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sqlite-suite-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~SqliteTables() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SqliteTables(const SqliteTables&) = delete;
  SqliteTables& operator=(const SqliteTables&) = delete;

  [[nodiscard]] Json config() const override { return {{"path", path()}}; }

  std::vector<std::string> sql(const std::string& text) override {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    std::vector<std::string> lines;
    char* message = nullptr;
    const auto keep = [](void* out, int, char** values, char**) {
      static_cast<std::vector<std::string>*>(out)->emplace_back(values[0] != nullptr ? values[0] : "NULL");
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), keep, &lines, &message), SQLITE_OK)
        << text << ": " << (message != nullptr ? message : "");
    sqlite3_free(message);
    sqlite3_close(db);
    return lines;
  }

  [[nodiscard]] bool has_table(const std::string& name) override {
    return !sql("SELECT name FROM sqlite_schema WHERE name = '" + name + "'").empty();
  }
  // ASCII letters match in either case.
  [[nodiscard]] std::pair<std::string, std::string> names_of_one_table() const override { return {"Orders", "orders"}; }

 private:
  [[nodiscard]] std::string path() const { return (folder_ / "data.db").string(); }
  std::filesystem::path folder_;
};

std::unique_ptr<TableDestination> make_tables() { return std::make_unique<SqliteTables>(); }

INSTANTIATE_TEST_SUITE_P(Sqlite, TableDestinationSuite, ::testing::Values(&make_tables),
                         [](const auto&) { return std::string("tables"); });

}  // namespace
}  // namespace rapidbyte::sdk::testing
