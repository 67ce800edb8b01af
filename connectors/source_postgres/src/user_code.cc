#include "user_code.h"

#include <charconv>
#include <string>

#include "postgres/types/type_parts.h"

namespace rapidbyte::source_postgres {

using sdk::Result;
using sdk::Status;

bool needs_user_path(const StreamOptions& options, const Relation& relation) {
  return !options.where.empty() || relation.kind == 'v' || relation.kind == 'f' || relation.filtered;
}

Status set_user_path(postgres::Connection& connection) { return connection.exec(kUserPath).status(); }

Result<std::map<postgres::Oid, std::string>> find_code_of_others(postgres::Connection& connection) {
  // What the rules of views (ev_type 1: SELECT) and policies depend on, over all levels of relations in between.
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, query_catalog(connection, R"sql(
WITH RECURSIVE code(relation, class, object) AS MATERIALIZED (
  SELECT r.ev_class, d.refclassid, d.refobjid FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid WHERE r.ev_type = '1'
  UNION SELECT p.polrelid, d.refclassid, d.refobjid FROM pg_policy p
  JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid),
tree(top, relation) AS (
  SELECT relation, relation FROM code
  UNION SELECT tree.top, code.object FROM tree JOIN code ON code.relation = tree.relation
    AND code.class = 'pg_class'::regclass)
SELECT tree.top, min(pg_get_userbyid(f.proowner)::text) FROM tree JOIN code ON code.relation = tree.relation
LEFT JOIN pg_operator o ON code.class = 'pg_operator'::regclass AND o.oid = code.object
LEFT JOIN pg_cast c ON code.class = 'pg_cast'::regclass AND c.oid = code.object
JOIN pg_proc f ON f.oid = CASE WHEN code.class = 'pg_proc'::regclass THEN code.object
  ELSE coalesce(o.oprcode, c.castfunc) END
JOIN pg_roles owner ON owner.oid = f.proowner
WHERE NOT owner.rolsuper AND owner.rolname <> current_user AND NOT EXISTS (
  SELECT FROM pg_database d WHERE d.datname = current_database() AND d.datdba = f.proowner)
GROUP BY tree.top)sql"));
  std::map<postgres::Oid, std::string> out;
  for (const postgres::Row& row : found.rows) {
    postgres::Oid oid = 0;
    const std::string text = row[0].value_or("");
    (void)std::from_chars(text.data(), text.data() + text.size(), oid);
    out.emplace(oid, row[1].value_or(""));
  }
  return out;
}

Result<bool> refers_by_name(postgres::Connection& connection, const Relation& relation) {
  std::string types;
  for (const CatalogColumn& column : relation.columns)
    types += (types.empty() ? "" : ",") + std::to_string(column.type);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found,
                          query_catalog(connection, postgres::names_objects_sql(
                                                        "SELECT pg_catalog.unnest('{" + types + "}'::pg_catalog.oid[])",
                                                        postgres::kNamesByPath)));
  return !found.rows.empty();
}

}  // namespace rapidbyte::source_postgres
