// A replace whose rows were held until the load succeeded (held_load.h): the transaction that publishes them also
// writes them.
#include <algorithm>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/commit.h"
#include "src/dialect.h"
#include "src/publish.h"
#include "src/staging.h"
#include "src/target.h"

namespace rapidbyte::dest_postgres {

Result<bool> PostgresDialect::publishes(const sdk::StreamContext& ctx) {
  const TableName target = target_of(ctx);
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  if (!held_) return false;
  const HeldLoad held = std::move(*std::exchange(held_, std::nullopt));
  if (!held.written && !ctx.without_rows) {
    // The writers of partitions have created a staging table, as they do, and written receipts of their own.
    const Receipt receipt{.load_id = ctx.load_id, .target = staging_name(target).text()};
    ran_no_code_ = false;
    RB_SDK_RETURN_NOT_OK(session_->in_transaction([&] { return receipts.begin_load(ctx, receipt); }));
    return false;
  }
  const auto published = publish_held(ctx, target, receipts, held);
  if (published.ok() && *published) return true;
  session_->rollback();
  RB_SDK_RETURN_NOT_OK(published.status());
  // Meanwhile the table has got something that depends on more than its rows.
  Status staged = stage_held(ctx, target, receipts, held);
  if (!staged.ok()) session_->rollback();
  RB_SDK_RETURN_NOT_OK(std::move(staged));
  return false;
}

Result<bool> PostgresDialect::publish_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts,
                                           const HeldLoad& held) {
  RB_SDK_RETURN_NOT_OK(session_->begin());
  RB_SDK_ASSIGN_OR_RETURN(std::optional<LockedTarget> locked,
                          lock_direct_target(*session_, target, held.table(), ctx.stream_name));
  if (!locked) return false;
  // Children have rows of their own. Not TRUNCATE: its lock keeps readers away, and transactions with an older snapshot
  // would find no rows at all.
  std::string empty_it = locked->is_empty ? std::string() : "DELETE FROM ONLY " + target.sql();
  bool other_columns = false;
  if (held.batches().empty() && !empty_it.empty()) {
    RB_SDK_RETURN_NOT_OK(session_->exec(std::string(kRolePath) + "; " + std::exchange(empty_it, {})));
  }
  const std::optional<TableInfo> seen = std::move(locked->table);
  TableWriter writer(*session_, ctx, method_, [&](const sdk::BatchReader& batch) -> Result<TargetPlan> {
    table::TableRequest request{.stream = ctx.stream_name,
                                .schema = with_context(batch.schema(), ctx.schema),
                                .key = {},
                                .policies = ctx.policies};
    request.has_rows = batch.rows() != 0;
    request.has_values = [&batch](size_t column) { return batch.has_values(column); };
    if (ctx.policies.new_column == sdk::NewColumn::kAdd && seen) {
      const auto is_new = [&](const sdk::Field& field) { return seen->find(field.name) == nullptr; };
      other_columns = std::any_of(request.schema.fields.begin(), request.schema.fields.end(), is_new);
      // Adding them takes a lock for which readers must be waited for.
      if (other_columns) return sdk::internal_error("NEW_COLUMNS", "the table gets new columns");
    }
    auto plan = prepare_target(*session_, target, request, seen);
    if (!plan.ok() || plan->calls_code) ran_no_code_ = false;
    if (plan.ok()) plan->before_rows = std::exchange(empty_it, {});
    return plan;
  });
  Receipt receipt{.load_id = ctx.load_id,
                  .target = target.text(),
                  .checkpoint_json = held.checkpoint_json,
                  .rows = static_cast<int64_t>(held.rows()),
                  .published = true};
  uint64_t rows = 0;
  for (const HeldBatch& batch : held.batches()) {
    auto count = writer.write(batch.bytes);
    if (!count.ok() && other_columns) return false;
    RB_SDK_RETURN_NOT_OK(count.status());
    rows += count->written;
  }
  RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount last, writer.finish_rows());
  rows += last.written;
  if (rows != held.rows()) {
    return sdk::internal_error(codes::kRowsLost, "stream \"" + ctx.stream_name + "\": of " +
                                                     std::to_string(held.rows()) + " rows " + std::to_string(rows) +
                                                     " were written. The old table was " +
                                                     "left as it was; run again.");
  }
  std::optional<Receipt> previous;
  if (newest_) previous = *std::exchange(newest_, std::nullopt);
  RB_SDK_RETURN_NOT_OK(commit_with_receipt(*session_, receipts, ctx, receipt, previous, target));
  sdk::host::log_debug("stream \"" + ctx.stream_name + "\": " + std::to_string(rows) +
                       " rows were exchanged in table " + target.text() + " itself, without a staging table");
  return true;
}

Status PostgresDialect::stage_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts,
                                   const HeldLoad& held) {
  RB_SDK_RETURN_NOT_OK(begin_staged(ctx, target, /*staging_there=*/false));
  const std::optional<Receipt> previous = *std::exchange(newest_, std::nullopt);
  const TableName staging = staging_name(target);
  Receipt receipt{.load_id = ctx.load_id, .target = staging.text()};
  TableWriter writer(*session_, ctx, method_,
                     [&](const sdk::BatchReader& batch) { return prepare(ctx, target, batch.schema(), &batch); });
  for (const HeldBatch& batch : held.batches()) {
    RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount count, writer.write(batch.bytes));
    receipt.rows += static_cast<int64_t>(count.written);
  }
  RB_SDK_RETURN_NOT_OK(session_->begin());
  RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount last, writer.finish_rows());
  receipt.rows += static_cast<int64_t>(last.written);
  receipt.checkpoint_json = held.checkpoint_json;
  return commit_with_receipt(*session_, receipts, ctx, receipt, previous, staging);
}

}  // namespace rapidbyte::dest_postgres
