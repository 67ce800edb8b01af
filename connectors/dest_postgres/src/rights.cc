#include "src/rights.h"

#include <utility>

#include "rapidbyte/table/sql_name.h"
#include "src/receipts.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// One row with a column for each Right. $1: the schema of the tables, $2: that of the receipts.
constexpr std::string_view kRightsQuery = R"(
SELECT pg_catalog.pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
  pg_catalog.has_database_privilege(current_database(), 'CREATE'),
  pg_catalog.has_database_privilege(current_database(), 'TEMPORARY'),
  s.oid IS NOT NULL, pg_catalog.has_schema_privilege(s.oid, 'USAGE') AND
    pg_catalog.has_schema_privilege(s.oid, 'CREATE'),
  r.oid IS NOT NULL, pg_catalog.has_schema_privilege(r.oid, 'USAGE') AND
    pg_catalog.has_schema_privilege(r.oid, 'CREATE'),
  t.oid IS NOT NULL, pg_catalog.has_schema_privilege(r.oid, 'USAGE') AND
    pg_catalog.has_table_privilege(t.oid, 'SELECT') AND pg_catalog.has_table_privilege(t.oid, 'INSERT') AND
    pg_catalog.has_table_privilege(t.oid, 'UPDATE') AND pg_catalog.has_table_privilege(t.oid, 'DELETE')
FROM (SELECT 1) x LEFT JOIN pg_catalog.pg_namespace s ON s.nspname = $1
LEFT JOIN pg_catalog.pg_namespace r ON r.nspname = $2
LEFT JOIN pg_catalog.pg_class t ON t.relnamespace = r.oid AND t.relname = '_rapidbyte_receipts')";
enum class Right : size_t {
  kStandby,
  kReadOnly,
  kCreateSchemas,
  kTemporary,
  kSchema,  // exists
  kCreateTables,
  kReceiptsSchema,  // exists
  kCreateReceipts,
  kReceipts,  // the table exists
  kWriteReceipts,
};

}  // namespace

Result<sdk::Validation> check_rights(Session& session, const std::string& receipts_schema, LoadMethod method) {
  const std::string& schema = session.options().schema;
  const std::string& receipts = receipts_schema.empty() ? schema : receipts_schema;
  const Parameter names[] = {schema, receipts};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, session.connection().execute(kRightsQuery, names));
  const postgres::Row& rights = found.rows.front();
  const auto is = [&](Right right) { return rights[static_cast<size_t>(right)] == "t"; };
  const std::string where = session.options().where();
  const std::string user = table::quote_name(session.options().user);
  const std::string database = table::quote_name(session.options().database);
  const auto denied = [&](const std::string& why) {
    return sdk::Validation::failed("PERMISSION_DENIED: " + where + ": " + why);
  };
  if (is(Right::kStandby)) {
    return sdk::Validation::failed("READ_ONLY: " + where + " is a standby and takes no writes; name the primary");
  }
  if (is(Right::kReadOnly)) {
    return sdk::Validation::failed("READ_ONLY: " + where +
                                   ": transactions of this user are read-only (default_transaction_read_only); name "
                                   "the primary, or ALTER ROLE " +
                                   user + " SET default_transaction_read_only = off");
  }
  for (const auto& [name, there] : {std::pair(&schema, Right::kSchema), std::pair(&receipts, Right::kReceiptsSchema)}) {
    if (!is(there) && !is(Right::kCreateSchemas)) {
      return denied("schema " + *name +
                    " is not there, and this user may not create it. Run: GRANT CREATE ON DATABASE " + database +
                    " TO " + user);
    }
  }
  const auto grant_create = [&](const std::string& name) {
    return "Run: GRANT USAGE, CREATE ON SCHEMA " + table::quote_name(name) + " TO " + user;
  };
  const std::string no_receipts =
      is(Right::kReceipts) && !is(Right::kWriteReceipts)
          ? "this user may not read and write the receipts of loads. Run: GRANT SELECT, INSERT, UPDATE, DELETE ON " +
                Receipts(session, receipts, false).name().sql() + " TO " + user
          : std::string();
  if (!receipts_schema.empty()) {
    // Every load needs them.
    if (!no_receipts.empty()) return denied(no_receipts);
    if (is(Right::kReceiptsSchema) && !is(Right::kReceipts) && !is(Right::kCreateReceipts)) {
      return denied("this user may not create the table of receipts in schema " + receipts + ". " +
                    grant_create(receipts));
    }
  }
  // Streams may name their own schemas, and tables may already exist.
  std::string lacking = no_receipts.empty() ? "" : "; " + no_receipts;
  if (is(Right::kSchema) && !is(Right::kCreateTables)) {
    const bool for_receipts = receipts_schema.empty() && !is(Right::kReceipts);
    lacking += "; this user may not create tables in schema " + schema +
               ", which the first load of a table, write_mode replace" + (for_receipts ? " and the receipts" : "") +
               " need. " + grant_create(schema) +
               (for_receipts ? ", or set receipts_schema to a schema where it may" : "");
  }
  if (method == LoadMethod::kCopy && !is(Right::kTemporary)) {
    lacking +=
        "; this user may not create temporary tables, which write_mode upsert needs. Run: GRANT TEMPORARY ON "
        "DATABASE " +
        database + " TO " + user + ", or set load_method: insert";
  }
  const std::string server = where + ", PostgreSQL " + std::string(session.connection().parameter("server_version"));
  if (!lacking.empty()) return sdk::Validation::warning(server + ": " + lacking.substr(2));
  if (!is(Right::kSchema)) return sdk::Validation::success(server + ": the first run will create schema " + schema);
  return sdk::Validation::success(server + ", schema " + schema);
}

}  // namespace rapidbyte::dest_postgres
