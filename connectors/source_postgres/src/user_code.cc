#include "user_code.h"

#include <string>

namespace rapidbyte::source_postgres {

using sdk::Result;
using sdk::Status;

bool needs_user_path(const StreamOptions& options, const Relation& relation) {
  return !options.where.empty() || relation.kind == 'v' || relation.kind == 'f' || relation.filtered;
}

Status set_user_path(postgres::Connection& connection) { return connection.exec(kUserPath).status(); }

Result<bool> refers_by_name(postgres::Connection& connection, const Relation& relation) {
  std::string types;
  for (const CatalogColumn& column : relation.columns)
    types += (types.empty() ? "" : ",") + std::to_string(column.type);
  // regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regcollation.
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      query_catalog(
          connection,
          "WITH RECURSIVE part(oid) AS (SELECT pg_catalog.unnest('{" + types +
              "}'::pg_catalog.oid[]) UNION SELECT inner_type.oid FROM part JOIN pg_catalog.pg_type p ON p.oid "
              "= part.oid CROSS JOIN LATERAL (SELECT p.typelem UNION ALL SELECT p.typbasetype UNION ALL "
              "SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE p.typtype = 'c' AND a.attrelid = "
              "p.typrelid AND a.attnum > 0 AND NOT a.attisdropped) inner_type(oid)) SELECT 1 FROM part WHERE "
              "oid IN (24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4191) LIMIT 1"));
  return !found.rows.empty();
}

}  // namespace rapidbyte::source_postgres
