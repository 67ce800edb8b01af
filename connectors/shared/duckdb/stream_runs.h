#pragma once
// Queries over a stream: batch by batch, or over all rows at once. For transforms.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/sdk/skipped_rows.h"

namespace rapidbyte::duck {

/// Of an instance's memory DuckDB may hold this part; the rest is for batches on their way, the program's own data and
/// what DuckDB does not count.
inline constexpr uint64_t kEnginePercent = 60;

/// The error with the stream's name before its message.
sdk::Status in_stream(sdk::Status status, std::string_view stream);
/// The names of all streams of the pipeline, which a question for a plan has; empty before protocol 2.2.
std::vector<std::string> streams_of_pipeline(const sdk::StreamContext& context);
/// A row as JSON text, and the end of a message that shows one.
std::string record_of(const sdk::BatchReader& batch, size_t row);
std::string shown_row(std::string_view record);

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
  BatchRun(Query& query, const sdk::StreamContext& context, BatchSource& source, BatchSink& sink)
      : query_(query), context_(context), source_(source), sink_(sink) {}
  sdk::Status run();

 private:
  sdk::Status run_rows(size_t begin, size_t rows);
  sdk::Status try_rows(size_t begin, size_t rows);
  sdk::Status reject(size_t row, const sdk::Error& why);

  Query& query_;
  const sdk::StreamContext& context_;
  BatchSource& source_;
  BatchSink& sink_;
  sdk::SkippedRows skipped_;
};

/// Runs `query` over the batch in `source` and all that follow it. A row that fails ends the stream.
sdk::Status run_whole(Query& query, const sdk::StreamContext& context, BatchSource& source, BatchSink& sink);
/// Runs `query` over a stream that has no rows: an aggregate has a result all the same.
sdk::Status run_empty(Query& query, BatchSink& sink);

/// Runs over these rows of a batch, in their order, whatever they are.
sdk::Status run_over_rows(Query& query, const sdk::BatchReader& batch, size_t begin, size_t rows, const RowsSink& take);

/// Runs a query that does not read the input, for its errors only.
sdk::Status run_for_nothing(Query& query);

/// Makes the query for these columns of the input.
using PrepareQuery = std::function<sdk::Result<std::unique_ptr<Query>>(const sdk::Schema& input)>;
/// All of a transform's work on one stream: takes its batches and sends what the query makes of them. Prepares it anew
/// when the columns change. Errors name the stream.
sdk::Result<sdk::TransformSummary> run_stream(const sdk::StreamContext& context, const PrepareQuery& prepare);
/// Sends the batches of the stream as they are. `may_pass`, which is optional, is asked about their columns, before the
/// first batch that has them is sent.
sdk::Result<sdk::TransformSummary> pass_through(
    const std::function<sdk::Status(const sdk::Schema& columns)>& may_pass = {});

}  // namespace rapidbyte::duck
