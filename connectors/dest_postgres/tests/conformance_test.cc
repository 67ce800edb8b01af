// dest-postgres in the suite of all table destinations.
#include "postgres/tests/postgres_server.h"
#include "rapidbyte/testing/table_destination_suite.h"

namespace rapidbyte::sdk::testing {
namespace {

using postgres::testing::PostgresServer;

// A separate schema on the private server.
class PostgresTables final : public TableDestination {
 public:
  PostgresTables() {
    if (!PostgresServer::installed()) return;
    static int number = 0;
    schema_ = "suite_" + std::to_string(++number);
    PostgresServer::shared().sql("CREATE SCHEMA " + schema_);
  }
  ~PostgresTables() override {
    if (schema_.empty()) return;
    PostgresServer::shared().sql("SET client_min_messages = error; DROP SCHEMA " + schema_ + " CASCADE");
  }
  PostgresTables(const PostgresTables&) = delete;
  PostgresTables& operator=(const PostgresTables&) = delete;

  [[nodiscard]] Json config() const override {
    Json config = PostgresServer::shared().config();
    config["schema"] = schema_;
    return config;
  }

  std::vector<std::string> sql(const std::string& text) override {
    const std::string output = PostgresServer::shared().sql("SET search_path = " + schema_ + "; " + text);
    std::vector<std::string> lines;
    for (size_t at = 0; at < output.size();) {
      const size_t end = std::min(output.find('\n', at), output.size());
      lines.push_back(output.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  [[nodiscard]] bool has_table(const std::string& name) override {
    return sql("SELECT to_regclass('" + name + "') IS NOT NULL") == std::vector<std::string>{"t"};
  }
  [[nodiscard]] std::pair<std::string, std::string> names_of_one_table() const override {
    return {"orders", schema_ + ".orders"};
  }
  [[nodiscard]] std::string missing() const override {
    return PostgresServer::installed() ? "" : "PostgreSQL is not installed";
  }

 private:
  std::string schema_;
};

std::unique_ptr<TableDestination> make_tables() { return std::make_unique<PostgresTables>(); }

INSTANTIATE_TEST_SUITE_P(Postgres, TableDestinationSuite, ::testing::Values(&make_tables),
                         [](const auto&) { return std::string("tables"); });

}  // namespace
}  // namespace rapidbyte::sdk::testing
