#include "src/row_refusals.h"

#include <utility>

#include "rapidbyte/table/sql_name.h"
#include "src/column_check.h"
#include "src/row_search.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::ServerError;
using table::quote_name;

// Whether "COPY orders, line 17, column price: "x"" or the error's own field names this column.
bool names_column(const ServerError& error, const std::string& column) {
  if (error.column == column) return true;
  std::string_view named = error.copied_value();
  if (named.empty()) {
    // Inside a function that is called while parsing.
    constexpr std::string_view kColumn = ", column ";
    const size_t at = error.where.find(kColumn);
    if (at == std::string::npos) return false;
    named = std::string_view(error.where).substr(at + kColumn.size());
  }
  if (!named.starts_with(column)) return false;
  named.remove_prefix(column.size());
  return named.empty() || named.front() == '\n' || named.starts_with(':') || named.starts_with(" :");
}

}  // namespace

void name_column(RefusedRow& refused, const sdk::BatchReader& batch, const ColumnPlan& column) {
  const sdk::ColumnView& view = batch.column(column.source);
  refused.column = column.name;
  refused.value = readable_value(ColumnSource::of(view.type(), view.buffers(), column.special_values), refused.row);
}

RefusedRow RowRefusals::refusal(const sdk::Error& error, const sdk::BatchReader* batch, size_t row) const {
  RefusedRow refused{.row = row, .column = {}, .value = {}, .reason = error.message};
  const auto server = postgres::server_error_of(error);
  if (!server) return refused;
  refused.reason = reason_of(*server);
  for (const ColumnPlan& column : state_.plan.columns) {
    if (!names_column(*server, column.name)) continue;
    refused.column = column.name;
    if (batch != nullptr) name_column(refused, *batch, column);
    break;
  }
  return refused;
}

Status RowRefusals::row_error(const Status& status, uint64_t first_row) const {
  const auto server = postgres::server_error_of(status.error());
  if (!server || !is_row_error(*server)) {
    Status out = status;
    return std::move(out).with_context("stream \"" + state_.ctx.stream_name + "\"");
  }
  sdk::BatchReader batch;
  size_t row = 0;
  bool known = false;
  std::string at;
  // A row that is too large is noticed only when a block of rows is written: the line is that of the last one.
  const auto line = server->sqlstate == "54000" ? std::nullopt : server->copy_line();
  if (line && *line > 0) {
    const uint64_t number = first_row + *line - 1;
    at = ", row " + std::to_string(number + 1);
    // The server checks rows some time after they are sent: the row may have been in an earlier batch.
    const HeldBatches::Found found = state_.held.find(number);
    known = !found.batch.empty() && batch.load(found.batch).ok();
    row = found.row;
  }
  const RefusedRow refused = refusal(status.error(), known ? &batch : nullptr, row);
  if (!refused.column.empty()) at += ", column " + quote_name(refused.column);
  if (!refused.value.empty()) at += ", value " + refused.value;
  return row_refused(at, refused.reason);
}

std::string RowRefusals::table() const {
  return "Table " + state_.plan.name.text() + " of " + state_.session.options().where();
}

Status RowRefusals::row_refused(const std::string& at, const std::string& reason) const {
  return refused_.row_refused(at, reason, table());
}

std::string RowRefusals::record_json(size_t row) const {
  sdk::Json record = sdk::Json::object();
  for (size_t i = 0; i < state_.batch.column_count(); ++i) {
    const sdk::ColumnView& view = state_.batch.column(i);
    const ColumnSource source =
        ColumnSource::of(view.type(), view.buffers(), state_.described.fields[i].special_values);
    sdk::Json& value = record[state_.batch.schema().fields[i].name];
    value = !view.is_null(row) && is_special(source, row) ? sdk::Json(value_text(source, row)) : view.json(row);
  }
  return sdk::to_text(record);
}

Status RowRefusals::reject(const RefusedRow& refused) {
  return refused_.reject(
      refused, state_.rows_seen, [&] { return record_json(refused.row); }, table(), state_.count.failed);
}

}  // namespace rapidbyte::dest_postgres
