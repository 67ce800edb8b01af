#pragma once
// InputScan: DuckDB's scan of batches that somebody else brings (arrow_scan_dumb, which applies no filter on its own).

#include <cstddef>
#include <duckdb/function/table/arrow.hpp>

#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::duck {

/// Asks whoever runs the query for the rows. Outlives the statements that are bound to it.
class InputScan final : public duckdb::ArrowScanFactory {
 public:
  explicit InputScan(sdk::Schema schema) : schema_(std::move(schema)) {}

  void GetSchema(ArrowSchema& out) override;
  duckdb::unique_ptr<duckdb::ArrowArrayStreamWrapper> ProduceStream(duckdb::ArrowStreamParameters&) override;

  /// Before a query runs: whom to ask. Null behind it; then a scan has no rows.
  void feed(Input* input);
  /// What the input said when it failed. DuckDB only repeats it.
  [[nodiscard]] const sdk::Status& failure() const { return failure_; }
  [[nodiscard]] const sdk::Schema& schema() const { return schema_; }

 private:
  struct Scan {
    InputScan& all;
    size_t number;
  };

  int next(size_t scan, ArrowArray* out);
  int remember(const sdk::Status& status);
  [[nodiscard]] const char* failure_text() const { return failure_.ok() ? "" : failure_.error().message.c_str(); }

  sdk::Schema schema_;
  Input* input_ = nullptr;
  size_t scans_ = 0;
  sdk::Status failure_;
};

}  // namespace rapidbyte::duck
