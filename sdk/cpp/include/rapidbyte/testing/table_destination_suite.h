#pragma once
// TableDestinationSuite: what every table destination guarantees, as tests that are the same for all of them: write
// modes, receipts, loads that are interrupted at any call, schema policies, refused rows, instances that serve many
// streams. What differs is data: a TableDestination says where the rows are and how its SQL is spelled.
//
// In a connector's tests:
//
//   INSTANTIATE_TEST_SUITE_P(MyDatabase, TableDestinationSuite, ::testing::Values(&make_my_destination));
//
// and in CMake rb_table_destination_suite among the libraries of the test program, which holds the tests.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/batches.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk::testing {

/// A new, empty place for tables, and the quirks of the destination that loads into it. Each test creates one, on the
/// test's thread; its destructor removes the place.
class TableDestination {
 public:
  virtual ~TableDestination() = default;

  /// The destination's config for this place.
  [[nodiscard]] virtual Json config() const = 0;
  /// Runs SQL outside of the connector: statements, or one query, whose only column is returned as lines. Identifiers
  /// in double quotes, casts by CAST, types bigint and text. A failure fails the test.
  virtual std::vector<std::string> sql(const std::string& text) = 0;
  [[nodiscard]] virtual bool has_table(const std::string& name) = 0;

  /// Two stream names that would be the same table.
  [[nodiscard]] virtual std::pair<std::string, std::string> names_of_one_table() const = 0;
  /// Why the tests cannot run here; empty: they can.
  [[nodiscard]] virtual std::string missing() const { return {}; }
};

using MakeTableDestination = std::unique_ptr<TableDestination> (*)();

class TableDestinationSuite : public ::testing::TestWithParam<MakeTableDestination> {
 protected:
  using Lines = std::vector<std::string>;
  using Batches = std::vector<std::vector<uint8_t>>;

  void SetUp() override;

  struct Outcome {
    Status status;
    WriteSummary summary;
    std::vector<DlqRecord> dlq;
    /// How many of the stream's markers became durable.
    size_t durable = 0;
    [[nodiscard]] std::string code() const { return status.ok() ? "ok" : status.error().code; }
  };

  std::unique_ptr<DestinationConnector> open();
  /// Stream `name` of columns id and name, load_id "load-<name>".
  static Json context(const std::string& name, const Json& write_mode = "append");
  static Json upsert();
  static Schema two_columns();
  static std::vector<uint8_t> rows(int64_t from, int64_t to, const std::string& prefix = "row ");
  /// Batches with a checkpoint after each, and the end.
  static void push(FakeHost& host, const Json& context, const Batches& batches);
  /// begin-stream, run-write, finish-stream, as the engine does.
  static Outcome serve(DestinationConnector& destination, FakeHost& host, const Json& context);
  /// The same with a separate instance and host.
  Outcome load(const Json& context, const Batches& batches);
  /// The newest receipt of the context's own load; null: none.
  Json last_committed(const Json& context);

  /// Rows as "id|name", sorted by id; NULL for null.
  Lines table(const std::string& name);
  static Lines expected(int64_t from, int64_t to, const std::string& prefix = "row ");

  std::unique_ptr<TableDestination> place_;
};

}  // namespace rapidbyte::sdk::testing
