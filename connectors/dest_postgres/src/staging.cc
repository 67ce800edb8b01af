#include "src/staging.h"

#include <unistd.h>

#include <algorithm>

#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using postgres::quote_identifier;

constexpr std::string_view kPrefix = "_rapidbyte_staging_";

// What CREATE TABLE ... (LIKE ...) does not bring along, and what holds on to the table itself. One row per reason.
constexpr std::string_view kReasonsQuery = R"(
WITH t AS (SELECT * FROM pg_catalog.pg_class WHERE oid = $1::oid)
SELECT 'it is partitioned, inherits, or is a typed or unlogged table' FROM t
  WHERE relkind <> 'r' OR relispartition OR relpersistence <> 'p' OR reloftype <> 0 OR EXISTS (
    SELECT FROM pg_catalog.pg_inherits WHERE inhparent = t.oid OR inhrelid = t.oid)
UNION ALL SELECT 'it has an identity column' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attidentity <> '')
UNION ALL SELECT 'it owns a sequence' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid WHERE d.classid = 'pg_class'::regclass AND
    d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND s.relkind = 'S')
UNION ALL SELECT 'it has triggers' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal)
UNION ALL SELECT 'it has foreign keys' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f' AND (conrelid = t.oid OR confrelid = t.oid))
UNION ALL SELECT 'it has rules' FROM t WHERE relhasrules
UNION ALL SELECT 'it has row security or policies' FROM t WHERE relrowsecurity OR EXISTS (
  SELECT FROM pg_catalog.pg_policy WHERE polrelid = t.oid)
UNION ALL SELECT 'it belongs to a publication' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_publication_tables p WHERE p.schemaname = t.relnamespace::regnamespace::name AND p.tablename = relname)
UNION ALL SELECT 'it has extended statistics' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_statistic_ext WHERE stxrelid = t.oid)
UNION ALL SELECT 'it belongs to another user' FROM t WHERE pg_catalog.pg_get_userbyid(relowner) <> current_user
UNION ALL SELECT 'it has grants on columns or by somebody else than its owner' FROM t WHERE EXISTS (
    SELECT FROM pg_catalog.aclexplode(relacl) WHERE grantor <> t.relowner) OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attacl IS NOT NULL)
UNION ALL SELECT 'new tables get grants by default' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_default_acl WHERE defaclobjtype = 'r' AND defaclrole = t.relowner)
UNION ALL SELECT 'it has settings of its own' FROM t WHERE reloptions IS NOT NULL OR reltablespace <> 0 OR
  relreplident <> 'd' OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND
    NOT attisdropped AND (attstattarget >= 0 OR attoptions IS NOT NULL))
UNION ALL SELECT 'it has a security label' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_seclabel WHERE objoid = t.oid AND classoid = 'pg_class'::regclass)
UNION ALL SELECT 'it has an index that is invalid or that it is clustered by' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_index WHERE indrelid = t.oid AND (indisclustered OR NOT indisvalid))
UNION ALL SELECT 'views, functions or other tables use it' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'n' AND
    ((d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid) OR
     (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
       t.reltype, (SELECT typarray FROM pg_catalog.pg_type WHERE oid = t.reltype)))) AND
    NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (
      SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid AND k.conrelid = t.oid)) AND
    NOT (d.classid = 'pg_attrdef'::regclass AND EXISTS (
      SELECT FROM pg_catalog.pg_attrdef k WHERE k.oid = d.objid AND k.adrelid = t.oid)) AND
    NOT (d.classid = 'pg_class'::regclass AND EXISTS (
      SELECT FROM pg_catalog.pg_index k WHERE k.indexrelid = d.objid AND k.indrelid = t.oid))))";

// Indexes of the target ($1) and of the staging ($2) that are made in the same way, with their names. Equal ones are
// paired in the order of making.
constexpr std::string_view kIndexPairsQuery = R"(
WITH i AS (
  SELECT x.indrelid, c.relname, k AS definition, row_number() OVER (PARTITION BY x.indrelid, k ORDER BY x.indexrelid) AS n
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid, LATERAL (SELECT x.indisunique::text || x.indisprimary ||
    EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = x.indexrelid) ||
    substring(pg_catalog.pg_get_indexdef(x.indexrelid) FROM position(' USING ' IN pg_catalog.pg_get_indexdef(x.indexrelid))) AS k) d
  WHERE x.indrelid IN ($1::oid, $2::oid))
SELECT o.relname, s.relname FROM (SELECT * FROM i WHERE indrelid = $1::oid) o
FULL JOIN (SELECT * FROM i WHERE indrelid = $2::oid) s USING (definition, n))";

// What gives another table ($2, as SQL) the rights of the target ($1), all given by the owner; nothing when it has the
// rights of every new table.
constexpr std::string_view kGrantsQuery = R"(
SELECT format('REVOKE ALL ON TABLE %s FROM %I', $2::text, current_user) FROM pg_catalog.pg_class
  WHERE oid = $1::oid AND relacl IS NOT NULL
UNION ALL SELECT format('GRANT %s ON TABLE %s TO %s%s', string_agg(privilege_type, ', '), $2::text,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_catalog.pg_class, pg_catalog.aclexplode(relacl) WHERE oid = $1::oid GROUP BY grantee, is_grantable)";

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  return hash;
}

std::string hex(uint64_t value) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15];
  return out;
}

Result<postgres::QueryResult> for_table(Session& session, std::string_view sql, Oid oid) {
  const std::string text = std::to_string(oid);
  const Parameter parameters[] = {text};
  return session.connection().execute(sql, parameters);
}

// Foreign keys of the target, so that rows that break one are found one by one and not when all are published.
Status copy_foreign_keys(Session& session, const TableInfo& target, const TableName& staging) {
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult keys,
      for_table(
          session,
          "SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND "
          "contype = 'f' AND confrelid <> conrelid",
          target.oid));
  for (const postgres::Row& key : keys.rows) {
    RB_SDK_RETURN_NOT_OK(session.exec("ALTER TABLE " + staging.sql() + " ADD " + key[0].value_or("")));
  }
  return {};
}

// Whoever comes after a lock that waits has to wait, too: behind one slow reader all others would stand still. So the
// wait is short, and between two of them the others get their turn.
Status lock_out_readers(Session& session, const TableName& table) {
  constexpr useconds_t kPauseUs = 500'000;
  for (;;) {
    const Status locked = session.exec("SAVEPOINT rapidbyte_lock; SET LOCAL lock_timeout = '2s'; LOCK TABLE " +
                                       table.sql() + " IN ACCESS EXCLUSIVE MODE");
    if (locked.ok()) return session.exec("SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT rapidbyte_lock");
    if (postgres::sqlstate_of(locked.error()) != "55P03" || sdk::host::is_cancelled()) return locked;
    RB_SDK_RETURN_NOT_OK(session.exec("ROLLBACK TO SAVEPOINT rapidbyte_lock; RELEASE SAVEPOINT rapidbyte_lock"));
    sdk::host::log_debug("table " + table.text() + " is in use; waiting for a moment without readers");
    usleep(kPauseUs);
  }
}

Status take_name(Session& session, const TableName& staging, const TableName& target) {
  return session.exec("ALTER TABLE " + staging.sql() + " RENAME TO " + quote_identifier(target.table));
}

// The staging becomes the target. False, and nothing was changed: their indexes do not match.
Result<bool> swap_tables(Session& session, const TableInfo& target, const TableInfo& staging) {
  const std::string old_oid = std::to_string(target.oid);
  const std::string new_oid = std::to_string(staging.oid);
  const Parameter oids[] = {old_oid, new_oid};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult indexes, session.connection().execute(kIndexPairsQuery, oids));
  for (const postgres::Row& pair : indexes.rows) {
    if (!pair[0] || !pair[1]) return false;
  }
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult comment,
                          for_table(session, "SELECT pg_catalog.obj_description($1::oid, 'pg_class')", target.oid));
  const std::string new_table = staging.name.sql();
  const Parameter tables[] = {old_oid, new_table};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult grants, session.connection().execute(kGrantsQuery, tables));
  for (const postgres::Row& grant : grants.rows) RB_SDK_RETURN_NOT_OK(session.exec(grant[0].value_or("")));
  RB_SDK_RETURN_NOT_OK(session.exec("DROP TABLE " + target.name.sql()));
  RB_SDK_RETURN_NOT_OK(take_name(session, staging.name, target.name));
  for (const postgres::Row& pair : indexes.rows) {
    const TableName made{target.name.schema, *pair[1]};
    RB_SDK_RETURN_NOT_OK(session.exec("ALTER INDEX " + made.sql() + " RENAME TO " + quote_identifier(*pair[0])));
  }
  if (const auto& text = comment.rows.front().front()) {
    RB_SDK_RETURN_NOT_OK(
        session.exec("COMMENT ON TABLE " + target.name.sql() + " IS " + postgres::quote_literal(*text)));
  }
  return true;
}

// The target stays; its rows are exchanged.
Status exchange_rows(Session& session, const TableInfo& target, const TableInfo& staging, const std::string& stream,
                     int64_t rows) {
  std::string columns;
  for (const TableColumn& column : staging.columns) {
    if (column.generated) continue;
    const std::string name = quote_identifier(column.name);
    if (target.find(column.name) == nullptr) {
      RB_SDK_RETURN_NOT_OK(
          session.exec("ALTER TABLE " + target.name.sql() + " ADD COLUMN " + name + " " + column.type.formatted));
    }
    columns += (columns.empty() ? "" : ", ") + name;
  }
  // Partitions are emptied with their parent; children of another kind have rows of their own.
  RB_SDK_RETURN_NOT_OK(
      session.exec(std::string("TRUNCATE ") + (target.kind == 'p' ? "" : "ONLY ") + target.name.sql()));
  const std::string list = columns.empty() ? "" : " (" + columns + ") OVERRIDING SYSTEM VALUE";
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult inserted,
                          session.connection().exec("INSERT INTO " + target.name.sql() + list + " SELECT " + columns +
                                                    " FROM " + staging.name.sql()));
  if (static_cast<uint64_t>(rows) != inserted.affected_rows) {
    return sdk::data_error("ROW_DISCARDED", "stream \"" + stream + "\": of " + std::to_string(rows) + " rows table " +
                                                target.name.text() + " took " + std::to_string(inserted.affected_rows) +
                                                ": a trigger drops rows without an error. The old rows were left as "
                                                "they were; drop the trigger, or filter in the source.");
  }
  return session.exec("DROP TABLE " + staging.name.sql());
}

}  // namespace

TableName staging_name(const TableName& target) {
  std::string name = std::string(kPrefix) + target.table;
  if (name.size() > kMaxNameBytes) {
    // Cut between characters, and told apart by a hash.
    std::string start = target.table.substr(0, kMaxNameBytes - kPrefix.size() - 17);
    while (!start.empty() && (static_cast<uint8_t>(target.table[start.size()]) & 0xC0U) == 0x80U) start.pop_back();
    name = std::string(kPrefix) + start + "_" + hex(fnv1a(target.table));
  }
  return {target.schema, std::move(name)};
}

Status drop_staging(Session& session, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(session, staging_name(target)));
  return staging ? session.exec("DROP TABLE " + staging->name.sql()) : Status();
}

Result<std::vector<std::string>> reasons_to_keep(Session& session, const TableInfo& target) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, for_table(session, kReasonsQuery, target.oid));
  std::vector<std::string> reasons;
  for (const postgres::Row& row : found.rows) reasons.push_back(row[0].value_or(""));
  return reasons;
}

Status check_replaceable(Session& session, const TableName& target, const std::string& stream) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(session, target));
  if (!table) return {};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult keys,
      for_table(session,
                "SELECT conrelid::regclass::text FROM pg_catalog.pg_constraint WHERE confrelid = $1::oid AND "
                "contype = 'f' AND conrelid <> confrelid ORDER BY 1 LIMIT 1",
                table->oid));
  if (keys.rows.empty()) return {};
  return sdk::config_error("REPLACE_REFERENCED",
                           "stream \"" + stream + "\": rows of " + target.text() + " of " + session.options().where() +
                               " are referenced by foreign keys (of " + keys.rows.front()[0].value_or("") +
                               "), so they cannot be replaced as a whole. Use write_mode upsert, or drop the "
                               "foreign key for the time of the load.");
}

Status make_staging(Session& session, const TableName& target, const sdk::StreamContext& ctx,
                    const sdk::Schema& schema) {
  const TableName name = staging_name(target);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(session, name));
  if (existing) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(session, target));
  if (!table) {
    RB_SDK_RETURN_NOT_OK(check_columns(ctx.stream_name, schema));
    RB_SDK_RETURN_NOT_OK(ensure_schema(session, target.schema));
    const bool strict = ctx.policies.nullability_change == sdk::NullabilityChange::kFail;
    return create_table(session, {.name = name, .schema = schema, .key = {}, .declare_not_null = strict});
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> reasons, reasons_to_keep(session, *table));
  const bool rows_are_judged = ctx.policies.on_data_error != sdk::OnDataError::kFail;
  std::string like = " INCLUDING ALL EXCLUDING IDENTITY";
  // Where the rows are written a second time, the target's own indexes check them; here they would only cost time,
  // unless single rows shall be refused.
  if (!reasons.empty() && !rows_are_judged) like += " EXCLUDING INDEXES EXCLUDING STATISTICS";
  RB_SDK_RETURN_NOT_OK(session.exec("CREATE TABLE " + name.sql() + " (LIKE " + table->name.sql() + like + ")"));
  for (const TableColumn& column : table->columns) {
    // The target itself numbers the rows when they arrive.
    if (!column.identity || schema.index_of(column.name)) continue;
    RB_SDK_RETURN_NOT_OK(
        session.exec("ALTER TABLE " + name.sql() + " DROP COLUMN " + quote_identifier(column.name) + " CASCADE"));
  }
  if (rows_are_judged) return copy_foreign_keys(session, *table, name);
  return {};
}

Status publish_staging(Session& session, const TableName& target, const std::string& stream, int64_t rows) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(session, staging_name(target)));
  if (!staging) {
    return sdk::internal_error("STAGING_LOST", "stream \"" + stream + "\": the staging table " +
                                                   staging_name(target).text() + " with " + std::to_string(rows) +
                                                   " rows is gone. The old table was left as it was; run again.");
  }
  const Session::Patience patience(session);
  RB_SDK_ASSIGN_OR_RETURN(const auto staged, session.value("SELECT count(*) FROM " + staging->name.sql()));
  if (staged != std::to_string(rows)) {
    return sdk::internal_error("STAGING_CHANGED", "stream \"" + stream + "\": the staging table " +
                                                      staging_name(target).text() + " has " + staged.value_or("?") +
                                                      " rows, but " + std::to_string(rows) +
                                                      " were loaded into it. The old table was left as it was; run "
                                                      "again.");
  }
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> table, read_table(session, target));
  if (!table) return take_name(session, staging->name, target);
  // From here on nobody changes the table or hangs something on it.
  RB_SDK_RETURN_NOT_OK(lock_out_readers(session, table->name));
  RB_SDK_ASSIGN_OR_RETURN(table, read_table(session, target));
  if (!table) return take_name(session, staging->name, target);
  RB_SDK_RETURN_NOT_OK(check_replaceable(session, target, stream));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> reasons, reasons_to_keep(session, *table));
  if (reasons.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const bool swapped, swap_tables(session, *table, *staging));
    if (swapped) return {};
  }
  std::string why;
  for (const std::string& reason : reasons) why += (why.empty() ? "" : ", ") + reason;
  sdk::host::log_debug("stream \"" + stream + "\": table " + target.text() + " keeps its definition (" +
                       (why.empty() ? "its indexes changed during the load" : why) + "); its rows are exchanged");
  return exchange_rows(session, *table, *staging, stream, rows);
}

}  // namespace rapidbyte::dest_postgres
