// The part of TableWriter that deals with refused rows.
#include <algorithm>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/column_check.h"
#include "src/load_sql.h"
#include "src/row_search.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using postgres::quote_identifier;
using postgres::ServerError;

// Rows of the first piece that is tried after a refused row; each that goes well doubles it. So many refused rows cost
// a few statements each, and few cost hardly more than the batch once again.
constexpr size_t kFirstPiece = 32;
// How much of a record an error shows.
constexpr size_t kShownRecord = 500;

// Whether "COPY orders, line 17, column price: "x"" or the error's own field names this column.
bool names_column(const ServerError& error, const std::string& column) {
  if (error.column == column) return true;
  std::string_view named = error.copied_value();
  if (named.empty()) {
    // Inside of a function that reading calls.
    constexpr std::string_view kColumn = ", column ";
    const size_t at = error.where.find(kColumn);
    if (at == std::string::npos) return false;
    named = std::string_view(error.where).substr(at + kColumn.size());
  }
  if (!named.starts_with(column)) return false;
  named.remove_prefix(column.size());
  return named.empty() || named.front() == '\n' || named.starts_with(':') || named.starts_with(" :");
}

// Whether an INSERT has its values as texts, which the server reads as the column's type.
bool goes_as_text(const ColumnPlan& column) { return array_type(column).element != column.type.oid; }

// Says that the refused row's value of this column is why.
void name_column(RefusedRow& refused, const sdk::BatchReader& batch, const ColumnPlan& column) {
  const sdk::ColumnView& view = batch.column(column.source);
  refused.column = column.name;
  refused.value = readable_value(ColumnSource::of(view.type(), view.buffers(), column.special_values), refused.row);
}

}  // namespace

std::optional<uint64_t> TableWriter::refused_line(const sdk::Error& error) const {
  const auto server = postgres::server_error_of(error);
  return server && method_ == LoadMethod::kCopy ? server->copy_line() : std::nullopt;
}

std::optional<size_t> TableWriter::row_of_line(uint64_t line, size_t begin, size_t end) const {
  uint64_t seen = 0;
  for (size_t row = begin; row < end; ++row) {
    if (!encoder_.is_skipped(row) && ++seen == line) return row;
  }
  return std::nullopt;
}

Status TableWriter::end_group(Status sent) {
  in_group_ = false;
  std::optional<sdk::Error> refused;
  if (method_ == LoadMethod::kCopy) {
    if (sent.ok()) sent = end_try_copy(copied_);
    copy_.reset();
    RB_SDK_ASSIGN_OR_RETURN(refused, end_try(session_, std::move(sent)));
  } else if (ctx_.policies.on_data_error == sdk::OnDataError::kFail) {
    const Status inserted = insert_gathered();
    if (!inserted.ok()) return insert_error(inserted);
  } else {
    RB_SDK_ASSIGN_OR_RETURN(refused, try_rows(session_, [&] { return try_insert(); }));
  }
  if (refused) return load_group_again(*refused);
  count_.written += copied_;
  group_bytes_ = std::min(2 * group_bytes_, most_group_bytes());
  return {};
}

Status TableWriter::load_group_again(const sdk::Error& refused) {
  // Where one row is refused there may be more of them. Small groups lose less.
  group_bytes_ = kLeastGroupBytes;
  const uint64_t seen = rows_seen_;
  // The caller may be at a batch that is not of the group.
  sdk::BatchReader current = std::exchange(batch_, sdk::BatchReader());
  const auto line = refused_line(refused);
  const bool is_alone = held_.batches().size() == 1;
  uint64_t kept = 0;
  for (const HeldBatch& held : held_.batches()) {
    RB_SDK_RETURN_NOT_OK(load_held(held));
    const size_t rows = batch_.rows();
    const auto suspected = line && *line > kept ? row_of_line(*line - kept, 0, rows) : std::nullopt;
    kept += kept_rows(0, rows);
    // Known to be refused as a whole, so that the halves come first.
    const bool halve = is_alone && !suspected && rows > 1;
    RB_SDK_RETURN_NOT_OK(load_around_refusals(suspected.value_or(rows), halve ? rows / 2 : rows));
  }
  rows_seen_ = seen;
  batch_ = std::move(current);
  return {};
}

Status TableWriter::load_held(const HeldBatch& held) {
  RB_SDK_RETURN_NOT_OK(batch_.load(held.bytes));
  rows_seen_ = held.first_row;
  // What the encoder refuses was reported when the batch came.
  encoder_.load(batch_, static_cast<int64_t>(rows_seen_));
  return {};
}

Status TableWriter::load_around_refusals(size_t suspected, size_t piece) {
  const size_t rows = batch_.rows();
  size_t at = 0;
  while (at < rows) {
    size_t stop = std::min(rows - at, piece) + at;
    // What comes before a suspect goes in first: whether the suspect is refused may depend on it.
    if (suspected >= at && suspected < stop) stop = std::max(suspected, at + 1);
    if (kept_rows(at, stop) == 0) {
      at = stop;
      continue;
    }
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<sdk::Error> refused, try_load(at, stop));
    if (!refused) {
      count_.written += kept_rows(at, stop);
      piece = std::max(kFirstPiece, 2 * (stop - at));
      at = stop;
    } else if (kept_rows(at, stop) == 1) {
      size_t row = at;
      while (encoder_.is_skipped(row)) ++row;
      RB_SDK_RETURN_NOT_OK(reject(refusal(*refused, &batch_, row)));
      encoder_.skip(row);
      at = stop;
      piece = kFirstPiece;
    } else {
      const auto line = refused_line(*refused);
      const auto named = line ? row_of_line(*line, at, stop) : std::nullopt;
      suspected = named.value_or(rows);
      if (!named) piece = (stop - at) / 2;
    }
  }
  return {};
}

RefusedRow TableWriter::refusal(const sdk::Error& error, const sdk::BatchReader* batch, size_t row) const {
  RefusedRow refused{.row = row, .column = {}, .value = {}, .reason = error.message};
  const auto server = postgres::server_error_of(error);
  if (!server) return refused;
  refused.reason = reason_of(*server);
  for (const ColumnPlan& column : plan_.columns) {
    if (!names_column(*server, column.name)) continue;
    refused.column = column.name;
    if (batch != nullptr) name_column(refused, *batch, column);
    break;
  }
  return refused;
}

Status TableWriter::row_error(const Status& status, uint64_t first_row) const {
  const auto server = postgres::server_error_of(status.error());
  if (!server || !is_row_error(*server)) {
    Status out = status;
    return std::move(out).with_context("stream \"" + ctx_.stream_name + "\"");
  }
  sdk::BatchReader batch;
  size_t row = 0;
  bool known = false;
  std::string at;
  // A row that is too large shows only when a block of rows is written: the line is that of the last one.
  const auto line = server->sqlstate == "54000" ? std::nullopt : server->copy_line();
  if (line && *line > 0) {
    const uint64_t number = first_row + *line - 1;
    at = ", row " + std::to_string(number + 1);
    // The server judges behind what was sent: the row may have been in an earlier batch.
    const HeldBatches::Found found = held_.find(number);
    known = !found.batch.empty() && batch.load(found.batch).ok();
    row = found.row;
  }
  const RefusedRow refused = refusal(status.error(), known ? &batch : nullptr, row);
  if (!refused.column.empty()) at += ", column " + quote_identifier(refused.column);
  if (!refused.value.empty()) at += ", value " + refused.value;
  return row_refused(at, refused.reason);
}

Status TableWriter::row_refused(const std::string& at, const std::string& reason) const {
  return sdk::data_error(codes::kRowRefused, "stream \"" + ctx_.stream_name + "\"" + at + ": " + reason + ". Table " +
                                                 plan_.name.text() + " of " + session_.options().where() +
                                                 " does not take it; nothing of this transaction was kept. Correct the "
                                                 "source, or set on_data_error: skip or dlq.");
}

Status TableWriter::insert_error(const Status& status) {
  const uint64_t first = held_.batches().front().first_row;
  const bool is_of_a_row = is_row_error(status.error());
  if (!session_.is_open() || (!is_of_a_row && !may_be_of_a_value(status.error()))) return row_error(status, first);
  // The transaction is lost anyway. In a new one the rows before the group are missing, and what was done to the table
  // for them, so the search may find nothing.
  session_.rollback();
  if (!session_.is_open() || !session_.begin_rows().ok()) return row_error(status, first);
  for (const HeldBatch& held : held_.batches()) {
    RB_SDK_RETURN_NOT_OK(load_held(held));
    const auto refused = try_load(0, batch_.rows());
    if (!refused.ok()) break;
    if (!*refused) continue;
    const auto found = find_refused(session_, 0, batch_.rows(), status.error(), [&](uint64_t begin, uint64_t end) {
      return insert_rows(static_cast<size_t>(begin), static_cast<size_t>(end));
    });
    if (!found) break;
    const auto row = static_cast<size_t>(found->position);
    RefusedRow about = refusal(found->error, &batch_, row);
    if (about.column.empty()) {
      const ColumnPlan* column = column_of_text(row);
      if (column != nullptr) name_column(about, batch_, *column);
    }
    return reject(about);
  }
  if (!is_of_a_row) return row_error(status, first);
  const HeldBatch& last = held_.batches().back();
  return row_refused(", rows " + std::to_string(first + 1) + " to " + std::to_string(last.first_row + last.rows),
                     reason_of(*postgres::server_error_of(status.error())));
}

Status TableWriter::try_insert() {
  Status done = insert_gathered();
  if (done.ok() || !session_.is_open() || !may_be_of_a_value(done.error())) return done;
  RB_SDK_RETURN_NOT_OK(session_.exec("ROLLBACK TO " + std::string(kBeginTry)));
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    if (!goes_as_text(plan_.columns[i])) continue;
    RB_SDK_ASSIGN_OR_RETURN(const bool refused, is_read_refused(plan_.columns[i], arrays_[i]));
    if (!refused) continue;
    postgres::refuse_value(done.error(), plan_.columns[i].name);
    break;
  }
  return done;
}

Result<bool> TableWriter::is_read_refused(const ColumnPlan& column, const sdk::ByteBuffer& values) {
  const std::span<const uint8_t> bytes = values.span();
  const Parameter parameters[] = {Parameter::binary({reinterpret_cast<const char*>(bytes.data()), bytes.size()})};
  const Oid types[] = {array_type(column).array};
  const std::string sql = "SELECT pg_catalog.count(c::" + column.type.cast + ") FROM pg_catalog.unnest($1) AS u(c)";
  RB_SDK_ASSIGN_OR_RETURN(const auto refused, try_rows(session_, [&] {
                            Status read = session_.connection().execute(sql, parameters, types).status();
                            // Nothing else can be wrong with that statement.
                            if (!read.ok() && may_be_of_a_value(read.error())) {
                              postgres::refuse_value(read.error(), column.name);
                            }
                            return read;
                          }));
  return refused.has_value();
}

const ColumnPlan* TableWriter::column_of_text(size_t row) {
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    const ColumnPlan& column = plan_.columns[i];
    if (!goes_as_text(column)) continue;
    sdk::ByteBuffer value;
    encoder_.encode_array(i, row, row + 1, array_type(column).element, value);
    const auto refused = is_read_refused(column, value);
    if (!refused.ok()) break;
    if (*refused) return &column;
  }
  return nullptr;
}

Status TableWriter::merge_error(const Status& status) {
  const uint64_t first_row = copy_first_row_;
  if (!session_.is_open() || !is_row_error(status.error())) return row_error(status, first_row);
  const Session::Patience patience(session_);
  // A row that a later one of its key replaces was not refused.
  Status ready =
      session_.exec(std::string("ROLLBACK TO SAVEPOINT ") + kMergeSavepoint + "; " + forget_replaced_sql(plan_));
  if (!ready.ok()) return row_error(status, first_row);
  const auto found =
      find_refused(session_, first_row, first_row + copied_, status.error(),
                   [&](uint64_t begin, uint64_t end) { return session_.exec(merge_sql(plan_, {{begin, end}})); });
  if (!found) return row_error(status, first_row);
  std::vector<std::string> columns;
  for (const ColumnPlan& column : plan_.columns) columns.push_back(column.name);
  const auto row = read_stored_row(session_, upsert_row_sql(plan_, found->position), columns, found->error);
  if (!row.ok()) return row_error(status, first_row);
  return row_refused(", row " + std::to_string(found->position + 1) + row->place(),
                     reason_of(*postgres::server_error_of(found->error)) + row->shown());
}

std::string TableWriter::record_json(size_t row) const {
  sdk::Json record = sdk::Json::object();
  for (size_t i = 0; i < batch_.column_count(); ++i) {
    const sdk::ColumnView& view = batch_.column(i);
    const ColumnSource source = ColumnSource::of(view.type(), view.buffers(), described_.fields[i].special_values);
    sdk::Json& value = record[batch_.schema().fields[i].name];
    value = !view.is_null(row) && is_special(source, row) ? sdk::Json(value_text(source, row)) : view.json(row);
  }
  return sdk::to_text(record);
}

Status TableWriter::reject(const RefusedRow& refused) {
  std::string at = ", row " + std::to_string(rows_seen_ + refused.row + 1);
  if (!refused.column.empty()) at += ", column " + quote_identifier(refused.column) + ", value " + refused.value;
  const std::string message = "stream \"" + ctx_.stream_name + "\"" + at + ": " + refused.reason;
  switch (ctx_.policies.on_data_error) {
    case sdk::OnDataError::kFail: break;
    case sdk::OnDataError::kSkip:
      ++count_.failed;
      skipped_.add(message);
      return {};
    case sdk::OnDataError::kDlq:
      ++count_.failed;
      return sdk::host::emit_dlq_record(ctx_.stream_name, record_json(refused.row), message);
  }
  if (!refused.column.empty()) return row_refused(at, refused.reason);
  return row_refused(at, refused.reason + " in " + record_json(refused.row).substr(0, kShownRecord));
}

}  // namespace rapidbyte::dest_postgres
