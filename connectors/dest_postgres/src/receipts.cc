#include "src/receipts.h"

#include <algorithm>
#include <charconv>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/table/sql_name.h"
#include "src/table.h"
#include "src/trust.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

std::string partition_text(const sdk::StreamContext& ctx) {
  return ctx.partition.is_null() ? std::string() : sdk::to_text(ctx.partition);
}

int64_t number(const std::optional<std::string>& text);

Receipt receipt_in(const postgres::Row& row, size_t first) {
  return {.load_id = row[first].value_or(""),
          .target = row[first + 1].value_or(""),
          .checkpoint_json = row[first + 2],
          .rows = number(row[first + 3]),
          .published = row[first + 4] == "t",
          .identity = row[first + 5].value_or("")};
}

int64_t number(const std::optional<std::string>& text) {
  int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

std::string identity_sql(const TableName& table) {
  return identity_sql(postgres::quote_literal(table.schema), postgres::quote_literal(table.table));
}

std::string identity_sql(const std::string& schema, const std::string& table) {
  // The tree is walked without locks on the partitions: others may be working on them, and there may be thousands.
  return "(SELECT pg_catalog.concat_ws(':', c.oid, pg_catalog.pg_relation_filenode(c.oid), CASE WHEN c.relkind "
         "OPERATOR(pg_catalog.=) 'p' THEN (WITH RECURSIVE tree(oid) AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM "
         "tree t JOIN pg_catalog.pg_inherits "
         "i ON i.inhparent OPERATOR(pg_catalog.=) t.oid) SELECT pg_catalog.concat('leaves ', "
         "pg_catalog.string_agg(pg_catalog.concat_ws(':', l.oid, pg_catalog.pg_relation_filenode(l.oid)), ' ' ORDER BY "
         "l.oid)) FROM tree t JOIN pg_catalog.pg_class l ON l.oid OPERATOR(pg_catalog.=) t.oid WHERE l.relkind "
         "OPERATOR(pg_catalog.<>) 'p') END) FROM pg_catalog.pg_class c "
         "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         table_condition_sql(schema, table) + ")";
}

std::string calls_code_sql(const std::string& schema, const std::string& table) {
  // Objects of users have OIDs from 16384 on.
  return "coalesce((SELECT c.relkind OPERATOR(pg_catalog.<>) 'r' OR c.relhastriggers OR c.relhasrules OR "
         "c.relrowsecurity OR c.relchecks OPERATOR(pg_catalog.<>) 0 OR c.relam OPERATOR(pg_catalog.>=) "
         "16384::pg_catalog.oid OR EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE x.attrelid "
         "OPERATOR(pg_catalog.=) c.oid AND x.attnum OPERATOR(pg_catalog.>) 0 AND NOT x.attisdropped AND (x.atthasdef "
         "OR "
         "x.attidentity OPERATOR(pg_catalog.<>) '' OR x.atttypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid)) OR "
         "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND (i.indexprs IS "
         "NOT NULL OR i.indpred IS NOT NULL OR 16384::pg_catalog.oid OPERATOR(pg_catalog.<=) ANY "
         "(i.indclass::pg_catalog.oid[]))) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
         "OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         table_condition_sql(schema, table) + "), false)";
}

std::string unlogged_sql(const TableName& table) {
  return "(WITH RECURSIVE tree(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON "
         "n.oid "
         "OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         table.condition_sql() +
         " UNION ALL SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) "
         "t.oid JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) t.oid AND p.relkind OPERATOR(pg_catalog.=) "
         "'p') SELECT pg_catalog.min(u.oid::pg_catalog.regclass::pg_catalog.text COLLATE \"C\") FROM tree t JOIN "
         "pg_catalog.pg_class u ON u.oid OPERATOR(pg_catalog.=) t.oid WHERE u.relpersistence OPERATOR(pg_catalog.=) "
         "'u')";
}

bool still_holds(std::string_view was, std::string_view now) {
  constexpr std::string_view kLeaves = "leaves ";
  const auto split = [&](std::string_view text) {
    const size_t at = text.find(kLeaves);
    return at == text.npos ? std::pair(text, std::string_view()) : std::pair(text.substr(0, at), text.substr(at));
  };
  const auto [table_was, leaves_was] = split(was);
  const auto [table_now, leaves_now] = split(now);
  // Receipts of earlier versions name only the partitioned table.
  if (leaves_was.empty()) {
    return table_was == table_now || (!leaves_now.empty() && std::string(table_was) + ":" == table_now);
  }
  if (table_was != table_now || leaves_now.empty()) return false;
  // New partitions do no harm. Both lists have the same order.
  const auto next = [](std::string_view& list) {
    const size_t end = std::min(list.find(' '), list.size());
    const std::string_view first = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    return first;
  };
  std::string_view old_list = leaves_was.substr(kLeaves.size());
  std::string_view new_list = leaves_now.substr(kLeaves.size());
  while (!old_list.empty()) {
    const std::string_view leaf = next(old_list);
    bool found = false;
    while (!found && !new_list.empty()) found = next(new_list) == leaf;
    if (!found) return false;
  }
  return true;
}

std::string receipts_state_sql(const TableName& receipts) {
  const std::string has_identity =
      "EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
      "c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid WHERE a.attname "
      "OPERATOR(pg_catalog.=) 'target_identity'::pg_catalog.name AND " +
      receipts.condition_sql() + ")";
  return "(SELECT CASE WHEN s OPERATOR(pg_catalog.<>) 'ours' THEN s WHEN " + has_identity +
         " THEN 'known' ELSE 'old' END FROM (SELECT " + trust_sql(receipts.condition_sql()) +
         " AS s) x WHERE s IS NOT NULL)";
}

// division_by_zero: how write() reports a receipt that is not the newest.
bool is_receipt_changed(const sdk::Error& error) { return postgres::sqlstate_of(error) == "22012"; }

Status receipt_changed(const sdk::StreamContext& ctx) {
  Status changed = sdk::transient_db_error(
      codes::kReceiptChanged,
      "stream \"" + ctx.stream_name +
          "\": another run of this pipeline committed rows meanwhile, perhaps one that was killed "
          "while it committed. Nothing of this transaction was kept; the next attempt resumes "
          "after those rows.");
  changed.error().safe_to_retry = true;
  changed.error().commit_state = sdk::CommitState::kBeforeCommit;
  return changed;
}

Result<std::string> Receipts::state() {
  RB_SDK_ASSIGN_OR_RETURN(const auto state, session_.value("SELECT " + receipts_state_sql(name_)));
  if (state != "foreign") return state.value_or("");
  return sdk::config_error(
      codes::kReceiptsForeign,
      session_.options().where() + ": " + name_.text() +
          ", which holds the receipts of loads, is not a plain table of this user, of the schema's or database's owner "
          "or of a superuser, or it has triggers, rules or row security. Who made it could run commands with this "
          "user's rights or pretend that rows are loaded. Drop it or rename it if it is not yours (ALTER TABLE ... "
          "OWNER "
          "TO " +
          table::quote_name(session_.options().user) +
          " if it is), or set receipts_schema to a schema in which only this user may create tables.");
}

Result<bool> Receipts::exists() {
  if (known_) return true;
  RB_SDK_ASSIGN_OR_RETURN(const std::string found, state());
  has_identity_ = found != "old";
  known_ = found == "known";
  return !found.empty();
}

Status Receipts::ensure_table() {
  if (known_) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::string found, state());
  if (found == "old") {
    RB_SDK_RETURN_NOT_OK(
        session_.exec("ALTER TABLE " + name_.sql() + " ADD COLUMN IF NOT EXISTS target_identity text"));
  }
  if (!found.empty()) {
    has_identity_ = true;
    known_ = true;
    return {};
  }
  RB_SDK_RETURN_NOT_OK(session_.in_transaction([&]() -> Status {
    // Two loads may get here concurrently, and IF NOT EXISTS alone does not keep them apart. Loads into other schemas
    // must not wait, possibly for a session whose client is unreachable.
    RB_SDK_RETURN_NOT_OK(session_.exec("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(" +
                                       postgres::quote_literal("rapidbyte receipts of " + name_.schema) + ", 0))"));
    // Somebody else may have been faster.
    RB_SDK_ASSIGN_OR_RETURN(const std::string now, state());
    if (!now.empty()) return {};
    RB_SDK_RETURN_NOT_OK(ensure_schema(session_, name_.schema));
    RB_SDK_RETURN_NOT_OK(
        session_.exec("CREATE TABLE " + name_.sql() +
                      " (\n  pipeline text NOT NULL,\n  stream text NOT NULL,\n  partition text NOT NULL,\n"
                      "  target text NOT NULL,\n  load_id text NOT NULL,\n  checkpoint_json text,\n"
                      "  rows bigint NOT NULL,\n  published boolean NOT NULL,\n"
                      "  committed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),\n  target_identity text,\n"
                      "  PRIMARY KEY (pipeline, stream, partition)\n)"));
    // Whoever may write receipts decides which rows are read again, and whoever may create triggers runs code as the
    // loader: that requires an explicit GRANT, not a default that was made for tables of data.
    RB_SDK_RETURN_NOT_OK(take_others_rights(session_, name_));
    return state().status();
  }));
  known_ = true;
  return {};
}

Result<std::optional<Receipt>> Receipts::read_row(const sdk::StreamContext& ctx, const std::string& partition) {
  RB_SDK_ASSIGN_OR_RETURN(const bool there, exists());
  if (!there) return std::optional<Receipt>();
  const Parameter key[] = {ctx.pipeline, ctx.stream_name, partition};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      session_.connection().execute_cached("SELECT load_id, target, checkpoint_json, rows, published, " +
                                               std::string(has_identity_ ? "target_identity" : "NULL") + " FROM " +
                                               name_.sql() + " WHERE pipeline = $1 AND stream = $2 AND partition = $3",
                                           key));
  if (found.rows.empty()) return std::optional<Receipt>();
  return std::optional<Receipt>(receipt_in(found.rows.front(), 0));
}

std::string Receipts::stream_sql(int first_parameter, bool all_loads) const {
  const auto parameter = [&](int offset) {
    return "$" + std::to_string(first_parameter + offset) + "::pg_catalog.text";
  };
  const std::string of_stream = "pipeline OPERATOR(pg_catalog.=) " + parameter(0) +
                                " AND stream OPERATOR(pg_catalog.=) " + parameter(1) +
                                " AND partition OPERATOR(pg_catalog.";
  return "EXISTS (SELECT FROM " + name_.sql() + " WHERE " + of_stream + "<>) '' AND " +
         (all_loads ? parameter(2) + " IS NOT NULL" : "load_id OPERATOR(pg_catalog.<>) " + parameter(2)) +
         "), r.load_id IS NOT NULL, r.* FROM (SELECT 1) one LEFT JOIN (SELECT load_id, target, checkpoint_json, rows, "
         "published, target_identity FROM " +
         name_.sql() + " WHERE " + of_stream + "=) '') r ON true";
}

StreamReceipts Receipts::stream_receipts(const postgres::Row& row, size_t first) {
  StreamReceipts out;
  out.of_partitions = row[first] == "t";
  if (row[first + 1] == "t") out.newest = receipt_in(row, first + 2);
  return out;
}

Result<std::optional<Receipt>> Receipts::read(const sdk::StreamContext& ctx) {
  return read_row(ctx, partition_text(ctx));
}

Result<std::optional<Receipt>> Receipts::read_stream(const sdk::StreamContext& ctx) { return read_row(ctx, {}); }

Result<size_t> Receipts::queue_load_look(const sdk::StreamContext& ctx) {
  const Parameter key[] = {ctx.pipeline, ctx.stream_name, ctx.load_id};
  return session_.connection().queue(
      "SELECT load_id, target, checkpoint_json, rows, published, target_identity, (SELECT coalesce(sum(l.rows), "
      "0)::bigint FROM " +
          name_.sql() + " l WHERE l.pipeline = $1 AND l.stream = $2 AND l.load_id = $3) FROM " + name_.sql() +
          " WHERE pipeline = $1 AND stream = $2 AND partition = ''",
      key, /*cached=*/true);
}

std::optional<LoadReceipt> Receipts::load_of(const postgres::QueryResult& found) {
  if (found.rows.empty()) return std::nullopt;
  const postgres::Row& row = found.rows.front();
  return LoadReceipt{.newest = receipt_in(row, 0), .rows = number(row[6])};
}

Status Receipts::begin_load(const sdk::StreamContext& ctx, const Receipt& receipt) {
  const std::string partition = partition_text(ctx);
  const Parameter key[] = {ctx.pipeline, ctx.stream_name, partition};
  RB_SDK_RETURN_NOT_OK(
      session_.connection()
          .queue("DELETE FROM " + name_.sql() + " WHERE pipeline = $1 AND stream = $2 AND partition = $3", key,
                 /*cached=*/true)
          .status());
  return write(ctx, receipt, std::nullopt).status();
}

Result<size_t> Receipts::write(const sdk::StreamContext& ctx, const Receipt& receipt,
                               const std::optional<Receipt>& last, const std::optional<TableName>& written) {
  const std::string partition = partition_text(ctx);
  const std::string rows = std::to_string(receipt.rows);
  std::vector<Parameter> values = {ctx.pipeline,    ctx.stream_name, partition, receipt.target,
                                   receipt.load_id, Parameter(),     rows,      receipt.published ? "t" : "f"};
  if (receipt.checkpoint_json) values[5] = Parameter(*receipt.checkpoint_json);
  // The locks on the rows keep everybody from exchanging the table before the commit.
  std::string identity = "NULL";
  std::string calls_code = "false";
  if (written) {
    identity = identity_sql("$9", "$10");
    // Since the stream began somebody may have attached code to the table, which has run in this session.
    calls_code = calls_code_sql("$9", "$10");
    values.emplace_back(written->schema);
    values.emplace_back(written->table);
  }
  std::string sql;
  std::string last_rows;
  if (last) {
    size_t next = values.size();
    const auto parameter = [&](std::string_view type) {
      return "$" + std::to_string(++next) + "::pg_catalog." + std::string(type);
    };
    const std::string load = parameter("text");
    const std::string checkpoint = parameter("text");
    const std::string last_count = parameter("int8");
    const std::string last_target = parameter("text");
    // A killed run may still be committing: the server makes us wait for its row, and then compares again.
    sql = "UPDATE " + name_.sql() +
          " SET target = $4, load_id = $5, checkpoint_json = $6, rows = $7::bigint, published = $8::boolean, "
          "target_identity = " +
          identity +
          ", committed_at = pg_catalog.now() WHERE pipeline OPERATOR(pg_catalog.=) $1 AND stream "
          "OPERATOR(pg_catalog.=) $2 AND partition OPERATOR(pg_catalog.=) $3 AND load_id OPERATOR(pg_catalog.=) " +
          load + " AND (checkpoint_json OPERATOR(pg_catalog.=) " + checkpoint + " OR (checkpoint_json IS NULL AND " +
          checkpoint + " IS NULL)) AND rows OPERATOR(pg_catalog.=) " + last_count +
          " AND target OPERATOR(pg_catalog.=) " + last_target;
    last_rows = std::to_string(last->rows);
    values.emplace_back(last->load_id);
    values.push_back(last->checkpoint_json ? Parameter(*last->checkpoint_json) : Parameter());
    values.emplace_back(last_rows);
    values.emplace_back(last->target);
  } else {
    sql = "INSERT INTO " + name_.sql() +
          " (pipeline, stream, partition, target, load_id, checkpoint_json, rows, published, target_identity) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7::bigint, $8::boolean, " +
          identity + ") ON CONFLICT DO NOTHING";
  }
  // The COMMIT follows in the queue: if nothing was written, an error keeps it from running.
  return session_.connection().queue(
      "WITH w AS (" + sql +
          " RETURNING pg_catalog.txid_current() AS number) SELECT pg_catalog.max(number), 1 OPERATOR(pg_catalog./) "
          "pg_catalog.count(*), " +
          calls_code + " FROM w",
      values, /*cached=*/true);
}

Status Receipts::publish(const sdk::StreamContext& ctx, const std::string& target) {
  const Parameter values[] = {ctx.pipeline, ctx.stream_name, ctx.load_id, target};
  return session_.connection()
      .queue("UPDATE " + name_.sql() +
                 " SET published = true, target = $4 WHERE pipeline = $1 AND stream = $2 AND load_id = $3",
             values, /*cached=*/true)
      .status();
}

Status Receipts::forget_partitions(const sdk::StreamContext& ctx) {
  const Parameter key[] = {ctx.pipeline, ctx.stream_name, ctx.load_id};
  return session_.connection()
      .execute_cached(
          "DELETE FROM " + name_.sql() + " WHERE pipeline = $1 AND stream = $2 AND partition <> '' AND load_id <> $3",
          key)
      .status();
}

Status Receipts::forget_all_partitions(const sdk::StreamContext& ctx) {
  const Parameter key[] = {ctx.pipeline, ctx.stream_name};
  return session_.connection()
      .queue("DELETE FROM " + name_.sql() + " WHERE pipeline = $1 AND stream = $2 AND partition <> ''", key,
             /*cached=*/true)
      .status();
}

}  // namespace rapidbyte::dest_postgres
