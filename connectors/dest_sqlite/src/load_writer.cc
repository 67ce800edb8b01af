#include "src/load_writer.h"

#include <utility>

#include "src/change_log.h"

namespace rapidbyte::dest_sqlite {

LoadWriter::LoadWriter(Database& database, const sdk::StreamContext& ctx, const std::string& table,
                       TableWriter::OnSchema make, const std::optional<table::Receipt>& before)
    : database_(database),
      ctx_(ctx),
      writer_(database, ctx, table, table::upsert_key(ctx), std::move(make)),
      collector_(database, table, before ? std::optional(RowEvidence::of(*before)) : std::nullopt),
      appends_(table::mode_of(ctx) == sdk::WriteMode::kAppend),
      rows_committed_(before ? before->rows : 0) {}

Result<sdk::WriteCount> LoadWriter::write(std::span<const uint8_t> batch) {
  RB_SDK_RETURN_NOT_OK(database_.begin());
  if (appends_) RB_SDK_RETURN_NOT_OK(collector_.before_write());
  return writer_.write(batch);
}

Status LoadWriter::commit(const table::Receipt& receipt) {
  RB_SDK_RETURN_NOT_OK(database_.begin());
  RB_SDK_ASSIGN_OR_RETURN(const sdk::Json checkpoint, sdk::parse_json(receipt.checkpoint_json.value_or("{}")));
  const sdk::Json* end = sdk::find_member(checkpoint, "end");
  const bool is_end = end != nullptr && *end == sdk::Json(true);
  RB_SDK_ASSIGN_OR_RETURN(RowEvidence evidence, collector_.at_commit(receipt.rows - rows_committed_, is_end, appends_));
  RB_SDK_ASSIGN_OR_RETURN(evidence.epoch, ChangeLog(database_).note_commit(/*rows_went=*/false));
  table::Receipt complete = receipt;
  complete.identity = sdk::to_text(evidence.to_json());
  RB_SDK_RETURN_NOT_OK(Receipts(database_).write(ctx_, complete));
  RB_SDK_RETURN_NOT_OK(database_.commit());
  rows_committed_ = receipt.rows;
  return {};
}

}  // namespace rapidbyte::dest_sqlite
