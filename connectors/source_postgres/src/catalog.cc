#include "catalog.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "postgres/types/type_parts.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_postgres {

namespace {

using postgres::Connection;
using postgres::QueryResult;
using sdk::Result;
using sdk::Status;

// relispartition and declarative partitioning exist since 10, which itself has been out of support since 2022.
constexpr uint32_t kOldestServer = 100'000;

// The number of columns in one answer, some 10 MiB in the sandbox.
constexpr size_t kRowsAtOnce = 20'000;
// This many tables with 1,600 columns each fit one answer.
constexpr size_t kFewTables = 25;

// Domains are resolved to the types below them, over any number of levels; the innermost level has the modifier.
// Identity and generated columns are ordinary columns here; dropped ones have numbers, but no rows that matter.
//
// For many tables all domains are resolved at once.
constexpr std::string_view kDomains = R"sql(
WITH RECURSIVE level(domain, type, modifier) AS (
  SELECT oid, typbasetype, typtypmod FROM pg_catalog.pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT level.domain, t.typbasetype, t.typtypmod
  FROM level JOIN pg_catalog.pg_type t ON t.oid = level.type AND t.typtype = 'd'),
base AS (
  SELECT level.* FROM level JOIN pg_catalog.pg_type t ON t.oid = level.type AND t.typtype <> 'd'))sql";

constexpr std::string_view kRelations = R"sql(
SELECT n.nspname, c.relname, c.oid, c.relkind,
  c.relkind = 'r' AND c.relhassubclass AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid),
  c.relrowsecurity AND pg_catalog.row_security_active(c.oid),
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'),
  a.attname, a.attnotnull, t.oid, coalesce(base.modifier, a.atttypmod),
  pg_catalog.format_type(t.oid, coalesce(base.modifier, a.atttypmod)), t.typtype,
  pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum),
  pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'),
  )sql";

constexpr std::string_view kFrom = R"sql(
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
)sql";

constexpr std::string_view kJoinDomains = "LEFT JOIN base ON base.domain = a.atttypid";

// For one table each column is resolved separately: every table brings types along, and a look at each of many tables
// must not read those of all of them. OFFSET keeps the planner from doing that.
constexpr std::string_view kJoinOwnDomain = R"sql(
LEFT JOIN pg_catalog.pg_type own ON own.oid = a.atttypid
LEFT JOIN LATERAL (
  WITH RECURSIVE level(type, modifier, depth) AS (
    SELECT own.typbasetype, own.typtypmod, 1 WHERE own.typtype = 'd'
    UNION ALL
    SELECT d.typbasetype, d.typtypmod, level.depth + 1 FROM level, LATERAL (
      SELECT t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t WHERE t.oid = level.type AND t.typtype = 'd'
      OFFSET 0) d)
  SELECT level.type, level.modifier FROM level ORDER BY level.depth DESC LIMIT 1) base ON true)sql";

constexpr std::string_view kFromTypes = R"sql(
LEFT JOIN pg_catalog.pg_type t ON t.oid = coalesce(base.type, a.atttypid)
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
  AND pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum) < i.)sql";

constexpr std::string_view kWhere = " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ";

/// Columns that an index only includes follow those of its key; they exist since 11.
std::string_view key_columns(const Connection& connection) {
  return connection.server_version() < 110'000 ? "indnatts" : "indnkeyatts";
}

// How the type of a column is spelled and compared; only for users' types, because the system's are all compared by
// operators of pg_catalog (403: B-tree; 3 and 5: equal and greater). 25 is text; users' functions have OIDs from 16384
// on.
constexpr std::string_view kTypeDetails = R"sql(, a.attnum,
  (SELECT pg_catalog.format('%I.%I', y.nspname, t.typname) FROM pg_catalog.pg_namespace y WHERE y.oid = t.typnamespace),
  CASE WHEN t.typtype = 'b' AND t.oid >= 16384 THEN (
    SELECT pg_catalog.string_agg(pg_catalog.format('OPERATOR(%I.%s)', y.nspname, o.oprname), ' '
      ORDER BY m.amopstrategy)
    FROM pg_catalog.pg_opclass k
    JOIN pg_catalog.pg_amop m ON m.amopfamily = k.opcfamily AND m.amoplefttype = t.oid AND m.amoprighttype = t.oid
      AND m.amopstrategy IN (3, 5)
    JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
    JOIN pg_catalog.pg_namespace y ON y.oid = o.oprnamespace
    WHERE k.opcmethod = 403 AND k.opcdefault AND k.opcintype = t.oid) END,
  EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = t.oid AND k.casttarget = 25 AND k.castfunc >= 16384),
  (SELECT CASE l.collname WHEN 'default' THEN d.datcollate::pg_catalog.text ELSE l.collname::pg_catalog.text END
   FROM pg_catalog.pg_collation l, pg_catalog.pg_database d
   WHERE l.oid = a.attcollation AND d.datname = pg_catalog.current_database()))sql";
constexpr std::string_view kNoDetails = "NULL, NULL, NULL, NULL, NULL, NULL, NULL";
// What decides how values are read; keys, operators and collations are about cursors. The last one says whether there
// are any: 2 is the system's own way to store a table (0 before 12), which alone is known to keep rows in that file.
constexpr std::string_view kFewDetails =
    "NULL, NULL, a.attnum, NULL, NULL, EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = t.oid AND "
    "k.casttarget = 25 AND k.castfunc >= 16384), NULL, c.relkind = 'r' AND c.relam IN (0, 2) AND "
    "pg_catalog.pg_relation_size(c.oid) = 0";

/// For a column: the unique indexes that it is part of, and whether its collation is deterministic (all were before
/// 12); and kTypeDetails.
std::string details(const Connection& connection) {
  std::string sql =
      "(SELECT pg_catalog.string_agg(u.indexrelid::pg_catalog.text, ' ') FROM pg_catalog.pg_index u "
      "WHERE u.indrelid = c.oid AND u.indisunique AND u.indisvalid AND u.indimmediate AND u.indpred IS NULL "
      "AND u.indexprs IS NULL AND pg_catalog.array_position(u.indkey::pg_catalog.int2[], a.attnum) < u.";
  sql += key_columns(connection);
  sql += "), ";
  sql += connection.server_version() < 120'000
             ? "true"
             : "(SELECT l.collisdeterministic FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation)";
  sql += kTypeDetails;
  return sql;
}

constexpr std::string_view kUserTables = R"sql(
  n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT c.relispartition AND c.relispopulated
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

/// Column names of each index in `text`, a list of OIDs separated by blanks.
using Indexes = std::map<std::string, std::vector<std::string>, std::less<>>;

void note_indexes(std::string_view text, const std::string& column, Indexes& indexes) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    indexes[std::string(text.substr(0, end))].push_back(column);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// What both looks return; the short one adds has_no_rows after it.
constexpr size_t kColumnsOfAll = 22;

/// Assembles the rows of relations_sql(), one per column, which may arrive in parts.
class RelationReader {
 public:
  void add(QueryResult& part) {
    for (postgres::Row& row : part.rows) add_row(row);
  }
  std::vector<Relation> finish() {
    end_relation();
    return std::move(out_);
  }

 private:
  void end_relation() {
    for (auto& [index, columns] : indexes_) out_.back().unique_keys.push_back(std::move(columns));
    indexes_.clear();
  }

  void add_row(postgres::Row& row) {
    const auto oid = number_of<postgres::Oid>(row[2], 0);
    if (out_.empty() || out_.back().oid != oid) {
      end_relation();
      Relation relation;
      relation.name = {std::move(row[0]).value_or(""), std::move(row[1]).value_or("")};
      relation.oid = oid;
      relation.kind = row[3] && !row[3]->empty() ? row[3]->front() : 'r';
      relation.has_children = truth_of(row[4]);
      relation.filtered = truth_of(row[5]);
      relation.readable = truth_of(row[6]);
      relation.has_no_rows = row.size() > kColumnsOfAll && truth_of(row[kColumnsOfAll]);
      out_.push_back(std::move(relation));
    }
    if (!row[7]) return;  // a table without columns
    Relation& relation = out_.back();
    CatalogColumn column;
    column.name = std::move(*row[7]);
    column.nullable = !truth_of(row[8]);
    column.type = number_of<postgres::Oid>(row[9], 0);
    column.type_modifier = number_of<int32_t>(row[10], -1);
    column.type_name = std::move(row[11]).value_or("");
    column.type_kind = row[12] && !row[12]->empty() ? row[12]->front() : 'b';
    column.readable = truth_of(row[14]);
    column.is_deterministic = row[16] != "f";
    column.number = number_of<int32_t>(row[17], 0);
    column.sql_type = std::move(row[18]).value_or("");
    if (row[19]) {
      const size_t space = row[19]->find(") ") + 1;
      column.equal_operator = row[19]->substr(0, space);
      column.greater_operator = row[19]->substr(space + 1);
    }
    column.has_text_cast = truth_of(row[20]);
    column.collation = std::move(row[21]).value_or("");
    column.key_position = number_of<int32_t>(row[13], -1);
    note_indexes(row[15].value_or(""), column.name, indexes_);
    relation.columns.push_back(std::move(column));
  }

  std::vector<Relation> out_;
  Indexes indexes_;  // of the newest relation
};

std::vector<Relation> relations_of(QueryResult& result) {
  RelationReader reader;
  reader.add(result);
  return reader.finish();
}

Status check_version(const Connection& connection) {
  if (connection.server_version() >= kOldestServer) return {};
  return sdk::config_error(codes::kUnsupportedServer, "the server is PostgreSQL " +
                                                          std::to_string(connection.server_version() / 10'000) +
                                                          "; source-postgres reads from 10 and newer");
}

/// Only the system's schema, whatever users' code that ran in this session before has done to the path.
std::string within_catalog(std::string_view sql) {
  return "SET LOCAL search_path = pg_catalog, pg_temp; " + std::string(sql);
}

enum class Tables : uint8_t { kOne, kMany };
enum class Details : uint8_t { kNone, kFew, kAll };

std::string relations_sql(const Connection& connection, Tables tables, Details wanted, std::string_view condition) {
  const bool one = tables == Tables::kOne;
  std::string sql(one ? "" : kDomains);
  sql += kRelations;
  sql +=
      wanted == Details::kAll ? details(connection) : std::string(wanted == Details::kFew ? kFewDetails : kNoDetails);
  sql += kFrom;
  sql += one ? kJoinOwnDomain : kJoinDomains;
  sql += kFromTypes;
  sql += key_columns(connection);
  sql += kWhere;
  sql += condition;
  return sql;
}

/// For any number of tables: a database may have more columns than one answer can hold.
Result<std::vector<Relation>> fetch_relations(Connection& connection, const std::string& sql) {
  const std::string fetch = "FETCH " + std::to_string(kRowsAtOnce) + " FROM rapidbyte_relations";
  RelationReader reader;
  // WITH HOLD, so that a small database is known after one round trip, without a transaction to end.
  RB_SDK_ASSIGN_OR_RETURN(
      QueryResult part,
      query_catalog(connection,
                    "CLOSE ALL; DECLARE rapidbyte_relations NO SCROLL CURSOR WITH HOLD FOR " + sql + "; " + fetch));
  reader.add(part);
  if (part.rows.size() < kRowsAtOnce) return reader.finish();
  while (part.rows.size() == kRowsAtOnce) {
    RB_SDK_ASSIGN_OR_RETURN(part, connection.query(fetch));
    reader.add(part);
  }
  // The server may hold a lot of data for it.
  RB_SDK_RETURN_NOT_OK(connection.exec("CLOSE rapidbyte_relations").status());
  return reader.finish();
}

std::string named(std::span<const TableName> names) {
  std::string condition = "(n.nspname, c.relname) IN (";
  for (const TableName& name : names) {
    if (condition.back() == ')') condition += ", ";
    condition += "(" + postgres::quote_literal(name.schema) + ", " + postgres::quote_literal(name.table) + ")";
  }
  return condition + ") ORDER BY n.nspname, c.relname, a.attnum";
}

/// Looks at one table, locked or not, and is prepared for the next time: parsing and planning are most of its cost. The
/// caller records that in the session when it succeeds.
std::string look_sql(const Session& session, const TableName& name, Details wanted) {
  const std::string statement = wanted == Details::kAll ? "rapidbyte_look" : "rapidbyte_short_look";
  std::string sql;
  if (wanted == Details::kAll ? !session.look_prepared : !session.short_look_prepared) {
    // A failed statement after it may have left it.
    if (!session.look_prepared && !session.short_look_prepared) sql = "DEALLOCATE ALL; ";
    sql += "PREPARE " + statement + "(pg_catalog.name, pg_catalog.name) AS " +
           relations_sql(session.connection, Tables::kOne, wanted,
                         "n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2 "
                         "ORDER BY a.attnum") +
           "; ";
  }
  sql += "EXECUTE " + statement + "(" + postgres::quote_literal(name.schema) + ", " +
         postgres::quote_literal(name.table) + ")";
  // One plan for all tables. Afterwards the setting is the role's again, for what the read itself calls.
  if (session.connection.server_version() < 120'000) return sql;
  return "SET LOCAL plan_cache_mode = force_generic_plan; " + sql + "; SET LOCAL plan_cache_mode TO DEFAULT";
}

/// Sends what look_sql() made, in whatever `send` puts around it. After an error nobody knows what is prepared.
template <typename Send>
Result<QueryResult> run_look(Session& session, const TableName& name, Details wanted, const Send& send) {
  const std::string sql = look_sql(session, name, wanted);
  auto result = send(sql);
  if (result.ok()) {
    (wanted == Details::kAll ? session.look_prepared : session.short_look_prepared) = true;
  } else {
    session.look_prepared = session.short_look_prepared = false;
  }
  return result;
}

Result<std::vector<Relation>> look_at(Session& session, const TableName& name) {
  RB_SDK_ASSIGN_OR_RETURN(QueryResult result, run_look(session, name, Details::kAll, [&](const std::string& sql) {
                            return query_catalog(session.connection, sql);
                          }));
  return relations_of(result);
}

Status table_not_found(Connection& connection, const TableName& name) {
  // The same name in other letters or in another schema is what people usually mean.
  auto similar = query_catalog(
      connection,
      "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.lower(c.relname::pg_catalog.text) = "
      "pg_catalog.lower(" +
          postgres::quote_literal(name.table) + ") ORDER BY 1, 2 LIMIT 5");
  std::string message = "the database has no table `" + name.schema + "." + name.table + "`";
  std::string found;
  if (similar.ok()) {
    for (const postgres::Row& row : similar->rows) {
      found += (found.empty() ? "`" : ", `") + TableName{row[0].value_or(""), row[1].value_or("")}.spelling("") + "`";
    }
  }
  message += found.empty() ? ". Look at what there is with: rapidbyte discover" : ", but " + found;
  return sdk::schema_error(codes::kTableMissing,
                           message + ". Names are case-sensitive; the option table takes schema.table");
}

}  // namespace

void Relation::take_child_rows() {
  with_children = true;
  unique_keys.clear();
  for (CatalogColumn& column : columns) {
    column.key_position = -1;
    column.nullable = true;
  }
}

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

Result<QueryResult> query_catalog(Connection& connection, std::string_view sql) {
  return connection.query(within_catalog(sql));
}

Result<std::vector<Relation>> load_all_relations(Session& session) {
  Connection& connection = session.connection;
  RB_SDK_RETURN_NOT_OK(check_version(connection));
  return fetch_relations(connection, relations_sql(connection, Tables::kMany, Details::kNone, kUserTables));
}

Result<std::vector<Relation>> load_relations(Session& session, std::span<const TableName> names) {
  Connection& connection = session.connection;
  if (names.empty()) return std::vector<Relation>();
  RB_SDK_RETURN_NOT_OK(check_version(connection));
  std::vector<Relation> found;
  if (names.size() == 1) {
    RB_SDK_ASSIGN_OR_RETURN(found, look_at(session, names.front()));
  } else if (names.size() <= kFewTables) {
    RB_SDK_ASSIGN_OR_RETURN(QueryResult result, query_catalog(connection, relations_sql(connection, Tables::kMany,
                                                                                        Details::kAll, named(names))));
    found = relations_of(result);
  } else {
    RB_SDK_ASSIGN_OR_RETURN(
        found, fetch_relations(connection, relations_sql(connection, Tables::kMany, Details::kAll, named(names))));
  }
  std::vector<Relation> out;
  out.reserve(names.size());
  for (const TableName& name : names) {
    // Two streams may read one table, so the result is copied.
    const auto at = std::find_if(found.begin(), found.end(), [&](const Relation& r) { return r.name == name; });
    if (at == found.end()) return table_not_found(connection, name);
    out.push_back(*at);
  }
  return out;
}

Result<Relation> begin_read(Session& session, const TableName& name, const std::optional<std::string>& snapshot,
                            bool for_cursor) {
  Connection& connection = session.connection;
  RB_SDK_RETURN_NOT_OK(check_version(connection));
  std::string sql = snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
                                   postgres::quote_literal(*snapshot)
                             : "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
  // Reading no rows takes the lock with no more rights than the read itself needs (LOCK TABLE requires more on a view).
  sql += "; SELECT FROM " + name.sql() + " LIMIT 0; ";
  // All in one message: the server runs one after the other, and each sees what committed before it began.
  // What the look of a discovery has prepared serves as well.
  const bool all = for_cursor || (session.look_prepared && !session.short_look_prepared);
  auto result = run_look(session, name, all ? Details::kAll : Details::kFew,
                         [&](const std::string& look) { return connection.query(sql + within_catalog(look)); });
  if (!result.ok()) {
    const std::string state = postgres::sqlstate_of(result.error());
    if (state != "42P01" && state != "3F000") return result.status();
    RB_SDK_RETURN_NOT_OK(connection.exec("ROLLBACK").status());
    RB_SDK_RETURN_NOT_OK(load_relations(session, {&name, 1}).status());
    return result.status();  // a table used by a view or function
  }
  std::vector<Relation> found = relations_of(*result);
  if (found.empty()) return table_not_found(connection, name);
  return std::move(found.front());
}

Status describe_composites(Connection& connection, std::span<Relation> relations) {
  // All types that come with the system are known not to.
  constexpr postgres::Oid kFirstOfUsers = 16'384;
  const auto may_hold = [](const CatalogColumn& column) {
    return column.readable && (column.type_kind == 'c' || (column.type >= kFirstOfUsers && column.type_kind != 'e'));
  };
  std::set<postgres::Oid> types;
  for (const Relation& relation : relations) {
    if (!relation.readable) continue;
    for (const CatalogColumn& column : relation.columns) {
      if (may_hold(column)) types.insert(column.type);
    }
  }
  if (types.empty()) return {};
  std::string list;
  for (const postgres::Oid type : types) list += (list.empty() ? "" : ",") + std::to_string(type);
  RB_SDK_ASSIGN_OR_RETURN(const QueryResult answer,
                          query_catalog(connection, postgres::composite_fields_sql("SELECT pg_catalog.unnest('{" +
                                                                                   list + "}'::pg_catalog.oid[])")));
  const std::map<postgres::Oid, std::string> fields = postgres::composite_fields(answer);
  for (Relation& relation : relations) {
    for (CatalogColumn& column : relation.columns) {
      const auto found = fields.find(column.type);
      if (found != fields.end()) column.fields = found->second;
    }
  }
  return {};
}

std::vector<std::string> select_readable(const Relation& relation) {
  std::vector<std::string> names;
  for (const CatalogColumn& column : relation.columns) {
    if (column.readable) names.push_back(column.name);
  }
  if (names.size() == relation.columns.size()) names.clear();
  return names;
}

Status unknown_column(const Relation& relation, std::string_view what, std::string_view column) {
  // All columns are listed up to a number that still reads as a sentence.
  constexpr size_t kShown = 30;
  std::string names;
  for (size_t i = 0; i < relation.columns.size() && i < kShown; ++i) {
    names += (names.empty() ? "" : ", ") + relation.columns[i].name;
  }
  if (relation.columns.size() > kShown) names += " and " + std::to_string(relation.columns.size() - kShown) + " more";
  return sdk::config_error(codes::kUnknownColumn, std::string(what) + ": `" + std::string(column) +
                                                      "` is not a column of `" + relation.name.spelling("") +
                                                      "`; its columns are: " + names);
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
