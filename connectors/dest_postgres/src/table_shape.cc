#include "src/table_shape.h"

#include "postgres/types/type_parts.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// What CREATE TABLE ... (LIKE ...) does not copy, and what depends on the table itself. One row per reason. $1: the
// table as SQL.
constexpr std::string_view kReasonsQuery = R"(
WITH t AS (SELECT * FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1::text))
SELECT 'it is partitioned, inherits, or is a typed or unlogged table' FROM t
  WHERE relkind <> 'r' OR relispartition OR relpersistence <> 'p' OR reloftype <> 0 OR EXISTS (
    SELECT FROM pg_catalog.pg_inherits WHERE inhparent = t.oid OR inhrelid = t.oid)
UNION ALL SELECT 'it has an identity column' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attidentity <> '')
UNION ALL SELECT 'it owns a sequence' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid
  WHERE d.classid = 'pg_class'::regclass AND
    d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND s.relkind = 'S')
UNION ALL SELECT 'it has triggers' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal)
UNION ALL SELECT 'it has foreign keys' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f' AND (conrelid = t.oid OR confrelid = t.oid))
UNION ALL SELECT 'it has rules' FROM t WHERE relhasrules
UNION ALL SELECT 'it has row security or policies' FROM t WHERE relrowsecurity OR EXISTS (
  SELECT FROM pg_catalog.pg_policy WHERE polrelid = t.oid)
UNION ALL SELECT 'it belongs to a publication' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_publication_tables p
  WHERE p.schemaname = t.relnamespace::regnamespace::name AND p.tablename = relname)
UNION ALL SELECT 'it belongs to a subscription' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = t.oid)
UNION ALL SELECT 'it has extended statistics' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_statistic_ext WHERE stxrelid = t.oid)
UNION ALL SELECT 'it belongs to another user' FROM t WHERE pg_catalog.pg_get_userbyid(relowner) <> current_user
UNION ALL SELECT 'it has grants on columns or by somebody else than its owner' FROM t WHERE EXISTS (
    SELECT FROM pg_catalog.aclexplode(relacl) WHERE grantor <> t.relowner) OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attacl IS NOT NULL)
UNION ALL SELECT 'new tables get grants by default' FROM t WHERE EXISTS (
  SELECT FROM pg_catalog.pg_default_acl WHERE defaclobjtype = 'r' AND defaclrole = t.relowner)
UNION ALL SELECT 'it has settings of its own' FROM t WHERE reloptions IS NOT NULL OR reltablespace <> 0 OR
  EXISTS (SELECT FROM pg_catalog.pg_class x WHERE x.oid = t.reltoastrelid AND x.reloptions IS NOT NULL) OR
  relreplident <> 'd' OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND
    NOT attisdropped AND (attstattarget >= 0 OR attoptions IS NOT NULL))
UNION ALL SELECT 'it has another access method than new tables get' FROM t WHERE relam <> 0 AND relam <> (
  SELECT oid FROM pg_catalog.pg_am WHERE amname = current_setting('default_table_access_method'))
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

// attcompression exists since server 14; as JSON it may be absent.
constexpr std::string_view kDefinitionQuery = R"(
SELECT pg_catalog.hashtextextended(string_agg(line, E'\n' ORDER BY line COLLATE "C"), 0) FROM (
  SELECT ROW('column', row_number() OVER (ORDER BY a.attnum), a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull, a.attstorage,
    to_jsonb(a) ->> 'attcompression', a.attgenerated,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.col_description(a.attrelid, a.attnum))::text AS line
  FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = pg_catalog.to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT ROW('constraint', conname, pg_catalog.pg_get_constraintdef(oid),
    pg_catalog.obj_description(oid, 'pg_constraint'))::text FROM pg_catalog.pg_constraint WHERE conrelid = pg_catalog.to_regclass($1::text)
  UNION ALL SELECT ROW('index', pg_catalog.pg_get_indexdef(indexrelid),
    pg_catalog.obj_description(indexrelid, 'pg_class'))::text FROM pg_catalog.pg_index WHERE indrelid = pg_catalog.to_regclass($1::text)) l)";

// Whether values of a table other than `t` may name tables: regclass and regtype, at any depth. From these types up to
// the columns, so that each catalog is read once, however many tables there are: no index finds a column's type. Tables
// with lower OIDs are the system's, which have no such column; extensions may put theirs into its schema. Of the types
// that every database has under the same OID only these two and their arrays matter, so that few columns are left to
// look at.
std::string named_elsewhere_sql() {
  constexpr std::string_view kFirstOfUsers = "16384";
  return "SELECT 'columns of other tables may name it (regclass)' FROM t WHERE EXISTS ("
         "WITH RECURSIVE user_column AS MATERIALIZED (SELECT a.attrelid, a.atttypid, c.relkind, c.reltype FROM "
         "pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attrelid >= " +
         std::string(kFirstOfUsers) +
         " AND a.attnum > 0 AND NOT a.attisdropped AND (a.atttypid >= 10000 OR a.atttypid IN (" +
         std::string(postgres::kNamesOfTables) +
         ", 2210, 2211))), within(part, whole) AS MATERIALIZED ("
         "SELECT typelem, oid FROM pg_catalog.pg_type WHERE typelem <> 0 UNION ALL "
         "SELECT typbasetype, oid FROM pg_catalog.pg_type WHERE typbasetype <> 0 UNION ALL "
         "SELECT rngsubtype, rngtypid FROM pg_catalog.pg_range UNION ALL "
         "SELECT r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid FROM pg_catalog.pg_range r "
         "UNION ALL SELECT atttypid, reltype FROM user_column WHERE reltype <> 0), "
         "holder(oid) AS (SELECT pg_catalog.unnest('{" +
         std::string(postgres::kNamesOfTables) +
         "}'::pg_catalog.oid[]) UNION SELECT w.whole FROM holder h JOIN within w ON w.part = h.oid) "
         "SELECT FROM user_column u JOIN holder h ON h.oid = u.atttypid WHERE u.relkind IN ('r', 'p', 'm') AND "
         "u.attrelid <> t.oid)";
}

// The types of a table's columns; `oid` is SQL.
std::string column_types_sql(const std::string& oid) {
  return "SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid "
         "= " +
         oid;
}

}  // namespace

namespace {

const std::string& own_reasons_query() {
  // Values that name the table would still name the dropped one.
  static const std::string query =
      std::string(kReasonsQuery) + "\nUNION ALL SELECT 'its values may name the table itself' FROM t WHERE EXISTS (" +
      postgres::names_objects_sql(column_types_sql("pg_catalog.to_regclass($1::text)"), postgres::kNamesOfTables) + ")";
  return query;
}

const std::string& reasons_to_keep_query() {
  static const std::string query = own_reasons_query() + "\nUNION ALL " + named_elsewhere_sql();
  return query;
}

Result<size_t> queue_for(Session& session, const TableName& table, std::string_view query) {
  const std::string name = table.sql();
  const Parameter parameters[] = {name};
  return session.connection().queue(query, parameters, /*cached=*/true);
}

Result<postgres::QueryResult> look(Session& session, const TableName& table, std::string_view query) {
  const std::string name = table.sql();
  const Parameter parameters[] = {name};
  return session.connection().execute_cached(query, parameters);
}

}  // namespace

Result<size_t> queue_reasons_look(Session& session, const TableName& table) {
  return queue_for(session, table, reasons_to_keep_query());
}

Result<size_t> queue_own_reasons_look(Session& session, const TableName& table) {
  return queue_for(session, table, own_reasons_query());
}

std::vector<std::string> reasons_of(const postgres::QueryResult& found) {
  std::vector<std::string> out;
  for (const postgres::Row& row : found.rows) out.push_back(row[0].value_or(""));
  return out;
}

Result<bool> is_bare(Session& session, const TableInfo& table) {
  static const std::string query =
      std::string(kReasonsQuery) + "\nUNION ALL SELECT 'it has grants' FROM t WHERE relacl IS NOT NULL";
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, look(session, table.name, query));
  return found.rows.empty();
}

Result<bool> may_name_tables(Session& session, const TableInfo& table) {
  static const std::string query =
      postgres::names_objects_sql(column_types_sql("pg_catalog.to_regclass($1::text)"), postgres::kNamesOfTables);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, look(session, table.name, query));
  return first_value(found).has_value();
}

Result<size_t> queue_definition_look(Session& session, const TableName& table) {
  return queue_for(session, table, kDefinitionQuery);
}

Result<std::string> definition_number(Session& session, const TableInfo& table) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, look(session, table.name, kDefinitionQuery));
  return first_value(found).value_or("");
}

}  // namespace rapidbyte::dest_postgres
