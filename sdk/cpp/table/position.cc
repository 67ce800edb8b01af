// Whether receipts, table and the position that a run starts from agree: what last-committed answers, and what keeps a
// stream from beginning.
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/receipt.h"
#include "rapidbyte/table/life_cycle.h"

namespace rapidbyte::table {
namespace {

std::string of_stream(const sdk::StreamContext& ctx) { return "stream \"" + ctx.stream_name + "\""; }

/// As one word of a shell command line.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
    } else {
      out += c;
    }
  }
  return out + "'";
}

sdk::NewestReceipt compared(const Dialect& dialect, const sdk::StreamContext& ctx, const Receipt& receipt) {
  return {.load_id = receipt.load_id,
          .checkpoint_json = receipt.checkpoint_json.value_or(""),
          .rows = receipt.rows,
          .of_table = dialect.is_of(receipt, ctx.stream_name, Place::kTarget)};
}

}  // namespace

std::string how_to_restart(const sdk::StreamContext& ctx, const std::string& table, bool rows_there) {
  const std::string reset = "rapidbyte state reset PIPELINE.yaml --stream " + shell_word(ctx.stream_name);
  if (mode_of(ctx) != sdk::WriteMode::kAppend) return "To load all rows again: " + reset;
  return "To load all rows again: " +
         (rows_there ? "first empty " + table + " or remove what this pipeline has loaded into it"
                     : "first see to it that " + table + " is still empty") +
         " (an append would double those rows), then: " + reset;
}

Status LifeCycle::check_position(const sdk::StreamContext& ctx) {
  if (sdk::appends_from_the_beginning(ctx) || sdk::appends_all(ctx)) return check_not_loaded_before(ctx);
  // An interrupted load has its own receipt.
  if (!sdk::begins_after_cursor(ctx)) return {};
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.exists(ctx, Place::kTarget));
  if (is_there) {
    RB_SDK_ASSIGN_OR_RETURN(const bool has_rows, dialect_.has_rows(ctx));
    if (has_rows) return check_receipt(ctx);
  }
  if (dialect_.accepts_emptied()) return {};
  if (is_there) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> newest, dialect_.newest_receipt(ctx));
    RB_SDK_ASSIGN_OR_RETURN(const bool is_meant, dialect_.may_be_empty(ctx, newest));
    if (is_meant) return {};
  }
  return target_emptied(ctx, /*is_gone=*/!is_there);
}

Status LifeCycle::target_emptied(const sdk::StreamContext& ctx, bool is_gone) const {
  const std::string table = dialect_.described(ctx.stream_name);
  return sdk::config_error(
      codes::kTargetEmptied,
      of_stream(ctx) + ": earlier runs have loaded rows up to the cursor that this one starts from, but " + table +
          (is_gone ? " is gone" : " is empty") +
          ". Resuming would leave those rows out for good. This run wrote nothing. " +
          how_to_restart(ctx, dialect_.named(ctx.stream_name), /*rows_there=*/false) +
          ". If the table is meant to be emptied, set emptied_target: continue in the destination's config." +
          dialect_.emptied_advice(ctx, is_gone));
}

Status LifeCycle::check_receipt(const sdk::StreamContext& ctx) {
  const std::string table = dialect_.described(ctx.stream_name);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> newest, dialect_.newest_receipt(ctx));
  if (newest) {
    RB_SDK_RETURN_NOT_OK(dialect_.check_receipt_of_target(ctx, *newest));
    return sdk::check_receipt_fits(ctx, compared(dialect_, ctx, *newest), table);
  }
  if (ctx.keep_positions) return {};
  return sdk::config_error(
      codes::kReceiptMissing,
      of_stream(ctx) + ": earlier runs have loaded rows up to the cursor that this one starts from, but " +
          dialect_.database() + " has no receipt of them in " + dialect_.receipts_name(ctx.stream_name) + ". So " +
          table + " may be that of another database, without those rows. This run wrote nothing." +
          dialect_.receipt_missing_advice() +
          " If the rows are in this table (the database was moved), continue once with: rapidbyte run PIPELINE.yaml "
          "--keep-positions. " +
          how_to_restart(ctx, dialect_.named(ctx.stream_name), /*rows_there=*/true) + ".");
}

Status LifeCycle::check_not_loaded_before(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> newest, dialect_.newest_receipt(ctx));
  if (!newest) return {};
  const auto has_rows = [&]() -> Result<bool> {
    RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.exists(ctx, Place::kTarget));
    if (!is_there) return false;
    return dialect_.has_rows(ctx);
  };
  const auto check = sdk::appends_all(ctx) ? sdk::check_no_interrupted_load : sdk::check_not_loaded_before;
  return check(ctx, compared(dialect_, ctx, *newest), dialect_.described(ctx.stream_name), has_rows);
}

Result<std::optional<std::string>> LifeCycle::last_committed(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.open_existing());
  if (!is_there) return std::optional<std::string>(sdk::kTargetAbsent);
  std::optional<std::string> answer;
  RB_SDK_RETURN_NOT_OK(dialect_.ask(ctx, [&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(answer, position(ctx));
    return {};
  }));
  return answer;
}

Result<std::optional<std::string>> LifeCycle::position(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, dialect_.resumed_receipt(ctx));
  const bool of_this_load = receipt && receipt->load_id == ctx.load_id;
  if (of_this_load && receipt->checkpoint_json && receipt->published) return receipt->checkpoint_json;
  const Place place = written_place(ctx);
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.exists(ctx, place));
  const auto none = is_there ? std::optional<std::string>() : std::optional<std::string>(sdk::kTargetAbsent);
  if (!receipt || !receipt->checkpoint_json) return none;
  // For another load it only matters whether there is a table in which rows could be doubled.
  if (!of_this_load && !is_there) return none;
  if (receipt->published) return receipt->checkpoint_json;
  if (!dialect_.is_of(*receipt, ctx.stream_name, place)) return none;
  if (receipt->rows == 0) return receipt->checkpoint_json;
  // Somebody dropped the table to start over: the receipt describes rows that are gone.
  if (!is_there) return none;
  RB_SDK_ASSIGN_OR_RETURN(const bool holds, dialect_.still_holds(ctx, *receipt));
  return holds ? receipt->checkpoint_json : none;
}

}  // namespace rapidbyte::table
