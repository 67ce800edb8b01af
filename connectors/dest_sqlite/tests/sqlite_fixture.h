#pragma once
// What the tests of dest-sqlite share: batches from rows written as JSON, a destination on a database in a temporary
// folder, one call for a whole load, and the contents of tables as text that shows types (1, 1.0, 'a', X'00', NULL).

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <vector>

#include "rapidbyte/sdk/arrow.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/batches.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::dest_sqlite {

using sdk::DataType;
using sdk::Json;
using sdk::Schema;
using sdk::Status;
using sdk::TypeId;
using sdk::testing::FakeHost;
using sdk::testing::make_batch;

using Lines = std::vector<std::string>;

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest();
  ~SqliteTest() override;

  [[nodiscard]] std::string path() const { return (folder_ / "data.db").string(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// A destination opened on path().
  std::unique_ptr<sdk::DestinationConnector> open(const Json& config = Json::object());
  static Json context(const std::string& stream, const Schema& schema, const Json& write_mode = "append");

  struct Outcome {
    Status status;
    sdk::WriteSummary summary;
    std::vector<sdk::testing::DlqRecord> dlq;
    std::vector<std::string> logs;
    std::string last_committed;
  };
  /// begin-stream, run-write of these batches with a checkpoint after each, finish-stream, close: as the engine does.
  Outcome load(const Json& context, const std::vector<std::vector<uint8_t>>& batches,
               const Json& config = Json::object());
  Outcome load(const Json& context, const Schema& schema, const std::vector<Json>& rows) {
    return load(context, {make_batch(schema, rows)});
  }

  /// The same for one stream, by a destination that stays open, up to finish-stream.
  static Outcome serve(sdk::DestinationConnector& destination, const Json& context,
                       const std::vector<std::vector<uint8_t>>& batches);
  /// With a host that already has its batches and markers, and may inject a fault.
  static Outcome serve(sdk::DestinationConnector& destination, FakeHost& host, const Json& context);

  /// Runs SQL on the database, outside of the connector.
  void sql(const std::string& text);
  /// Rows of a query; columns separated by '|', each as SQLite's quote() shows it.
  Lines query(const std::string& text);
  Lines table(const std::string& name, const std::string& order = "1");
  /// "ok" when SQLite finds the whole file sound.
  std::string integrity();

 private:
  std::filesystem::path folder_;
};

}  // namespace rapidbyte::dest_sqlite
