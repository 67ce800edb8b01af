#include "src/known_tables.h"

#include <utility>

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// An answer is in memory as a whole: some 4 MiB at most.
constexpr std::string_view kAllTables =
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
    "c.relnamespace WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relkind OPERATOR(pg_catalog.=) ANY "
    "('{r,p}'::pg_catalog.\"char\"[]) LIMIT 20000";
constexpr std::string_view kOneTable =
    "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
    "WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2 AND c.relkind "
    "OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.\"char\"[])";

}  // namespace

Result<bool> KnownTables::has(Session& session, const TableName& table) {
  Schema& schema = schemas_[table.schema];
  if (schema.asked < kFew) {
    ++schema.asked;
    const Parameter names[] = {table.schema, table.table};
    RB_SDK_ASSIGN_OR_RETURN(const auto found, session.cached_value(kOneTable, names));
    return found.has_value();
  }
  const auto now = std::chrono::steady_clock::now();
  if (schema.generation != session.generation() || now - schema.seen > kLongest) {
    const Parameter name[] = {table.schema};
    RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, session.connection().execute_cached(kAllTables, name));
    schema.tables.clear();
    for (const postgres::Row& row : found.rows) schema.tables.insert(row.front().value_or(""));
    schema.seen = now;
    schema.generation = session.generation();
  }
  return schema.tables.contains(table.table);
}

}  // namespace rapidbyte::dest_postgres
