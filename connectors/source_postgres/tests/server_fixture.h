#pragma once
// ServerTest: a separate database for every test, in the private server that the test program shares, and the connector
// run natively against it.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "postgres/tests/postgres_server.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/sdk/json.h"
#include "source.h"

namespace rapidbyte::source_postgres::testing {

struct RunOptions {
  std::string name = "t";
  sdk::Json stream = sdk::Json::object();  // the stream's own keys
  std::string cursor_field;  // not empty: incremental
  sdk::Json last_value;  // of the cursor, as the host keeps it
  sdk::Json resume;
  sdk::Json partition;
  std::string on_data_error = "fail";
  bool special_values = true;
  uint64_t max_batch_bytes = 256 << 10;
  uint64_t max_record_bytes = 16 << 20;
  uint64_t checkpoint_interval_rows = 0;
  /// Makes the `nth` emit-batch fail.
  uint64_t fail_emit = 0;
  /// Called before every host call with its name.
  std::function<void(std::string_view)> before_call;
};

struct RunResult {
  sdk::Status status;
  sdk::Schema schema;
  std::vector<std::vector<std::string>> rows;  // the server's text of each value, NULL for null
  std::vector<sdk::Json> checkpoints;
  std::vector<size_t> rows_covered;  // by each checkpoint
  std::vector<size_t> batch_bytes;
  sdk::ReadSummary summary;
  std::vector<std::string> dlq;
  std::vector<std::string> warnings;

  /// The first column.
  [[nodiscard]] std::vector<std::string> firsts() const;
  /// The cursor value that the next run gets.
  [[nodiscard]] sdk::Json cursor() const;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override;

  /// Runs SQL as the superuser in the test's database; lines of tab-separated values.
  std::string sql(const std::string& text) const;
  /// The lines of an answer.
  std::vector<std::string> lines(const std::string& query) const;
  /// The connector's config for the test's database.
  [[nodiscard]] sdk::Json config() const;
  RunResult run(const RunOptions& options) const;
  /// As run(), with more config ("user", "schema" ...).
  RunResult run(const RunOptions& options, const sdk::Json& more_config) const;
  sdk::Result<sdk::Catalog> discover(const sdk::Json& more_config = sdk::Json::object()) const;
  sdk::Result<sdk::Validation> validate(const sdk::Json& more_config = sdk::Json::object()) const;

  std::string database_;
};

/// The context of a run, as the engine makes it.
sdk::Json make_run_context(const RunOptions& options, const sdk::Schema& schema);

}  // namespace rapidbyte::source_postgres::testing
