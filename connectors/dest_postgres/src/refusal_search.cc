#include "src/refusal_search.h"

#include <algorithm>
#include <utility>

#include "src/load_sql.h"
#include "src/row_search.h"

namespace rapidbyte::dest_postgres {
namespace {

// Rows in the first piece that is tried after a refused row; each success doubles it. So many refused rows cost a few
// statements each, and few cost hardly more than sending the batch once more.
constexpr size_t kFirstPiece = 32;

}  // namespace

std::optional<size_t> RefusalSearch::row_of_line(uint64_t line, size_t begin, size_t end) const {
  uint64_t seen = 0;
  for (size_t row = begin; row < end; ++row) {
    if (!state_.encoder.is_skipped(row) && ++seen == line) return row;
  }
  return std::nullopt;
}

Status RefusalSearch::load_group_again(RowLoad& load, const sdk::Error& refused) {
  const uint64_t seen = state_.rows_seen;
  // The caller's current batch may not belong to the group.
  sdk::BatchReader current = std::exchange(state_.batch, sdk::BatchReader());
  const auto line = load.refused_line(refused);
  const bool is_alone = state_.held.batches().size() == 1;
  uint64_t kept = 0;
  for (const HeldBatch& held : state_.held.batches()) {
    RB_SDK_RETURN_NOT_OK(use(held));
    const size_t rows = state_.batch.rows();
    const auto suspected = line && *line > kept ? row_of_line(*line - kept, 0, rows) : std::nullopt;
    kept += state_.kept_rows(0, rows);
    // Known to be refused as a whole, so start with the halves.
    const bool halve = is_alone && !suspected && rows > 1;
    RB_SDK_RETURN_NOT_OK(load_around_refusals(load, suspected.value_or(rows), halve ? rows / 2 : rows));
  }
  state_.rows_seen = seen;
  state_.batch = std::move(current);
  return {};
}

Status RefusalSearch::use(const HeldBatch& held) {
  RB_SDK_RETURN_NOT_OK(state_.batch.load(held.bytes));
  state_.rows_seen = held.first_row;
  // What the encoder refuses was reported when the batch came.
  state_.encoder.load(state_.batch, static_cast<int64_t>(state_.rows_seen));
  return {};
}

Status RefusalSearch::load_around_refusals(RowLoad& load, size_t suspected, size_t piece) {
  const size_t rows = state_.batch.rows();
  size_t at = 0;
  while (at < rows) {
    size_t stop = std::min(rows - at, piece) + at;
    // The rows before a suspect go in first: whether the suspect is refused may depend on them.
    if (suspected >= at && suspected < stop) stop = std::max(suspected, at + 1);
    if (state_.kept_rows(at, stop) == 0) {
      at = stop;
      continue;
    }
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<sdk::Error> refused, load.try_load(at, stop));
    if (!refused) {
      state_.count.written += state_.kept_rows(at, stop);
      piece = std::max(kFirstPiece, 2 * (stop - at));
      at = stop;
    } else if (state_.kept_rows(at, stop) == 1) {
      size_t row = at;
      while (state_.encoder.is_skipped(row)) ++row;
      RB_SDK_RETURN_NOT_OK(refusals_.reject(refusals_.refusal(*refused, &state_.batch, row)));
      state_.encoder.skip(row);
      at = stop;
      piece = kFirstPiece;
    } else {
      const auto line = load.refused_line(*refused);
      const auto named = line ? row_of_line(*line, at, stop) : std::nullopt;
      suspected = named.value_or(rows);
      if (!named) piece = (stop - at) / 2;
    }
  }
  return {};
}

Status RefusalSearch::insert_error(InsertLoad& load, const Status& status) {
  const uint64_t first = state_.held.batches().front().first_row;
  const bool is_of_a_row = is_row_error(status.error());
  if (!state_.session.is_open() || (!is_of_a_row && !may_be_of_a_value(status.error())))
    return refusals_.row_error(status, first);
  // The transaction is lost anyway. A new one lacks the rows before the group, and what was done to the table for them,
  // so the search may find nothing.
  state_.session.rollback();
  if (!state_.session.is_open() || !state_.session.begin_rows().ok()) return refusals_.row_error(status, first);
  for (const HeldBatch& held : state_.held.batches()) {
    RB_SDK_RETURN_NOT_OK(use(held));
    const auto refused = load.try_load(0, state_.batch.rows());
    if (!refused.ok()) break;
    if (!*refused) continue;
    const auto found =
        find_refused(state_.session, 0, state_.batch.rows(), status.error(), [&](uint64_t begin, uint64_t end) {
          return load.insert_rows(static_cast<size_t>(begin), static_cast<size_t>(end));
        });
    if (!found) break;
    const auto row = static_cast<size_t>(found->position);
    RefusedRow about = refusals_.refusal(found->error, &state_.batch, row);
    if (about.column.empty()) {
      const ColumnPlan* column = load.column_of_text(row);
      if (column != nullptr) name_column(about, state_.batch, *column);
    }
    return refusals_.reject(about);
  }
  if (!is_of_a_row) return refusals_.row_error(status, first);
  const HeldBatch& last = state_.held.batches().back();
  return refusals_.row_refused(
      ", rows " + std::to_string(first + 1) + " to " + std::to_string(last.first_row + last.rows),
      reason_of(*postgres::server_error_of(status.error())));
}

Status RefusalSearch::merge_error(const CopyLoad& load, const Status& status) {
  const uint64_t first_row = load.first_row();
  if (!state_.session.is_open() || !is_row_error(status.error())) return refusals_.row_error(status, first_row);
  const Session::Patience patience(state_.session);
  // A row that a later one with the same key replaces was not refused.
  Status ready = state_.session.exec(std::string("ROLLBACK TO SAVEPOINT ") + kMergeSavepoint + "; " +
                                     forget_replaced_sql(state_.plan));
  if (!ready.ok()) return refusals_.row_error(status, first_row);
  const auto found = find_refused(
      state_.session, first_row, first_row + load.rows(), status.error(),
      [&](uint64_t begin, uint64_t end) { return state_.session.exec(merge_sql(state_.plan, {{begin, end}})); });
  if (!found) return refusals_.row_error(status, first_row);
  std::vector<std::string> columns;
  for (const ColumnPlan& column : state_.plan.columns) columns.push_back(column.name);
  const auto row = read_stored_row(state_.session, upsert_row_sql(state_.plan, found->position), columns, found->error);
  if (!row.ok()) return refusals_.row_error(status, first_row);
  return refusals_.row_refused(", row " + std::to_string(found->position + 1) + row->place(),
                               reason_of(*postgres::server_error_of(found->error)) + row->shown());
}

}  // namespace rapidbyte::dest_postgres
