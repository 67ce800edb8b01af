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

std::string trust_sql(const TableName& table) {
  return "(SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity AND "
         "NOT "
         "EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT "
         "g.tgisinternal) AND " +
         is_trusted_owner_sql("c.relowner", "c.relnamespace") +
         " THEN 'ours' ELSE 'foreign' END FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
         "OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         table.condition_sql() + ")";
}

}  // namespace rapidbyte::dest_postgres
