#pragma once
// What the tests of dest-postgres against a real server share: a destination on the private server, in a schema of each
// test's own, one call for a whole load, and the contents of tables as the server shows them.

#include <string>
#include <vector>

#include "postgres/tests/postgres_server.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"
#include "tests/batches.h"

namespace rapidbyte::dest_postgres {

using postgres::testing::PostgresServer;
using sdk::testing::FakeHost;

using Lines = std::vector<std::string>;
using Batches = std::vector<std::vector<uint8_t>>;

inline const DataType kInt = DataType::of(TypeId::kInt64);
inline const DataType kText = DataType::of(TypeId::kUtf8);

/// The usual table: id and name.
inline Schema two_columns() { return {{{"id", kInt}, {"name", kText}}}; }
inline Json row(int64_t id, const Json& name) { return Json::array({id, name}); }

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] const std::string& schema_name() const { return schema_; }
  [[nodiscard]] Json config(const Json& more = Json::object()) const;
  /// A destination opened on the server.
  std::unique_ptr<sdk::DestinationConnector> open(const Json& more = Json::object());
  static Json context(const std::string& stream, const Schema& schema, const Json& write_mode = "append");
  static Json upsert(const std::vector<std::string>& key) { return {{"upsert", {{"primary_key", key}}}}; }
  static Json on_error(Json ctx, const std::string& policy) {
    ctx["policies"]["on_data_error"] = policy;
    return ctx;
  }

  struct Outcome {
    Status status;
    sdk::WriteSummary summary;
    std::vector<sdk::testing::DlqRecord> dlq;
    std::vector<std::string> logs;
    std::string last_committed;
    uint64_t sends = 0;  // to the server
    [[nodiscard]] std::string code() const { return status.ok() ? "ok" : status.error().code; }
    [[nodiscard]] std::string message() const { return status.ok() ? "" : status.error().message; }
  };
  enum class Commits : uint8_t { kAfterEachBatch, kAtTheEnd };
  /// begin-stream, run-write of these batches with checkpoints, finish-stream, close: as the engine does.
  Outcome load(const Json& context, const Batches& batches, const Json& more = Json::object(),
               Commits commits = Commits::kAfterEachBatch);
  Outcome load(const Json& context, const Schema& schema, const std::vector<Json>& rows,
               const Json& more = Json::object()) {
    return load(context, Batches{make_batch(schema, rows)}, more);
  }
  /// Puts a load's batches and checkpoints into `host`.
  static void push(FakeHost& host, const Json& context, const Batches& batches,
                   Commits commits = Commits::kAfterEachBatch);

  /// Runs SQL by psql with the test's schema first in the search path; its lines, columns separated by tabs.
  Lines sql(const std::string& text) const;
  /// Rows of a table as the server writes them: (1,"a b",) where the last is NULL.
  [[nodiscard]] Lines table(const std::string& name, const std::string& order = "1") const;

 private:
  std::string schema_;
};

/// The same rows, then their order does not matter.
Lines sorted(Lines lines);

}  // namespace rapidbyte::dest_postgres
