#include "catalog.h"

#include <algorithm>
#include <charconv>

namespace rapidbyte::source_postgres {

namespace {

using postgres::Connection;
using postgres::QueryResult;
using sdk::Result;
using sdk::Status;

// relispartition and declarative partitioning came with 10, which itself is out of support since 2022.
constexpr uint32_t kOldestServer = 100'000;

// Domains become the types below them, over any number of levels; the innermost level has the modifier. Identity and
// generated columns are columns like others here; dropped ones have numbers, but no rows that matter.
constexpr std::string_view kRelationQuery = R"sql(
WITH RECURSIVE level(domain, type, modifier) AS (
  SELECT oid, typbasetype, typtypmod FROM pg_catalog.pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT level.domain, t.typbasetype, t.typtypmod
  FROM level JOIN pg_catalog.pg_type t ON t.oid = level.type AND t.typtype = 'd'),
base AS (
  SELECT level.* FROM level JOIN pg_catalog.pg_type t ON t.oid = level.type AND t.typtype <> 'd')
SELECT n.nspname, c.relname, c.oid, c.relkind, c.relkind IN ('r', 'p') AND c.relhassubclass,
  c.relrowsecurity AND pg_catalog.row_security_active(c.oid),
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'),
  a.attname, a.attnotnull, t.oid, coalesce(base.modifier, a.atttypmod),
  pg_catalog.format_type(t.oid, coalesce(base.modifier, a.atttypmod)), t.typtype,
  pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN base ON base.domain = a.atttypid
LEFT JOIN pg_catalog.pg_type t ON t.oid = coalesce(base.type, a.atttypid)
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND )sql";

constexpr std::string_view kUserTables = R"sql(
  n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT c.relispartition
  AND c.relname !~ '^_rapidbyte_'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname, a.attnum)sql";

template <typename T>
T number_of(const std::optional<std::string>& text, T fallback) {
  T value = fallback;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

bool truth_of(const std::optional<std::string>& text) { return text == "t"; }

std::vector<Relation> relations_of(QueryResult& result) {
  std::vector<Relation> out;
  for (postgres::Row& row : result.rows) {
    const auto oid = number_of<postgres::Oid>(row[2], 0);
    if (out.empty() || out.back().oid != oid) {
      Relation relation;
      relation.name = {std::move(row[0]).value_or(""), std::move(row[1]).value_or("")};
      relation.oid = oid;
      relation.kind = row[3] && !row[3]->empty() ? row[3]->front() : 'r';
      relation.has_children = truth_of(row[4]);
      relation.filtered = truth_of(row[5]);
      relation.readable = truth_of(row[6]);
      out.push_back(std::move(relation));
    }
    if (!row[7]) continue;  // a table without columns
    CatalogColumn column;
    column.name = std::move(*row[7]);
    column.nullable = !truth_of(row[8]);
    column.type = number_of<postgres::Oid>(row[9], 0);
    column.type_modifier = number_of<int32_t>(row[10], -1);
    column.type_name = std::move(row[11]).value_or("");
    column.type_kind = row[12] && !row[12]->empty() ? row[12]->front() : 'b';
    column.key_position = number_of<int32_t>(row[13], -1);
    out.back().columns.push_back(std::move(column));
  }
  return out;
}

Result<std::vector<Relation>> load(Connection& connection, std::string_view condition) {
  if (connection.server_version() < kOldestServer) {
    return sdk::config_error("SERVER_TOO_OLD", "the server is PostgreSQL " +
                                                   std::to_string(connection.server_version() / 10'000) +
                                                   "; source-postgres reads from 10 and newer");
  }
  RB_SDK_ASSIGN_OR_RETURN(QueryResult result, connection.query(std::string(kRelationQuery) + std::string(condition)));
  return relations_of(result);
}

Status table_not_found(Connection& connection, const TableName& name) {
  // The same name in other letters or in another schema is what people mean most often.
  auto similar = connection.query(
      "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = lower(" +
      postgres::quote_literal(name.table) + ") ORDER BY 1, 2 LIMIT 5");
  std::string message = "the database has no table `" + name.schema + "." + name.table + "`";
  std::string found;
  if (similar.ok()) {
    for (const postgres::Row& row : similar->rows) {
      found += (found.empty() ? "`" : ", `") + TableName{row[0].value_or(""), row[1].value_or("")}.spelling("") + "`";
    }
  }
  message += found.empty() ? ". Look at what there is with: rapidbyte discover" : ", but " + found;
  return sdk::schema_error("TABLE_NOT_FOUND",
                           message + ". Names are case-sensitive; the option table takes schema.table");
}

}  // namespace

std::vector<std::string> Relation::primary_key() const {
  std::vector<const CatalogColumn*> key;
  for (const CatalogColumn& column : columns) {
    if (column.key_position >= 0) key.push_back(&column);
  }
  std::sort(key.begin(), key.end(),
            [](const CatalogColumn* a, const CatalogColumn* b) { return a->key_position < b->key_position; });
  std::vector<std::string> names;
  names.reserve(key.size());
  for (const CatalogColumn* column : key) names.push_back(column->name);
  return names;
}

const CatalogColumn* Relation::find_column(std::string_view wanted) const {
  for (const CatalogColumn& column : columns) {
    if (column.name == wanted) return &column;
  }
  return nullptr;
}

Result<std::vector<Relation>> load_all_relations(Connection& connection) { return load(connection, kUserTables); }

Result<std::vector<Relation>> load_relations(Connection& connection, std::span<const TableName> names) {
  if (names.empty()) return std::vector<Relation>();
  std::string condition = "(n.nspname, c.relname) IN (";
  for (const TableName& name : names) {
    if (condition.back() == ')') condition += ", ";
    condition += "(" + postgres::quote_literal(name.schema) + ", " + postgres::quote_literal(name.table) + ")";
  }
  condition += ") ORDER BY n.nspname, c.relname, a.attnum";
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<Relation> found, load(connection, condition));
  std::vector<Relation> out;
  out.reserve(names.size());
  for (const TableName& name : names) {
    // Two streams may read one table, so that what was found is copied.
    const auto at = std::find_if(found.begin(), found.end(), [&](const Relation& r) { return r.name == name; });
    if (at == found.end()) return table_not_found(connection, name);
    out.push_back(*at);
  }
  return out;
}

Result<std::vector<std::vector<std::string>>> load_unique_keys(Connection& connection, postgres::Oid table) {
  RB_SDK_ASSIGN_OR_RETURN(
      const QueryResult result,
      connection.query("SELECT i.indexrelid, a.attname FROM pg_catalog.pg_index i "
                       "JOIN LATERAL unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, place) ON true "
                       "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
                       "WHERE i.indrelid = " +
                       std::to_string(table) +
                       " AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL "
                       "AND i.indexprs IS NULL ORDER BY i.indexrelid, k.place"));
  std::vector<std::vector<std::string>> out;
  std::optional<std::string> index;
  for (const postgres::Row& row : result.rows) {
    if (row[0] != index) out.emplace_back();
    index = row[0];
    out.back().push_back(row[1].value_or(""));
  }
  return out;
}

Status unknown_column(const Relation& relation, std::string_view what, std::string_view column) {
  // Columns are listed in full up to a number that still reads as a sentence.
  constexpr size_t kShown = 30;
  std::string names;
  for (size_t i = 0; i < relation.columns.size() && i < kShown; ++i) {
    names += (names.empty() ? "" : ", ") + relation.columns[i].name;
  }
  if (relation.columns.size() > kShown) names += " and " + std::to_string(relation.columns.size() - kShown) + " more";
  return sdk::config_error("UNKNOWN_COLUMN", std::string(what) + ": `" + std::string(column) + "` is no column of `" +
                                                 relation.name.spelling("") + "`; its columns are: " + names);
}

Result<std::vector<ColumnPlan>> plan_columns(const Relation& relation, std::span<const std::string> select,
                                             std::span<const std::string> text_columns) {
  const auto wants_text = [&](const std::string& name) {
    return std::find(text_columns.begin(), text_columns.end(), name) != text_columns.end();
  };
  for (const std::string& name : text_columns) {
    if (relation.find_column(name) == nullptr) return unknown_column(relation, "columns", name);
  }
  std::vector<ColumnPlan> out;
  if (select.empty()) {
    for (const CatalogColumn& column : relation.columns) out.push_back(plan_column(column, wants_text(column.name)));
    return out;
  }
  for (const std::string& name : select) {
    const CatalogColumn* column = relation.find_column(name);
    if (column == nullptr) return unknown_column(relation, "select", name);
    out.push_back(plan_column(*column, wants_text(name)));
  }
  return out;
}

}  // namespace rapidbyte::source_postgres
