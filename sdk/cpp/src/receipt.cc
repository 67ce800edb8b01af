#include "rapidbyte/sdk/receipt.h"

#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {
namespace {

bool has_cursor(const StreamContext& ctx) { return ctx.cursor && !ctx.cursor->last_value.is_null(); }

/// Shortened to fit into a message.
std::string shown(const CursorValue& value) {
  constexpr size_t kMost = 200;
  std::string text = to_text(value.to_json());
  if (text.size() > kMost) text.replace(text.begin() + kMost, text.end(), "...");
  return text;
}

Result<CursorValue> cursor_of(const NewestReceipt& receipt) {
  if (receipt.checkpoint_json.empty()) return CursorValue();
  auto checkpoint = protocol::Checkpoint::parse(receipt.checkpoint_json, protocol::kGuestLimits);
  if (!checkpoint.ok()) return std::move(checkpoint).status().with_context("the newest receipt");
  return checkpoint->understood_cursor();
}

/// Load ids begin with the time at which they were created.
std::string_view time_of(std::string_view load_id) { return load_id.substr(0, load_id.find('-')); }

std::string restart_hint(const StreamContext& ctx) {
  const std::string reset = "rapidbyte state reset PIPELINE.yaml --stream '" + ctx.stream_name + "'";
  if (ctx.write_mode == WriteMode::kUpsert) return "load all rows again with: " + reset;
  return "remove the stream's rows from the table, which would be there twice, and load all again with: " + reset;
}

}  // namespace

bool begins_after_cursor(const StreamContext& ctx) {
  return ctx.sync_mode == SyncMode::kIncremental && has_cursor(ctx) && ctx.resume.is_null();
}

Status check_receipt_fits(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table) {
  // An older host does not say which load its cursor belongs to.
  if (ctx.cursor_load_id.empty() || !receipt.of_table) return {};
  RB_SDK_ASSIGN_OR_RETURN(const CursorValue held, cursor_of(receipt));
  if (held == ctx.cursor->last_value) return {};
  const std::string who = "stream \"" + ctx.stream_name + "\": this run would resume after load " + ctx.cursor_load_id +
                          " (cursor " + shown(ctx.cursor->last_value) + "), but the newest receipt of " + table +
                          " is of load " + receipt.load_id + " (cursor " + shown(held) + ")";
  if (time_of(receipt.load_id) > time_of(ctx.cursor_load_id)) {
    if (ctx.write_mode == WriteMode::kUpsert || ctx.allow_doubled_rows) return {};
    return config_error(codes::kReceiptForeign,
                        who +
                            ", which the state does not know: a run with --limit wrote it, another installation with "
                            "its own state, or the state is an older copy. Resuming would append its rows "
                            "again. This run wrote nothing. Take the newest state; or " +
                            restart_hint(ctx) +
                            "; or use write_mode upsert; or, if rows may be there twice, continue once with: rapidbyte "
                            "run PIPELINE.yaml --allow-doubled-rows");
  }
  if (ctx.keep_positions) return {};
  return config_error(codes::kReceiptForeign,
                      who +
                          ": the table, or its database, is an older copy, or was recreated. Resuming would leave the "
                          "rows between out for good. This run wrote nothing. Use the table or the state of the "
                          "same time; or " +
                          restart_hint(ctx) +
                          "; or, if every row before the cursor is there, continue once with: rapidbyte run "
                          "PIPELINE.yaml --keep-positions");
}

bool appends_all(const StreamContext& ctx) {
  const bool appends = !ctx.write_mode || *ctx.write_mode == WriteMode::kAppend;
  return appends && ctx.sync_mode == SyncMode::kFullRefresh && ctx.resume.is_null();
}

Status check_no_interrupted_load(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                                 const std::function<Result<bool>()>& has_rows) {
  if (receipt.load_id == ctx.load_id || ctx.load_id.empty() || ctx.allow_doubled_rows) return {};
  if (!receipt.of_table || receipt.rows == 0 || receipt.checkpoint_json.empty()) return {};
  auto checkpoint = protocol::Checkpoint::parse(receipt.checkpoint_json, protocol::kGuestLimits);
  if (!checkpoint.ok()) return std::move(checkpoint).status().with_context("the newest receipt");
  if (checkpoint->is_end()) return {};
  RB_SDK_ASSIGN_OR_RETURN(const bool filled, has_rows());
  if (!filled) return {};
  return config_error(
      codes::kPositionMissing,
      "stream \"" + ctx.stream_name + "\": load " + receipt.load_id + " into " + table + " was interrupted after " +
          (receipt.rows ? std::to_string(*receipt.rows) + " rows" : std::string("some rows")) +
          ", and the state does not know it: it was lost, moved or reset, is an older copy, or another installation of "
          "this pipeline began that load (then give each its own name). This run would append "
          "all rows again, those among them. It wrote nothing. Take the state back; or remove the rows of that load "
          "(empty the table if there are no others) and run again; or, when they have been removed from a table that "
          "holds others as well, or may be there twice, run once with: rapidbyte run PIPELINE.yaml "
          "--allow-doubled-rows");
}

bool appends_from_the_beginning(const StreamContext& ctx) {
  const bool appends = !ctx.write_mode || *ctx.write_mode == WriteMode::kAppend;
  return appends && ctx.sync_mode == SyncMode::kIncremental && !has_cursor(ctx) && ctx.resume.is_null();
}

Status check_not_loaded_before(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                               const std::function<Result<bool>()>& has_rows) {
  if (receipt.load_id == ctx.load_id || ctx.allow_doubled_rows) return {};
  RB_SDK_ASSIGN_OR_RETURN(const CursorValue held, cursor_of(receipt));
  // Its source was empty, as it is for this one: both begin at the same place.
  if (held.is_null() && !receipt.checkpoint_json.empty() && receipt.rows == 0) return {};
  RB_SDK_ASSIGN_OR_RETURN(const bool filled, has_rows());
  if (!filled) return {};
  return config_error(codes::kPositionMissing,
                      "stream \"" + ctx.stream_name + "\": " + table +
                          " has rows (or this user cannot see whether it has), and the receipt of load " +
                          receipt.load_id +
                          " of this pipeline, but the state has no position behind them: it was lost or reset, it is "
                          "another file now (the pipeline file has moved), or the stream was not incremental before. "
                          "Starting from the beginning would append all rows again. This run wrote nothing. Take the "
                          "state back; or empty the table and run again; or use write_mode upsert or replace; or, when "
                          "the stream's rows have been removed from a table that holds others as well, or may be there "
                          "twice, run once with: rapidbyte run PIPELINE.yaml --allow-doubled-rows");
}

}  // namespace rapidbyte::sdk
