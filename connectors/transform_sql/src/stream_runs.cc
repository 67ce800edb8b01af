#include "connectors/transform_sql/src/stream_runs.h"

#include <nanoarrow/nanoarrow.h>

#include "connectors/transform_sql/src/row_checks.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/arrow_c.h"

namespace rapidbyte::transform_sql {

using sdk::BatchReader;
using sdk::Error;
using sdk::Json;
using sdk::OnDataError;
using sdk::Result;
using sdk::Status;

namespace {

// A row in a message: enough to find it again.
constexpr size_t kShownRowBytes = 400;

Json record_of(const BatchReader& batch, size_t row) {
  Json record = Json::object();
  for (size_t i = 0; i < batch.column_count(); ++i) record[batch.schema().fields[i].name] = batch.column(i).json(row);
  return record;
}

// Some rows of the batch that is loaded.
class RowsOfBatch final : public duck::Input {
 public:
  RowsOfBatch(const BatchReader& batch, size_t begin, size_t rows) : batch_(batch), begin_(begin), rows_(rows) {}
  Result<bool> next(ArrowArray* out) override {
    if (rows_ == 0) return false;
    sdk::export_batch(batch_, begin_, rows_, out);
    rows_ = 0;
    return true;
  }

 private:
  const BatchReader& batch_;
  size_t begin_;
  size_t rows_;
};

// The batch that is loaded and all that follow. DuckDB has copied what it keeps of a batch before it asks for the next.
class AllBatches final : public duck::Input {
 public:
  explicit AllBatches(BatchSource& source) : source_(source) {}
  Result<bool> next(ArrowArray* out) override {
    if (begun_) {
      RB_SDK_ASSIGN_OR_RETURN(const bool more, source_.next());
      if (!more) return false;
    }
    begun_ = true;
    const BatchReader& batch = source_.reader();
    if (const auto unfit = find_unfit_row(batch, 0, batch.rows()))
      return Status(sdk::data_error(codes::kSqlFailed, unfit->why));
    sdk::export_batch(batch, 0, batch.rows(), out);
    return true;
  }

 private:
  BatchSource& source_;
  bool begun_ = false;
};

}  // namespace

Result<bool> BatchSource::next() {
  RB_SDK_ASSIGN_OR_RETURN(std::optional<sdk::Bytes> batch, sdk::host::next_batch());
  if (!batch) return false;
  bytes_ = std::move(*batch);
  RB_SDK_RETURN_NOT_OK(reader_.load(bytes_));
  summary_.records_in += reader_.rows();
  summary_.bytes_in += bytes_.size();
  ++summary_.batches_processed;
  return true;
}

Result<BatchSink> BatchSink::make(const sdk::Schema& columns, sdk::TransformSummary& summary) {
  RB_SDK_ASSIGN_OR_RETURN(sdk::IpcEncoder encoder, sdk::IpcEncoder::make(columns));
  return BatchSink(std::move(encoder), summary);
}

Status BatchSink::add(const ArrowArray& rows) {
  if (const auto unfit = find_unfit_result(rows, encoder_.schema())) return sdk::data_error(codes::kSqlFailed, *unfit);
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> bytes, sdk::encode_ipc(encoder_, rows));
  held_.push_back(
      {std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), static_cast<uint64_t>(rows.length)});
  return {};
}

Status BatchSink::flush() {
  for (const HeldBatch& batch : held_) {
    RB_SDK_RETURN_NOT_OK(
        sdk::host::emit_batch({reinterpret_cast<const uint8_t*>(batch.bytes.data()), batch.bytes.size()}));
    summary_->records_out += batch.rows;
    summary_->bytes_out += batch.bytes.size();
  }
  held_.clear();
  return {};
}

Status BatchRun::run() {
  const BatchReader& batch = source_.reader();
  size_t begin = 0;
  // Rows that DuckDB would change never get to it.
  while (begin < batch.rows()) {
    const auto unfit = find_unfit_row(batch, begin, batch.rows() - begin);
    const size_t end = unfit ? unfit->row : batch.rows();
    if (end > begin) RB_SDK_RETURN_NOT_OK(run_rows(begin, end - begin));
    if (!unfit) return {};
    RB_SDK_RETURN_NOT_OK(reject(unfit->row, sdk::data_error(codes::kSqlFailed, unfit->why).error()));
    begin = end + 1;
  }
  return {};
}

Status BatchRun::try_rows(size_t begin, size_t rows) {
  RowsOfBatch input(source_.reader(), begin, rows);
  const Status status = query_.run(input, [this](const ArrowArray& result) { return sink_.add(result); });
  if (!status.ok()) sink_.drop();
  return status;
}

// Halves what fails until the rows are found that do: each row of the result comes from one row of the input, so what
// the halves give is what the whole would have given without those rows.
Status BatchRun::run_rows(size_t begin, size_t rows) {
  const Status status = try_rows(begin, rows);
  if (status.ok()) return sink_.flush();
  if (status.error().code != codes::kSqlFailed) return status;
  if (rows == 1) return reject(begin, status.error());
  const size_t half = rows / 2;
  RB_SDK_RETURN_NOT_OK(run_rows(begin, half));
  return run_rows(begin + half, rows - half);
}

Status BatchRun::reject(size_t row, const Error& why) {
  const std::string record = sdk::to_text(record_of(source_.reader(), row));
  switch (context_.policies.on_data_error) {
    case OnDataError::kSkip: skipped_.add(why.message + "; the row: " + record.substr(0, kShownRowBytes)); return {};
    case OnDataError::kDlq: return sdk::host::emit_dlq_record(context_.stream_name, record, why.message);
    case OnDataError::kFail: break;
  }
  return sdk::data_error(why.code, why.message + "; the row: " + record.substr(0, kShownRowBytes));
}

Status run_whole(duck::Query& query, BatchSource& source, BatchSink& sink) {
  AllBatches input(source);
  return query.run(input, [&sink](const ArrowArray& rows) -> Status {
    RB_SDK_RETURN_NOT_OK(sink.add(rows));
    return sink.flush();
  });
}

}  // namespace rapidbyte::transform_sql
