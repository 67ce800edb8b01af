#include "src/receipts.h"

namespace rapidbyte::dest_sqlite {
namespace {

std::string partition_text(const sdk::StreamContext& ctx) {
  return ctx.partition.is_null() ? std::string() : sdk::to_text(ctx.partition);
}

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
  return std::optional<Receipt>(Receipt{.load_id = statement.text(0),
                                        .checkpoint_json = statement.maybe_text(1),
                                        .rows = statement.integer(2),
                                        .published = statement.integer(3) != 0});
}

Status Receipts::write(const sdk::StreamContext& ctx, const Receipt& receipt) {
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
  if (receipt.checkpoint_json) {
    statement.bind(5, *receipt.checkpoint_json);
  } else {
    statement.bind_null(5);
  }
  statement.bind(6, receipt.rows);
  statement.bind(7, int64_t{receipt.published ? 1 : 0});
  const auto done = statement.step();
  return done.ok() ? Status() : database_.error("writing the receipt");
}

}  // namespace rapidbyte::dest_sqlite
