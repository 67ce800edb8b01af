#include "src/table_writer.h"

#include <algorithm>
#include <utility>

namespace rapidbyte::dest_postgres {

TableWriter::TableWriter(Session& session, const sdk::StreamContext& ctx, LoadMethod method, Prepare prepare)
    : state_{.session = session, .ctx = ctx},
      prepare_(std::move(prepare)),
      copy_(state_),
      insert_(state_),
      load_(method == LoadMethod::kCopy ? static_cast<RowLoad*>(&copy_) : &insert_),
      refusals_(state_),
      search_(state_, refusals_),
      group_bytes_(load_->most_group_bytes()) {}

Status TableWriter::plan_table() {
  RB_SDK_ASSIGN_OR_RETURN(state_.plan, prepare_(state_.batch));
  TargetPlan& plan = state_.plan;
  if (plan.calls_code) state_.session.expect_code();
  plan.number_rows = !plan.key.empty();
  // The temporary table of an upsert by COPY has one column more than the target, which may be one too many.
  if (plan.number_rows && plan.columns.size() >= kMaxColumns) {
    load_ = &insert_;
    group_bytes_ = load_->most_group_bytes();
  }
  return load_->prepare_table();
}

Status TableWriter::prepare() {
  RB_SDK_RETURN_NOT_OK(end_rows());
  Session& session = state_.session;
  // Tables are altered in a separate transaction, so that nobody waits for the whole load. When the schema changes in
  // the middle of a transaction, the change is part of it.
  const bool nested = session.in_transaction();
  // A transaction opened before the first rows is still under the system's path.
  if (nested && generation_ != 0) RB_SDK_RETURN_NOT_OK(session.exec(std::string(kSystemPath)));
  Status planned = plan_table();
  if (!planned.ok()) {
    if (!nested) session.rollback();
    return planned;
  }
  // The rows' own transaction begins in the same round trip; that of a COPY in the one that begins the COPY.
  state_.begin_rows_sql = (nested ? "" : "COMMIT AND CHAIN; ") + std::string(kRolePath) + "; ";
  if (!state_.plan.before_rows.empty()) state_.begin_rows_sql += state_.plan.before_rows + "; ";
  RB_SDK_RETURN_NOT_OK(load_->prepare_rows());
  state_.described = with_context(state_.batch.schema(), state_.ctx.schema);
  schema_version_ = state_.batch.schema_version();
  generation_ = session.generation();
  return {};
}

Status TableWriter::use_text_format() {
  const bool merges = copy_.is_open() && !state_.plan.key.empty();
  RB_SDK_RETURN_NOT_OK(end_rows());
  return copy_.use_text_format(/*empties_table=*/merges);
}

Result<sdk::WriteCount> TableWriter::write(std::span<const uint8_t> bytes) {
  sdk::BatchReader& batch = state_.batch;
  RB_SDK_RETURN_NOT_OK(batch.load(bytes));
  if (batch.schema_version() != schema_version_ || generation_ != state_.session.generation()) {
    RB_SDK_RETURN_NOT_OK(prepare());
  } else {
    RB_SDK_RETURN_NOT_OK(table::check_late_values(state_.plan.columns, state_.plan.no_columns, batch));
  }
  RB_SDK_RETURN_NOT_OK(state_.session.begin_rows());
  state_.encoder.load(batch, static_cast<int64_t>(state_.rows_seen));
  if (state_.encoder.needs_text()) {
    // Ends the running COPY, for which another batch may have to be loaded again.
    RB_SDK_RETURN_NOT_OK(use_text_format());
    RB_SDK_RETURN_NOT_OK(batch.load(bytes));
    state_.encoder.load(batch, static_cast<int64_t>(state_.rows_seen));
  }
  for (const RefusedRow& refused : state_.encoder.refused()) RB_SDK_RETURN_NOT_OK(refusals_.reject(refused));
  RB_SDK_RETURN_NOT_OK(one_statement_per_commit() ? append_to_copy(bytes) : append_to_group(bytes));
  state_.rows_seen += batch.rows();
  return std::exchange(state_.count, {});
}

Status TableWriter::append_to_copy(std::span<const uint8_t> bytes) {
  const size_t rows = state_.batch.rows();
  state_.held.add_within(kMostRecentBytes, bytes, state_.rows_seen, rows);
  if (!copy_.is_open()) RB_SDK_RETURN_NOT_OK(copy_.begin());
  const Status sent = copy_.append();
  if (!sent.ok()) return refusals_.row_error(sent, copy_.first_row());
  state_.count.written += rows;
  return {};
}

Status TableWriter::append_to_group(std::span<const uint8_t> bytes) {
  if (!in_group_) {
    group_rows_ = 0;
    state_.held.clear();
    RB_SDK_RETURN_NOT_OK(load_->begin_group());
    in_group_ = true;
  }
  const size_t rows = state_.batch.rows();
  // The last one stays available until its group has ended. That matters for large ones.
  const bool is_last = state_.held.bytes() + bytes.size() >= group_bytes_;
  if (is_last) {
    state_.held.borrow(bytes, state_.rows_seen, rows);
  } else {
    state_.held.add(bytes, state_.rows_seen, rows);
  }
  group_rows_ += state_.kept_rows(0, rows);
  Status sent = load_->append_to_group();
  return sent.ok() && !is_last ? Status() : end_group(std::move(sent));
}

Status TableWriter::end_group(Status sent) {
  in_group_ = false;
  auto refused = load_->end_group(std::move(sent), group_rows_);
  if (!refused.ok() && state_.fails()) return search_.insert_error(insert_, refused.status());
  RB_SDK_RETURN_NOT_OK(refused.status());
  if (*refused) {
    // Where one row is refused there may be more of them. Small groups lose less.
    group_bytes_ = kLeastGroupBytes;
    return search_.load_group_again(*load_, **refused);
  }
  state_.count.written += group_rows_;
  group_bytes_ = std::min(2 * group_bytes_, load_->most_group_bytes());
  return {};
}

Result<sdk::WriteCount> TableWriter::finish_rows() {
  RB_SDK_RETURN_NOT_OK(end_rows());
  return std::exchange(state_.count, {});
}

Status TableWriter::end_rows() {
  if (in_group_) return end_group({});
  if (!copy_.is_open()) return {};
  const Status ended = copy_.end();
  if (!ended.ok()) return refusals_.row_error(ended, copy_.first_row());
  const Status merged = copy_.merge();
  return merged.ok() ? Status() : search_.merge_error(copy_, merged);
}

}  // namespace rapidbyte::dest_postgres
