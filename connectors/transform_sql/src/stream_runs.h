#pragma once
// The two ways to run a query over a stream: batch by batch, and over all rows at once.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/sdk/skipped_rows.h"

namespace rapidbyte::transform_sql {

/// SQL_INVALID (config): a stream passes only once, and a query over all of it reads it several times.
sdk::Status read_once();

/// Takes the next batch of the stream, counts it, and loads it into `reader`; false at the end.
class BatchSource {
 public:
  explicit BatchSource(sdk::TransformSummary& summary) : summary_(summary) {}
  sdk::Result<bool> next();
  [[nodiscard]] const sdk::BatchReader& reader() const { return reader_; }
  [[nodiscard]] const sdk::Bytes& bytes() const { return bytes_; }

 private:
  sdk::TransformSummary& summary_;
  sdk::Bytes bytes_;
  sdk::BatchReader reader_;
};

/// Encodes and sends the rows that a query produces.
class BatchSink {
 public:
  static sdk::Result<BatchSink> make(const sdk::Schema& columns, sdk::TransformSummary& summary);
  /// Both refuse what no batch can carry (SQL_FAILED). Sends the rows at once.
  sdk::Status send(const ArrowArray& rows);
  /// Keeps the rows until flush() or drop().
  sdk::Status hold(const ArrowArray& rows);
  sdk::Status flush();
  void drop() { held_.clear(); }

 private:
  struct HeldBatch {
    std::vector<uint8_t> bytes;
    uint64_t rows = 0;
  };
  BatchSink(sdk::IpcEncoder encoder, sdk::TransformSummary& summary)
      : encoder_(std::move(encoder)), summary_(&summary) {}
  sdk::Result<std::span<const uint8_t>> encode(const ArrowArray& rows);
  sdk::Status emit(std::span<const uint8_t> batch, uint64_t rows);
  sdk::IpcEncoder encoder_;
  sdk::TransformSummary* summary_;
  std::vector<HeldBatch> held_;
};

/// Runs `query` over the batch in `source` and sends the result. A row on whose values it fails is failed, skipped or
/// dead-lettered on its own (on_data_error); the others are sent.
class BatchRun {
 public:
  BatchRun(duck::Query& query, const sdk::StreamContext& context, BatchSource& source, BatchSink& sink)
      : query_(query), context_(context), source_(source), sink_(sink) {}
  sdk::Status run();

 private:
  sdk::Status run_rows(size_t begin, size_t rows);
  sdk::Status try_rows(size_t begin, size_t rows);
  sdk::Status reject(size_t row, const sdk::Error& why);

  duck::Query& query_;
  const sdk::StreamContext& context_;
  BatchSource& source_;
  BatchSink& sink_;
  sdk::SkippedRows skipped_;
};

/// Runs `query` over the batch in `source` and all that follow it. A row that fails ends the stream.
sdk::Status run_whole(duck::Query& query, const sdk::StreamContext& context, BatchSource& source, BatchSink& sink);
/// Runs `query` over a stream without rows: an aggregate has a result all the same.
sdk::Status run_empty(duck::Query& query, BatchSink& sink);

}  // namespace rapidbyte::transform_sql
