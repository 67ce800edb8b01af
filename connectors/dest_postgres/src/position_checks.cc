// What shows whether the rows of a receipt are in a table.
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/dialect.h"
#include "src/table.h"
#include "src/write_mode.h"

namespace rapidbyte::dest_postgres {
namespace {

/// Whether the table has no rows. For a user who may only insert, or from whom row security may hide rows, that is
/// unknown: false.
Result<bool> is_empty(Session& session, const TableName& table) {
  const auto found = session.value("SELECT pg_catalog.row_security_active(" + postgres::quote_literal(table.sql()) +
                                   ") OR EXISTS (SELECT FROM " + table.sql() + ")");
  if (found.ok()) return *found == "f";
  if (postgres::sqlstate_of(found.error()) == "42501") return false;
  return found.status();
}

/// Why the rows of the receipt are no longer in the table, as far as that can be seen; empty: nothing suggests it.
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
                             "it or one of its partitions is not the same any more: recreated, emptied (TRUNCATE), "
                             "detached, dropped or rewritten (VACUUM FULL, CLUSTER, ALTER TABLE)")
                       : std::string(
                             "the table is not the same any more: it was recreated, emptied (TRUNCATE) or rewritten "
                             "(VACUUM FULL, CLUSTER, ALTER TABLE)");
  }
  RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(session, table));
  return empty ? std::string("the table is empty") : std::string();
}

}  // namespace

Result<bool> PostgresDialect::has_rows(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(*session_, target_of(ctx)));
  return !empty;
}

Status PostgresDialect::check_receipt_of_target(const sdk::StreamContext& ctx, const Receipt& receipt) {
  if (ctx.keep_positions) return {};
  const TableName target = target_of(ctx);
  const std::string remedy = table::how_to_restart(ctx, "table " + target.text(),
                                                   /*rows_there=*/true) +
                             ".";
  if (receipt.target != target.text() && receipt.target != staging_name(target).text()) {
    return sdk::config_error(codes::kReceiptForeign,
                             "stream \"" + ctx.stream_name + "\": the newest receipt of this pipeline and stream in " +
                                 receipts_for(target).name().text() + " is of table " + receipt.target + ", not of " +
                                 target.text() +
                                 ": perhaps two pipelines of one name share `receipts_schema`. Then give one of them "
                                 "another name. This run wrote nothing. If every row before the cursor is in this "
                                 "table, continue once with: rapidbyte run PIPELINE.yaml --keep-positions. " +
                                 remedy);
  }
  if (receipt.target != target.text() || receipt.identity.empty()) return {};
  // Not the file: VACUUM FULL and similar commands rewrite the same rows.
  const auto oid_of = [](std::string_view identity) { return identity.substr(0, identity.find(':')); };
  RB_SDK_ASSIGN_OR_RETURN(const auto now, session_->value("SELECT " + identity_sql(target)));
  if (oid_of(now.value_or("")) == oid_of(receipt.identity)) return {};
  return sdk::config_error(codes::kReceiptForeign,
                           "stream \"" + ctx.stream_name + "\": " + described(ctx.stream_name) +
                               " is not the one that earlier runs have loaded: it was dropped and recreated, restored "
                               "from a copy, or another one has taken its name. Rows before the cursor that it does "
                               "not have would be left out for good. This run wrote nothing. If every row before the "
                               "cursor is in it, continue once with: rapidbyte run PIPELINE.yaml --keep-positions. " +
                               remedy);
}

Result<bool> PostgresDialect::still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) {
  const TableName written = written_table(ctx, target_of(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const std::string lost, why_rows_are_gone(*session_, written, receipt));
  if (lost.empty()) return true;
  RB_SDK_ASSIGN_OR_RETURN(const bool empty, is_empty(*session_, written));
  // The state may have missed the commit before the process was killed, and the load would then restart.
  if (!empty && mode_of(ctx) == sdk::WriteMode::kAppend) {
    return sdk::config_error(codes::kReceiptMissing, "stream \"" + ctx.stream_name +
                                                         "\": an earlier run was interrupted after it had committed " +
                                                         std::to_string(receipt.rows) + " rows into " +
                                                         described(ctx.stream_name) + ", but " + lost +
                                                         ". So it is not known which of its rows are there, and "
                                                         "reading again could double them. This run wrote nothing. " +
                                                         table::how_to_restart(ctx, "table " + written.text(),
                                                                               /*rows_there=*/true) +
                                                         ".");
  }
  sdk::host::log_warn("stream \"" + ctx.stream_name + "\": the receipt of load " + receipt.load_id + " says that " +
                      std::to_string(receipt.rows) + " rows are in table " + written.text() + ", but " + lost +
                      ". The receipt is ignored.");
  return false;
}

}  // namespace rapidbyte::dest_postgres
