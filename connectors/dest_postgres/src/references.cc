#include "src/references.h"

#include <charconv>

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// $1 and $2: schemas and names. Partitions have their parents' foreign keys as their own constraints, on either side; a
// row may also arrive through a parent, or be referred to through it.
constexpr std::string_view kForeignKeysQuery = R"(
WITH t AS (
  SELECT s.n, c.oid
  FROM ROWS FROM (pg_catalog.unnest($1::name[]), pg_catalog.unnest($2::name[])) WITH ORDINALITY s(nsp, rel, n)
  JOIN pg_catalog.pg_namespace p ON p.nspname = s.nsp
  JOIN pg_catalog.pg_class c ON c.relnamespace = p.oid AND c.relname = s.rel),
below AS (SELECT n, oid FROM t UNION SELECT t.n, d.relid FROM t, pg_catalog.pg_partition_tree(t.oid) d),
around AS (SELECT n, oid FROM below UNION SELECT t.n, a.relid FROM t, pg_catalog.pg_partition_ancestors(t.oid) a)
SELECT DISTINCT f.n, r.n FROM pg_catalog.pg_constraint k JOIN below f ON f.oid = k.conrelid
JOIN around r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND f.n <> r.n AND current_setting('session_replication_role') <> 'replica' ORDER BY 1, 2)";

size_t number(const std::optional<std::string>& text) {
  size_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Result<std::vector<std::pair<size_t, size_t>>> foreign_keys_between(Session& session,
                                                                    const std::vector<TableName>& tables) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const TableName& table : tables) {
    schemas.push_back(table.schema);
    names.push_back(table.table);
  }
  const std::string schema_array = text_array(schemas);
  const std::string name_array = text_array(names);
  const Parameter parameters[] = {schema_array, name_array};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found,
                          session.connection().execute(kForeignKeysQuery, parameters));
  std::vector<std::pair<size_t, size_t>> keys;
  for (const postgres::Row& row : found.rows) keys.emplace_back(number(row[0]) - 1, number(row[1]) - 1);
  return keys;
}

std::string ring_advice(const sdk::StreamContext& ctx) {
  std::string ring;
  for (const std::string& stream : ctx.reference_ring) ring += "\"" + stream + "\" -> ";
  ring += "\"" + ctx.reference_ring.front() + "\"";
  return "The foreign keys between the tables of these streams form a cycle (" + ring +
         "), so no order of loading suits all of them, and each stream has its own transaction, so deferrable "
         "constraints do not help. They are loaded in the order of the pipeline's streams. If rows are refused because "
         "what they refer to is not there yet: drop one of the foreign keys for the time of the load and add it again "
         "afterwards, or load by a role whose foreign keys are not checked (ALTER ROLE ... SET "
         "session_replication_role = replica, which takes a superuser), or put the stream first whose references are "
         "NULL or there already.";
}

}  // namespace rapidbyte::dest_postgres
