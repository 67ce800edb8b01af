#pragma once
// What queries are run over, beside all of a stream: rows of one batch, and nothing.

#include <cstddef>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/batch_reader.h"

namespace rapidbyte::duck {

/// Rows [begin, begin + rows) of a batch, for every scan of them. The batch outlives it.
class RowsOfBatch final : public Input {
 public:
  RowsOfBatch(const sdk::BatchReader& batch, size_t begin, size_t rows) : batch_(batch), begin_(begin), rows_(rows) {}
  sdk::Status begin_scan(size_t scan) override;
  sdk::Result<bool> next(size_t scan, ArrowArray* out) override;

 private:
  const sdk::BatchReader& batch_;
  size_t begin_;
  size_t rows_;
  std::vector<bool> given_;
};

/// For a stream without rows, and for a query that reads no input.
class NoRows final : public Input {
 public:
  sdk::Status begin_scan(size_t /*scan*/) override { return {}; }
  sdk::Result<bool> next(size_t /*scan*/, ArrowArray* /*out*/) override { return false; }
};

}  // namespace rapidbyte::duck
