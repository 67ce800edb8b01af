#include "connectors/shared/duckdb/stream_runs.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>

#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/row_checks.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/arrow_c.h"

namespace rapidbyte::duck {

using sdk::BatchReader;
using sdk::Error;
using sdk::Field;
using sdk::Json;
using sdk::OnDataError;
using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::StreamContext;
using sdk::TransformSummary;

namespace {

// A batch says what its values are; what the source said about its columns beyond that stands in the context.
Schema input_columns(const Schema& batch, const StreamContext& context) {
  Schema columns = batch;
  for (Field& field : columns.fields) {
    const auto known = context.schema.index_of(field.name);
    if (!known || context.schema.fields[*known].type != field.type) continue;
    field.native_type = context.schema.fields[*known].native_type;
    field.native_fields = context.schema.fields[*known].native_fields;
  }
  return columns;
}

// The current batch and all that follow. DuckDB has copied what it keeps of a batch before it asks for the next.
class AllBatches final : public Input {
 public:
  explicit AllBatches(BatchSource& source) : source_(source), schema_version_(source.reader().schema_version()) {}
  Status begin_scan(size_t scan) override { return scan == 0 ? Status() : read_once(); }
  Result<bool> next(size_t /*scan*/, ArrowArray* out) override {
    if (begun_) {
      RB_SDK_ASSIGN_OR_RETURN(const bool more, source_.next());
      if (!more) return false;
    }
    begun_ = true;
    const BatchReader& batch = source_.reader();
    if (batch.schema_version() != schema_version_) {
      return Status(
          sdk::schema_error(codes::kSchemaChanged,
                            "the columns of the stream changed in the middle of it, and the query is over all of it"));
    }
    if (const auto unfit = find_unfit_row(batch, 0, batch.rows()))
      return Status(sdk::data_error(codes::kSqlFailed, unfit->why));
    sdk::export_batch(batch, 0, batch.rows(), out);
    return true;
  }

 private:
  BatchSource& source_;
  uint64_t schema_version_;
  bool begun_ = false;
};

// As many rows as make a batch of about the size that the host asks for, judging by an input batch. DuckDB works on
// 2,048 rows at a time, and a batch of a few wide columns must stay far below the largest allowed size.
size_t rows_at_a_time(const BatchSource& source, const sdk::StreamContext& context) {
  constexpr uint64_t kLeast = 2048;
  constexpr uint64_t kMost = 16384;
  const uint64_t rows = std::max<uint64_t>(source.reader().rows(), 1);
  const uint64_t bytes_of_row = std::max<uint64_t>(source.bytes().size() / rows, 1);
  return static_cast<size_t>(std::clamp(context.limits.max_batch_bytes / bytes_of_row, kLeast, kMost));
}

}  // namespace

std::string record_of(const BatchReader& batch, size_t row) {
  Json record = Json::object();
  for (size_t i = 0; i < batch.column_count(); ++i) record[batch.schema().fields[i].name] = batch.column(i).json(row);
  return sdk::to_text(record);
}

std::string shown_row(std::string_view record) {
  // Enough to find it again.
  constexpr size_t kShownBytes = 400;
  return "; the row: " + std::string(record.substr(0, kShownBytes));
}

Status in_stream(Status status, std::string_view stream) {
  if (status.ok()) return status;
  Error error = status.error();
  error.message = "stream `" + std::string(stream) + "`: " + error.message;
  return error;
}

std::vector<std::string> streams_of_pipeline(const StreamContext& context) {
  std::vector<std::string> names;
  const Json* streams = sdk::find_member(context.raw, "streams");
  if (streams == nullptr || !streams->is_array()) return names;
  for (const Json& stream : *streams) names.emplace_back(sdk::as_string(stream).value_or(""));
  return names;
}

Status read_once() {
  return sdk::config_error(
      codes::kSqlInvalid,
      "a query over the whole stream can read `input` once, and this one reads it several times; "
      "read it into a part of the query: WITH t AS MATERIALIZED (SELECT * FROM input) SELECT ... FROM t");
}

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

Result<std::span<const uint8_t>> BatchSink::encode(const ArrowArray& rows) {
  if (const auto unfit = find_unfit_result(rows, encoder_.schema()))
    return Status(sdk::data_error(codes::kSqlFailed, *unfit));
  return sdk::encode_ipc(encoder_, rows);
}

Status BatchSink::emit(std::span<const uint8_t> batch, uint64_t rows) {
  RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch));
  summary_->records_out += rows;
  summary_->bytes_out += batch.size();
  return {};
}

Status BatchSink::send(const ArrowArray& rows) {
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> bytes, encode(rows));
  return emit(bytes, static_cast<uint64_t>(rows.length));
}

Status BatchSink::hold(const ArrowArray& rows) {
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> bytes, encode(rows));
  held_.push_back({{bytes.begin(), bytes.end()}, static_cast<uint64_t>(rows.length)});
  return {};
}

Status BatchSink::flush() {
  for (const HeldBatch& batch : held_) RB_SDK_RETURN_NOT_OK(emit(batch.bytes, batch.rows));
  held_.clear();
  return {};
}

Status BatchRun::run() {
  const BatchReader& batch = source_.reader();
  size_t begin = 0;
  // Rows that DuckDB would change never reach it.
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
  const Status status = query_.run(input, rows_at_a_time(source_, context_),
                                   [this](const ArrowArray& result) { return sink_.hold(result); });
  if (!status.ok()) sink_.drop();
  return status;
}

// Halves the rows that fail until the failing ones are found: each row of the result comes from one row of the input,
// so the halves give what the whole would have given without those rows.
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
  const std::string record = record_of(source_.reader(), row);
  switch (context_.policies.on_data_error) {
    case OnDataError::kSkip: skipped_.add(why.message + shown_row(record)); return {};
    case OnDataError::kDlq: return sdk::host::emit_dlq_record(context_.stream_name, record, why.message);
    case OnDataError::kFail: break;
  }
  return sdk::data_error(why.code, why.message + shown_row(record));
}

Status run_whole(Query& query, const sdk::StreamContext& context, BatchSource& source, BatchSink& sink) {
  AllBatches input(source);
  RB_SDK_RETURN_NOT_OK(
      query.run(input, rows_at_a_time(source, context), [&sink](const ArrowArray& rows) { return sink.send(rows); }));
  // A query may have its result before it has read everything (LIMIT); the rest counts as read all the same.
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, source.next());
    if (!more) return {};
  }
}

Status run_empty(Query& query, BatchSink& sink) {
  NoRows input;
  return query.run(input, 2048, [&sink](const ArrowArray& rows) { return sink.send(rows); });
}

Result<TransformSummary> pass_through(const std::function<Status(const Schema& columns)>& may_pass) {
  TransformSummary summary;
  BatchReader reader;
  uint64_t schema_version = 0;
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<sdk::Bytes> batch, sdk::host::next_batch());
    if (!batch) return summary;
    if (may_pass) {
      RB_SDK_RETURN_NOT_OK(reader.load(*batch));
      if (reader.schema_version() != schema_version) RB_SDK_RETURN_NOT_OK(may_pass(reader.schema()));
      schema_version = reader.schema_version();
    }
    RB_SDK_ASSIGN_OR_RETURN(const uint64_t rows, sdk::count_rows(batch->span()));
    RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch->span()));
    summary.records_in += rows;
    summary.records_out += rows;
    summary.bytes_in += batch->size();
    summary.bytes_out += batch->size();
    ++summary.batches_processed;
  }
}

Status run_over_rows(Query& query, const BatchReader& batch, size_t begin, size_t rows, const RowsSink& take) {
  RowsOfBatch input(batch, begin, rows);
  return query.run(input, std::max<size_t>(rows, 2048), take);
}

Status run_for_nothing(Query& query) {
  NoRows input;
  return query.run(input, 2048, [](const ArrowArray&) { return Status(); });
}

Result<TransformSummary> run_stream(const StreamContext& context, const PrepareQuery& prepare) {
  TransformSummary summary;
  BatchSource source(summary);
  std::unique_ptr<Query> query;
  std::optional<BatchSink> sink;
  std::optional<BatchRun> run;
  uint64_t schema_version = 0;
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, source.next());
    if (!more) break;
    if (source.reader().schema_version() != schema_version) {
      const bool first = !run;
      run.reset();
      RB_SDK_ASSIGN_OR_RETURN(query, prepare(input_columns(source.reader().schema(), context)));
      RB_SDK_ASSIGN_OR_RETURN(sink, BatchSink::make(query->columns(), summary));
      schema_version = source.reader().schema_version();
      if (query->needs_all_rows()) {
        if (!first) {
          return in_stream(
              sdk::schema_error(codes::kSchemaChanged,
                                "the columns changed in the middle of the stream, and with the new ones the "
                                "query needs all rows at once: " +
                                    *query->needs_all_rows()),
              context.stream_name);
        }
        RB_SDK_RETURN_NOT_OK(in_stream(run_whole(*query, context, source, *sink), context.stream_name));
        return summary;
      }
      run.emplace(*query, context, source, *sink);
    }
    RB_SDK_RETURN_NOT_OK(run->run());
  }
  if (run || context.schema.fields.empty()) return summary;
  RB_SDK_ASSIGN_OR_RETURN(query, prepare(context.schema));
  if (!query->needs_all_rows()) return summary;
  RB_SDK_ASSIGN_OR_RETURN(sink, BatchSink::make(query->columns(), summary));
  RB_SDK_RETURN_NOT_OK(in_stream(run_empty(*query, *sink), context.stream_name));
  return summary;
}

}  // namespace rapidbyte::duck
