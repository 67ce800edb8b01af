#include "src/receipts.h"

#include <utility>

namespace rapidbyte::dest_sqlite {

using table::Receipt;

namespace {

std::string partition_text(const sdk::StreamContext& ctx) {
  return ctx.partition.is_null() ? std::string() : sdk::to_text(ctx.partition);
}

// A receipt's checkpoint also names the table that got the rows, and how to find out later whether they are still
// there.
constexpr const char* kTableKey = "rapidbyte_table";
constexpr const char* kEvidenceKey = "rapidbyte_evidence";

}  // namespace

Result<std::optional<Receipt>> Receipts::read(const sdk::StreamContext& ctx) {
  {
    RB_SDK_ASSIGN_OR_RETURN(Statement exists,
                            database_.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name "
                                              "= '_rapidbyte_receipts'"));
    RB_SDK_ASSIGN_OR_RETURN(const bool found, exists.step());
    if (!found) return std::optional<Receipt>();
  }
  RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                          database_.prepare("SELECT load_id, checkpoint_json, rows, published FROM _rapidbyte_receipts "
                                            "WHERE pipeline = ? AND stream = ? AND partition = ?"));
  const std::string partition = partition_text(ctx);
  statement.bind(1, ctx.pipeline);
  statement.bind(2, ctx.stream_name);
  statement.bind(3, partition);
  RB_SDK_ASSIGN_OR_RETURN(const bool found, statement.step());
  if (!found) return std::optional<Receipt>();
  Receipt receipt{.load_id = statement.text(0),
                  .checkpoint_json = statement.maybe_text(1),
                  .rows = statement.integer(2),
                  .published = statement.integer(3) != 0};
  if (!receipt.checkpoint_json) return std::optional(std::move(receipt));
  RB_SDK_ASSIGN_OR_RETURN(sdk::Json checkpoint, sdk::parse_json(*receipt.checkpoint_json));
  if (!checkpoint.is_object()) return std::optional(std::move(receipt));
  receipt.target = sdk::string_member(checkpoint, kTableKey).value_or("");
  const sdk::Json* evidence = sdk::find_member(checkpoint, kEvidenceKey);
  if (evidence != nullptr) receipt.identity = sdk::to_text(*evidence);
  checkpoint.erase(kTableKey);
  checkpoint.erase(kEvidenceKey);
  receipt.checkpoint_json = sdk::to_text(checkpoint);
  return std::optional(std::move(receipt));
}

Status Receipts::write(const sdk::StreamContext& ctx, const Receipt& receipt) {
  std::optional<std::string> checkpoint_json = receipt.checkpoint_json;
  if (checkpoint_json) {
    RB_SDK_ASSIGN_OR_RETURN(sdk::Json checkpoint, sdk::parse_json(*checkpoint_json));
    if (checkpoint.is_object()) {
      if (!receipt.target.empty()) checkpoint[kTableKey] = receipt.target;
      if (!receipt.identity.empty()) {
        RB_SDK_ASSIGN_OR_RETURN(checkpoint[kEvidenceKey], sdk::parse_json(receipt.identity));
      }
      checkpoint_json = sdk::to_text(checkpoint);
    }
  }
  RB_SDK_RETURN_NOT_OK(database_.exec(
      "CREATE TABLE IF NOT EXISTS _rapidbyte_receipts (\n  pipeline TEXT NOT NULL,\n  stream TEXT NOT NULL,\n"
      "  partition TEXT NOT NULL,\n  load_id TEXT NOT NULL,\n  checkpoint_json TEXT,\n  rows INTEGER NOT NULL,\n"
      "  published INTEGER NOT NULL,\n  committed_at TEXT NOT NULL,\n"
      "  PRIMARY KEY (pipeline, stream, partition)\n) WITHOUT ROWID"));
  RB_SDK_ASSIGN_OR_RETURN(
      Statement statement,
      database_.prepare(
          "INSERT OR REPLACE INTO _rapidbyte_receipts (pipeline, stream, partition, load_id, checkpoint_json, "
          "rows, published, committed_at) VALUES (?, ?, ?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ'))"));
  const std::string partition = partition_text(ctx);
  statement.bind(1, ctx.pipeline);
  statement.bind(2, ctx.stream_name);
  statement.bind(3, partition);
  statement.bind(4, receipt.load_id);
  if (checkpoint_json) {
    statement.bind(5, *checkpoint_json);
  } else {
    statement.bind_null(5);
  }
  statement.bind(6, receipt.rows);
  statement.bind(7, int64_t{receipt.published ? 1 : 0});
  const auto done = statement.step();
  return done.ok() ? Status() : database_.error("writing the receipt");
}

}  // namespace rapidbyte::dest_sqlite
