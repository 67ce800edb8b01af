// Whether receipts, table and the position that a run starts from tell the same story: what last-committed answers, and
// what keeps a stream from beginning.
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/receipt.h"
#include "src/destination.h"
#include "src/table.h"
#include "src/write_mode.h"

namespace rapidbyte::dest_postgres {
namespace {

/// How to load all rows of a stream again. `rows_there`: the table may hold rows of earlier runs, which an append would
/// bring once more.
std::string how_to_begin_anew(const sdk::StreamContext& ctx, const TableName& target, bool rows_there) {
  const std::string reset = "rapidbyte state reset PIPELINE.yaml --stream " + postgres::quote_literal(ctx.stream_name);
  if (mode_of(ctx) != sdk::WriteMode::kAppend) return "To load all rows again: " + reset;
  return "To load all rows again: " +
         (rows_there ? "first empty table " + target.text() + " or remove what this pipeline has loaded into it"
                     : "first see to it that table " + target.text() + " is still empty") +
         " (an append would double those rows), then: " + reset;
}

/// Whether the table has no row. A user who may only insert, or from whom row security may hide rows, cannot know:
/// false.
Result<bool> is_empty(Session& session, const TableName& table) {
  const auto found = session.value("SELECT pg_catalog.row_security_active(" + postgres::quote_literal(table.sql()) +
                                   ") OR EXISTS (SELECT FROM " + table.sql() + ")");
  if (found.ok()) return *found == "f";
  if (postgres::sqlstate_of(found.error()) == "42501") return false;
  return found.status();
}

/// Why the rows of the receipt are not in the table any more, as far as that can be seen; empty: nothing speaks for it.
Result<std::string> why_rows_are_gone(Session& session, const TableName& table, const Receipt& receipt) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found,
                          session.connection().query(
                              "SELECT " + identity_sql(table) + ", " + unlogged_sql(table) +
                              ", EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
                              "OPERATOR(pg_catalog.=) c.relnamespace WHERE c.relkind OPERATOR(pg_catalog.=) 'p' AND " +
                              table.condition_sql() + ")"));
  const postgres::Row& now = found.rows.front();
  const bool partitioned = now[2] == "t";
  if (now[1]) {
    return (partitioned ? "its partition " + *now[1] : std::string("the table")) +
           " is UNLOGGED, so that a crash of the server may have emptied it";
  }
  if (!receipt.identity.empty() && !still_holds(receipt.identity, now[0].value_or(""))) {
    return partitioned ? std::string(
                             "it or one of its partitions is not the same any more: made anew, emptied (TRUNCATE), "
                             "detached, dropped or rewritten (VACUUM FULL, CLUSTER, ALTER TABLE)")
                       : std::string(
                             "the table is not the same any more: it was made anew, emptied (TRUNCATE) or rewritten "
                             "(VACUUM FULL, CLUSTER, ALTER TABLE)");
  }
  RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(session, table));
  return empty ? std::string("the table is empty") : std::string();
}

}  // namespace

Status PostgresDestination::check_still_there(const sdk::StreamContext& ctx, const TableName& target) {
  if (sdk::appends_from_the_beginning(ctx) || sdk::appends_all(ctx)) return check_not_loaded_before(ctx, target);
  // A load that was broken off has its receipt.
  if (!sdk::begins_behind_cursor(ctx)) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
  std::string what = " is gone";
  if (existing) {
    RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(*session_, target));
    if (!empty) return check_is_ours(ctx, target);
    what = " is empty";
  }
  if (accept_emptied_) return {};
  return sdk::config_error(
      codes::kTargetEmptied,
      "stream \"" + ctx.stream_name +
          "\": earlier runs have loaded rows up to the cursor that this one starts from, "
          "but table " +
          target.text() + " of " + session_->options().where() + what +
          ". Going on would leave those rows out for good. This run wrote nothing. " +
          how_to_begin_anew(ctx, target, false) +
          ". If the table is meant to be emptied, set emptied_target: continue in the destination's config.");
}

Status PostgresDestination::check_is_ours(const sdk::StreamContext& ctx, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, newest_receipt(ctx, target));
  if (receipt && receipt->target != target.text() && receipt->target != staging_name(target).text()) {
    if (ctx.keep_positions) return {};
    return sdk::config_error(
        codes::kReceiptForeign,
        "stream \"" + ctx.stream_name + "\": the newest receipt of this pipeline and stream in " +
            receipts_for(target).name().text() + " is of table " + receipt->target + ", not of " + target.text() +
            ": perhaps two pipelines of one name share `receipts_schema`. Then give one of them another name. This run "
            "wrote nothing. If every row before the cursor is in this table, go on once with: rapidbyte run "
            "PIPELINE.yaml --keep-positions. " +
            how_to_begin_anew(ctx, target, true) + ".");
  }
  if (receipt && receipt->target == target.text() && !receipt->identity.empty() && !ctx.keep_positions) {
    // Not the file: VACUUM FULL and its like write the same rows anew.
    const auto oid_of = [](std::string_view identity) { return identity.substr(0, identity.find(':')); };
    RB_SDK_ASSIGN_OR_RETURN(const auto now, session_->value("SELECT " + identity_sql(target)));
    if (oid_of(now.value_or("")) != oid_of(receipt->identity)) {
      return sdk::config_error(
          codes::kReceiptForeign,
          "stream \"" + ctx.stream_name + "\": table " + target.text() + " of " + session_->options().where() +
              " is not the one that earlier runs have loaded: it was dropped and made anew, restored from a copy, or "
              "another one has taken its name. Rows before the cursor that it does not have would be left out for "
              "good. This run wrote nothing. If every row before the cursor is in it, go on once with: rapidbyte run "
              "PIPELINE.yaml --keep-positions. " +
              how_to_begin_anew(ctx, target, true) + ".");
    }
  }
  if (receipt) {
    return sdk::check_receipt_fits(ctx, receipt->newest(target), described(target));
  }
  if (ctx.keep_positions) return {};
  return sdk::config_error(
      codes::kReceiptMissing,
      "stream \"" + ctx.stream_name +
          "\": earlier runs have loaded rows up to the cursor that this one starts from, but " +
          session_->options().where() + " has no receipt of them in " + receipts_for(target).name().text() +
          ". So table " + target.text() +
          " may be that of another server or database, without those rows. This run wrote nothing. If "
          "`receipts_schema` was changed, change it back. If the rows are in this table (the database was moved), go "
          "on once with: rapidbyte run PIPELINE.yaml --keep-positions. " +
          how_to_begin_anew(ctx, target, true) + ".");
}

Status PostgresDestination::check_not_loaded_before(const sdk::StreamContext& ctx, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, newest_receipt(ctx, target));
  if (!receipt) return {};
  const auto has_rows = [&]() -> Result<bool> {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
    if (!existing) return false;
    RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(*session_, target));
    return !empty;
  };
  const auto check = sdk::appends_all(ctx) ? sdk::check_no_broken_off_load : sdk::check_not_loaded_before;
  return check(ctx, receipt->newest(target), described(target), has_rows);
}

Result<std::optional<std::string>> PostgresDestination::position_in(const sdk::StreamContext& ctx,
                                                                    const TableName& target) {
  if (known_in_ != session_->generation()) receipts_known_.clear();
  known_in_ = session_->generation();
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, receipts_for(target).read(ctx));
  resumed_from_.emplace(ctx.stream_name, receipt);
  const bool of_this_load = receipt && receipt->load_id == ctx.load_id;
  if (of_this_load && receipt->checkpoint_json && receipt->published) return receipt->checkpoint_json;
  const TableName written = written_table(ctx, target);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, written));
  const auto none = existing ? std::optional<std::string>() : std::optional<std::string>(sdk::kTargetAbsent);
  // For another load it only matters whether there is a table to double rows in.
  if (receipt && !of_this_load && !existing) return none;
  if (receipt && receipt->checkpoint_json && receipt->published) return receipt->checkpoint_json;
  if (!receipt || !receipt->checkpoint_json || receipt->target != written.text()) return none;
  // Somebody dropped the table to begin again: the receipt speaks of rows that are gone.
  if (!existing && receipt->rows != 0) return none;
  if (existing && receipt->rows != 0) {
    RB_SDK_ASSIGN_OR_RETURN(const std::string lost, why_rows_are_gone(*session_, written, *receipt));
    RB_SDK_ASSIGN_OR_RETURN(const bool empty, lost.empty() ? Result<bool>(true) : is_empty(*session_, written));
    // The state may not have learned of the commit before the process was killed, and would begin anew.
    if (!empty && mode_of(ctx) == sdk::WriteMode::kAppend) {
      return sdk::config_error(
          codes::kReceiptMissing,
          "stream \"" + ctx.stream_name + "\": an earlier run was interrupted after it had committed " +
              std::to_string(receipt->rows) + " rows into " + described(written) + ", but " + lost +
              ". So it is not known which of its rows are there, and reading again could double them. This run wrote "
              "nothing. " +
              how_to_begin_anew(ctx, target, true) + ".");
    }
    if (!lost.empty()) {
      sdk::host::log_warn("stream \"" + ctx.stream_name + "\": the receipt of load " + receipt->load_id +
                          " says that " + std::to_string(receipt->rows) + " rows are in table " + written.text() +
                          ", but " + lost + ". It is not believed.");
      return none;
    }
  }
  return receipt->checkpoint_json;
}

}  // namespace rapidbyte::dest_postgres
