#include "src/load_writer.h"

#include <algorithm>
#include <utility>

#include "src/commit.h"
#include "src/write_mode.h"

namespace rapidbyte::dest_postgres {

LoadWriter::LoadWriter(PostgresDialect& dialect, const sdk::StreamContext& ctx, std::optional<Receipt> previous)
    : dialect_(dialect),
      ctx_(ctx),
      target_(dialect.target_of(ctx)),
      previous_(std::move(previous)),
      may_hold_(dialect.held_ && ctx.partition.is_null()),
      writer_(*dialect.session_, ctx, dialect.method_, [this](const sdk::BatchReader& batch) {
        return dialect_.prepare(ctx_, target_, batch.schema(), &batch);
      }) {}

Result<sdk::WriteCount> LoadWriter::uncounted(Result<sdk::WriteCount> count) {
  if (!count.ok()) return count;
  const uint64_t again = std::min<uint64_t>(told_, count->written);
  told_ -= again;
  count->written -= again;
  return count;
}

Result<sdk::WriteCount> LoadWriter::write(std::span<const uint8_t> batch) {
  sdk::WriteCount count;
  if (holds()) {
    RB_SDK_RETURN_NOT_OK(held_batch_.load(batch));
    if (dialect_.held_->add(batch, held_batch_.rows())) return sdk::WriteCount{.written = held_batch_.rows()};
    RB_SDK_ASSIGN_OR_RETURN(count, stop_holding());
  }
  RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount more, uncounted(writer_.write(batch)));
  count.written += more.written;
  count.failed += more.failed;
  return count;
}

Result<sdk::WriteCount> LoadWriter::stop_holding() {
  const HeldLoad held = std::move(*std::exchange(dialect_.held_, std::nullopt));
  told_ = held.rows();
  RB_SDK_RETURN_NOT_OK(dialect_.begin_staged(ctx_, target_, /*staging_there=*/false));
  previous_ = *std::exchange(dialect_.newest_, std::nullopt);
  sdk::WriteCount count;
  for (const HeldBatch& before : held.batches()) {
    RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount more, uncounted(writer_.write(before.bytes)));
    count.written += more.written;
    count.failed += more.failed;
  }
  return count;
}

Result<sdk::WriteCount> LoadWriter::settle() {
  if (holds()) return sdk::WriteCount();
  RB_SDK_RETURN_NOT_OK(dialect_.session_->begin());
  return uncounted(writer_.finish_rows());
}

Status LoadWriter::commit(const Receipt& receipt) {
  if (holds()) {
    // A replace always restarts: nothing resumes after this.
    dialect_.held_->checkpoint_json = receipt.checkpoint_json;
    return {};
  }
  Session& session = *dialect_.session_;
  const uint64_t generation = session.generation();
  Receipts receipts = dialect_.receipts_for(target_);
  RB_SDK_RETURN_NOT_OK(commit_with_receipt(session, receipts, ctx_, receipt, previous_, written_table(ctx_, target_)));
  previous_ = receipt;
  // A new connection after a lost answer: the lock went with the old one.
  if (generation != session.generation() && ctx_.partition.is_null()) return dialect_.lock(ctx_, target_);
  return {};
}

}  // namespace rapidbyte::dest_postgres
