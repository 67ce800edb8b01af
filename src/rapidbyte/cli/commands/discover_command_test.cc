#include "rapidbyte/cli/commands/discover_command.h"

#include <gmock/gmock.h>

#include "rapidbyte/cli/testing/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DiscoverCommand : public CommandFixture {
 protected:
  ExitCode discover(bool json = false) {
    auto made = context();
    DiscoverArguments arguments;
    arguments.pipeline = file_;
    arguments.json = json;
    return discover_command(arguments, made);
  }
};

TEST_F(DiscoverCommand, SaysOnStderrWhatItCompiles) {
  write_pipeline();
  ASSERT_EQ(discover(), ExitCode::kOk);
  ASSERT_TRUE(slow_compilation_);
  slow_compilation_("big", 18'000'000);
  EXPECT_THAT(talk_.raw(), HasSubstr("compiling big (once, "));
}

TEST_F(DiscoverCommand, ShowsStreamsAndColumnsAsTables) {
  write_pipeline();
  EXPECT_EQ(discover(), ExitCode::kOk);
  EXPECT_EQ(data_.raw(),
            "orders (2 columns; full_refresh, incremental)\n"
            " column │ type  │ nullable\n"
            "────────┼───────┼──────────\n"
            " id     │ Int64 │ no\n"
            " note   │ Utf8  │ yes\n"
            "\n"
            "customers (0 columns; full_refresh)\n"
            " column │ type │ nullable\n"
            "────────┼──────┼──────────\n");
  EXPECT_THAT(calls_.names, ElementsAre("source.open", "source.discover", "source.close"));
}

TEST_F(DiscoverCommand, JsonIsTheCatalogWithKeysThatWeDoNotKnow) {
  connectors_["test/source"].catalog =
      std::string(R"({"streams": [{"name": "a", "schema": [], "estimated_rows": 7}], "server": "x"})");
  write_pipeline();
  EXPECT_EQ(discover(true), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["streams"][0]["estimated_rows"], 7);
  EXPECT_EQ(document["server"], "x");
}

TEST_F(DiscoverCommand, AHostileCatalogIsTheSourcesFailure) {
  write_pipeline();
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& catalog :
       {std::string("{"), std::string("[]"), std::string(R"({"streams": 7})"), std::string(R"({"streams": [7]})"),
        std::string(R"({"streams": [{"name": "a", "schema": 1}]})"),
        std::string(R"({"streams": [{"name": "a", "schema": [{}]}]})"), R"({"streams": )" + deep + "}"}) {
    connectors_["test/source"].catalog = catalog;
    EXPECT_EQ(discover(), ExitCode::kSource) << catalog.substr(0, 60);
  }
  EXPECT_THAT(talk_.raw(), HasSubstr("CATALOG_INVALID"));
}

TEST_F(DiscoverCommand, ARefusalAsJsonIsADocumentToo) {
  connectors_.clear();
  write_pipeline();
  EXPECT_EQ(discover(true), ExitCode::kConnector);
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["exit_code"], 4);
  EXPECT_EQ(document["failure"]["code"], "CONNECTOR_NOT_FOUND");
}

}  // namespace
}  // namespace rapidbyte::cli
