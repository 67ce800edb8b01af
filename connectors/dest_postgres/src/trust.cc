#include "src/trust.h"

namespace rapidbyte::dest_postgres {

std::string is_trusted_owner_sql(const std::string& owner, const std::string& schema) {
  return "(" + owner +
         " OPERATOR(pg_catalog.=) ANY (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) "
         "current_user OR r.rolsuper) OR " +
         owner +
         " OPERATOR(pg_catalog.=) (SELECT s.nspowner FROM pg_catalog.pg_namespace s WHERE s.oid "
         "OPERATOR(pg_catalog.=) " +
         schema + ") OR " + owner +
         " OPERATOR(pg_catalog.=) (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname "
         "OPERATOR(pg_catalog.=) pg_catalog.current_database()))";
}

std::string trust_sql(const std::string& condition) {
  return "(SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity AND "
         "NOT "
         "EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT "
         "g.tgisinternal) AND " +
         is_trusted_owner_sql("c.relowner", "c.relnamespace") +
         " THEN 'ours' ELSE 'foreign' END FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
         "OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         condition + ")";
}

constexpr std::string_view kOthersRightsQuery =
    "SELECT DISTINCT 'REVOKE ALL ON TABLE ' || $1::text || ' FROM ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE "
    "quote_ident(pg_get_userbyid(a.grantee)) END FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, "
    "aclexplode(c.relacl) a WHERE a.grantee <> c.relowner AND n.nspname = $2 AND c.relname = $3";

Status run_statements(Session& session, const postgres::QueryResult& statements) {
  for (const postgres::Row& statement : statements.rows)
    RB_SDK_RETURN_NOT_OK(session.run(statement.front().value_or("")));
  return {};
}

Status take_others_rights(Session& session, const TableName& table) {
  const std::string sql = table.sql();
  const postgres::Parameter parameters[] = {sql, table.schema, table.table};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult grants,
                          session.connection().execute_cached(kOthersRightsQuery, parameters));
  return run_statements(session, grants);
}

}  // namespace rapidbyte::dest_postgres
