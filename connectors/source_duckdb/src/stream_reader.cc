#include "connectors/source_duckdb/src/stream_reader.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>

#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/row_checks.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/arrow_c.h"

namespace rapidbyte::source_duckdb {

using sdk::Json;

namespace {

// Two of DuckDB's row groups: a query costs a millisecond, and a load resumes between two.
constexpr uint64_t kWindowRows = 2 * 122'880ULL;
constexpr uint64_t kLeastRows = 2048;
constexpr uint64_t kMostRows = 65536;

}  // namespace

// What decides which rows and values are read.
Json StreamReader::about() const {
  return {{"table", stream_.table().name},
          {"where", stream_.options().where},
          {"cursor", cursor_ ? cursor_->about() : Json()},
          {"after", cursor_ ? cursor_->last().to_json() : Json()}};
}

Status StreamReader::set_up() {
  columns_ = ctx_.schema.fields.empty() ? stream_.columns() : ctx_.schema;
  RB_SDK_ASSIGN_OR_RETURN(cursor_, Cursor::make(stream_, ctx_));
  return {};
}

Status StreamReader::resume(const Json& position) {
  const auto row = sdk::uint_member(position, "row");
  const auto stamp = sdk::string_member(position, "stamp");
  const Json* about = sdk::find_member(position, "about");
  if (!row || !stamp || about == nullptr) {
    return sdk::internal_error(codes::kInvalidResume,
                               "the position to resume from is " + sdk::to_text(position).substr(0, 200));
  }
  const std::string of_stream = "stream '" + ctx_.stream_name + "': ";
  const std::string reset = " To read everything again: rapidbyte state reset PIPELINE.yaml --stream '" +
                            ctx_.stream_name + "' (an append would double the rows that are there)";
  if (*about != this->about()) {
    return sdk::config_error(codes::kCursorChanged,
                             of_stream +
                                 "an interrupted load has read a part of another table, or with another where, "
                                 "cursor_field or tie_breaker. Put them back, or begin again." +
                                 reset);
  }
  if (*stamp != DatabaseStamp::of(path_).text) {
    return sdk::data_error(codes::kSourceChanged, of_stream + "database " + path_ +
                                                      " has been changed since a load of it was interrupted, and its "
                                                      "rows may be in other places now. Begin again." +
                                                      reset);
  }
  row_ = *row;
  return {};
}

Result<sdk::ReadSummary> StreamReader::read_all() {
  RB_SDK_RETURN_NOT_OK(set_up());
  if (const Json* position = sdk::find_member(ctx_.resume, "position"); position != nullptr)
    RB_SDK_RETURN_NOT_OK(resume(*position));
  if (stream_.table().is_view) {
    RB_SDK_RETURN_NOT_OK(read(std::nullopt));
  }
  while (row_ < stream_.end()) {
    const uint64_t end = std::min(row_ + kWindowRows, stream_.end());
    RB_SDK_RETURN_NOT_OK(read(Window{row_, end}));
    row_ = end;
    if (!pacer_.due()) continue;
    // Rows are not in the order of the cursor, so only the end of the read may move it.
    RB_SDK_RETURN_NOT_OK(
        pacer_.emit(cursor_ ? cursor_->last() : sdk::CursorValue(),
                    {{"position", {{"row", row_}, {"stamp", DatabaseStamp::of(path_).text}, {"about", about()}}}}));
  }
  sdk::CursorValue highest;
  if (cursor_) {
    RB_SDK_ASSIGN_OR_RETURN(highest, cursor_->highest(stream_));
  }
  // A view has no row numbers: what it has read is all of it, and a load that was interrupted behind this has only to
  // be ended.
  RB_SDK_RETURN_NOT_OK(pacer_.emit(highest));
  summary_.checkpoint_count = pacer_.count();
  return summary_;
}

Result<sdk::ReadSummary> StreamReader::read_window_only(const Window& window) {
  RB_SDK_RETURN_NOT_OK(set_up());
  for (row_ = window.begin; row_ < window.end; row_ += kWindowRows)
    RB_SDK_RETURN_NOT_OK(read(Window{row_, std::min(row_ + kWindowRows, window.end)}));
  RB_SDK_RETURN_NOT_OK(pacer_.emit({}));
  summary_.checkpoint_count = pacer_.count();
  return summary_;
}

Status StreamReader::read(const std::optional<Window>& window) {
  RB_SDK_ASSIGN_OR_RETURN(const std::unique_ptr<duck::Query> query,
                          stream_.rows(columns_, window, cursor_ ? cursor_->condition() : std::string()));
  if (!encoder_) {
    RB_SDK_ASSIGN_OR_RETURN(encoder_, sdk::IpcEncoder::make(query->columns()));
  }
  // By the rows so far; the first ones are taken for small.
  const uint64_t bytes_of_row =
      std::max<uint64_t>(summary_.records_read == 0 ? 128 : summary_.bytes_read / summary_.records_read, 1);
  const uint64_t at_a_time = std::clamp(ctx_.limits.max_batch_bytes / bytes_of_row, kLeastRows, kMostRows);
  duck::NoRows no_rows;
  Status status =
      query->run(no_rows, static_cast<size_t>(at_a_time), [this](const ArrowArray& batch) { return send(batch); });
  if (status.ok() || status.error().code != codes::kSqlFailed) return status;
  return sdk::data_error(codes::kSqlFailed, "stream '" + ctx_.stream_name + "': " + status.error().message);
}

Status StreamReader::send(const ArrowArray& rows) {
  if (const auto unfit = duck::find_unfit_result(rows, encoder_->schema()))
    return sdk::data_error(codes::kSqlFailed, "stream '" + ctx_.stream_name + "', " + *unfit +
                                                  " in a view, or leave such rows out with `where: isfinite(...)`");
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> batch, sdk::encode_ipc(*encoder_, rows));
  RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch));
  const auto count = static_cast<uint64_t>(rows.length);
  summary_.records_read += count;
  summary_.bytes_read += batch.size();
  ++summary_.batches_emitted;
  pacer_.add_batch(count, batch.size());
  return {};
}

}  // namespace rapidbyte::source_duckdb
