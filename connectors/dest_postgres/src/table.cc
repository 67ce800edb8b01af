#include "src/table.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <span>

#include "postgres/types/type_parts.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "src/trust.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using table::quote_name;

// One row per column, and one without a column for a table that has none. A domain's base may be a domain again.
// Objects of users have OIDs from 16384 on.
constexpr std::string_view kTableQuery = R"(
SELECT c.oid, c.relkind, EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND
    (g.tgrelid = c.oid OR g.tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))),
  c.relkind <> 'r' OR c.relhastriggers OR c.relhasrules OR c.relrowsecurity OR c.relchecks <> 0 OR c.relam >= 16384 OR
    EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE x.attrelid = c.oid AND x.attnum > 0 AND NOT x.attisdropped AND
      (x.atthasdef OR x.attidentity <> '' OR x.atttypid >= 16384)) OR
    EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR
      i.indpred IS NOT NULL OR 16384 <= ANY (i.indclass::pg_catalog.oid[]))), k.*
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN LATERAL (
  WITH RECURSIVE base(attnum, type, modifier, depth) AS (
    SELECT attnum, atttypid, atttypmod, 0 FROM pg_catalog.pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT b.attnum, t.typbasetype, t.typtypmod, b.depth + 1 FROM base b
    JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd')
  SELECT DISTINCT ON (a.attnum) a.attname, b.type, b.modifier, bt.typtype, bt.typarray,
    pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(b.type, b.modifier),
    a.attnotnull OR (t.typtype = 'd' AND t.typnotnull),
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attidentity = 'a',
    a.attgenerated <> '', format('%I.%I', bn.nspname, bt.typname), a.attidentity <> '', a.attnum,
    et.oid, et.typtype
  FROM pg_catalog.pg_attribute a JOIN base b USING (attnum) JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_type bt ON bt.oid = b.type
  JOIN pg_catalog.pg_namespace bn ON bn.oid = bt.typnamespace
  LEFT JOIN pg_catalog.pg_type et ON et.oid = bt.typelem AND et.typarray = bt.oid AND et.typtype IN ('b', 'e')
  WHERE a.attrelid = c.oid ORDER BY a.attnum, b.depth DESC) k ON true
WHERE n.nspname = $1 AND c.relname = $2 ORDER BY k.attnum)";
// Values before those of the column.
constexpr size_t kTableValues = 4;

template <typename T>
T number(const std::optional<std::string>& text) {
  T value{};
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

bool is_true(const std::optional<std::string>& text) { return text == "t"; }

// atttypmod of "numeric(12,2)"; -1 of "numeric" alone.
int32_t numeric_modifier(std::string_view text) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos) return -1;
  int32_t precision = 0;
  int32_t scale = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + open + 1, end, precision);
  if (parsed.ptr != end && *parsed.ptr == ',') std::from_chars(parsed.ptr + 1, end, scale);
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

std::string_view kind_name(char kind) {
  switch (kind) {
    case 'v': return "a view";
    case 'm': return "a materialized view";
    case 'f': return "a foreign table";
    case 'S': return "a sequence";
    case 'i':
    case 'I': return "an index";
    default: return "not a table";
  }
}

}  // namespace

const TableColumn* TableInfo::find(std::string_view column) const {
  for (const TableColumn& candidate : columns) {
    if (candidate.name == column) return &candidate;
  }
  return nullptr;
}

Result<std::optional<TableInfo>> read_table(Session& session, const TableName& name) {
  const Parameter names[] = {name.schema, name.table};
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found, session.connection().execute_cached(kTableQuery, names));
  return table_of(session, name, found);
}

Result<size_t> queue_table_look(Session& session, const TableName& name) {
  const Parameter names[] = {name.schema, name.table};
  return session.connection().queue(kTableQuery, names, /*cached=*/true);
}

Result<std::optional<TableInfo>> table_of(const Session& session, const TableName& name,
                                          const postgres::QueryResult& found) {
  TableInfo table;
  table.name = name;
  if (found.rows.empty()) return std::optional<TableInfo>();
  const postgres::Row& row = found.rows.front();
  table.oid = number<Oid>(row[0]);
  table.kind = row[1] && !row[1]->empty() ? row[1]->front() : 'r';
  table.has_triggers = is_true(row[2]);
  table.calls_code = is_true(row[3]);
  if (table.kind != 'r' && table.kind != 'p') {
    return sdk::schema_error(codes::kTargetNotATable,
                             session.options().where() + ": " + name.text() + " is " +
                                 std::string(kind_name(table.kind)) +
                                 ", so rows cannot be loaded into it. Rename it or the stream, or set `table_prefix`.");
  }
  for (const postgres::Row& found_row : found.rows) {
    const std::span<const std::optional<std::string>> values = std::span(found_row).subspan(kTableValues);
    if (!values[0]) continue;
    TableColumn column;
    column.name = values[0].value_or("");
    column.type.oid = number<Oid>(values[1]);
    column.type.modifier = number<int32_t>(values[2]);
    column.type.kind = values[3] && !values[3]->empty() ? values[3]->front() : 'b';
    column.type.array = number<Oid>(values[4]);
    column.type.formatted = values[5].value_or("");
    column.type.base_formatted = values[6].value_or("");
    column.not_null = is_true(values[7]);
    column.has_default = is_true(values[8]);
    column.identity_always = is_true(values[9]);
    column.generated = is_true(values[10]);
    column.type.cast = values[11].value_or("");
    column.identity = is_true(values[12]);
    column.number = number<int>(values[13]);
    column.type.element = number<Oid>(values[14]);
    column.type.element_kind = values[15] && !values[15]->empty() ? values[15]->front() : 'b';
    table.columns.push_back(std::move(column));
  }
  return std::optional<TableInfo>(std::move(table));
}

Status check_table_name(std::string_view stream, const TableName& name) {
  const auto refuse = [&](const std::string& why) {
    return sdk::config_error(codes::kNameRefused,
                             "stream \"" + std::string(stream) + "\" cannot become table " + name.text() + ": " + why +
                                 ". Rename the stream, or change `schema` or `table_prefix` in the "
                                 "destination's config.");
  };
  for (const std::string& part : {name.schema, name.table}) {
    if (part.empty()) return refuse("a name is empty");
    if (part.find('\0') != std::string::npos) return refuse("a name holds a NUL character");
    // PostgreSQL would truncate it, and two streams could end up in one table.
    if (part.size() > kMaxNameBytes) {
      return refuse("\"" + part + "\" has " + std::to_string(part.size()) + " bytes, and PostgreSQL's names at most " +
                    std::to_string(kMaxNameBytes));
    }
  }
  if (name.table.starts_with("_rapidbyte_"))
    return refuse("names that begin with _rapidbyte_ are this connector's own");
  if (name.schema.starts_with("pg_") || name.schema == "information_schema") {
    return refuse("that schema is the server's own");
  }
  return {};
}

Status ensure_schema(Session& session, const std::string& schema) {
  // CREATE SCHEMA IF NOT EXISTS requires the right to create even if it exists.
  const Parameter names[] = {schema};
  RB_SDK_ASSIGN_OR_RETURN(const auto there,
                          session.value("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", names));
  if (there) return {};
  // IF NOT EXISTS does not see a schema that somebody else is just creating; then it violates the catalog's unique key.
  RB_SDK_RETURN_NOT_OK(session.exec("SAVEPOINT rapidbyte_schema"));
  Status created = session.exec("CREATE SCHEMA IF NOT EXISTS " + quote_name(schema));
  if (created.ok() || postgres::sqlstate_of(created.error()) != "23505") return created;
  return session.exec("ROLLBACK TO SAVEPOINT rapidbyte_schema");
}

namespace {

// All below come with the server.
constexpr Oid kFirstOidOfUsers = 16'384;

struct KnownType {
  PgType type;
  std::string name;  // as the server writes it, with its schema unless it is the system's
};

// What `text` names, if it is a type that may be trusted: a domain, a range or a composite type can have code behind it
// that runs with our rights, and an enum its owner's casts, so it must not be a stranger's. Base types are created by
// superusers only. nullopt: nothing, or not the name of a type.
Result<std::optional<KnownType>> find_type(Session& session, const std::string& text) {
  if (const auto known = session.system_types.find(text); known != session.system_types.end()) {
    KnownType type;
    type.type.oid = known->second.oid;
    type.type.kind = known->second.kind;
    type.name = known->second.name;
    return std::optional<KnownType>(std::move(type));
  }
  // A text that is no type's name is an error of the statement: it must not abort the transaction.
  const bool nested = session.in_transaction();
  if (nested) RB_SDK_RETURN_NOT_OK(session.exec("SAVEPOINT rapidbyte_type"));
  const Parameter parameters[] = {text};
  const auto found = session.connection().execute(
      "SELECT t.oid, t.typtype, pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t LEFT JOIN "
      "pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' WHERE t.oid = pg_catalog.to_regtype($1) AND "
      "t.typtype <> 'p' AND (coalesce(e.typtype, t.typtype) = 'b' OR " +
          is_trusted_owner_sql("t.typowner", "t.typnamespace") + ")",
      parameters);
  if (nested) {
    RB_SDK_RETURN_NOT_OK(
        session.exec(found.ok() ? "RELEASE SAVEPOINT rapidbyte_type" : "ROLLBACK TO SAVEPOINT rapidbyte_type"));
  }
  if (!found.ok()) {
    if (postgres::sqlstate_of(found.error()).empty()) return found.status();  // not an answer of the server
    return std::optional<KnownType>();
  }
  if (found->rows.empty()) return std::optional<KnownType>();
  const postgres::Row& row = found->rows.front();
  KnownType known;
  known.type.oid = number<Oid>(row[0]);
  known.type.kind = row[1].value_or("b").front();
  known.name = row[2].value_or("");
  // A name without a schema is the system's under the path that this session has.
  if (known.type.oid < kFirstOidOfUsers && known.name.find('.') == std::string::npos)
    session.system_types[text] = {known.type.oid, known.type.kind, known.name};
  return std::optional<KnownType>(std::move(known));
}

// "public.geometry(Point,4326)[]": geometry, followed by (Point,4326)[].
struct TypeText {
  std::string bare;
  std::string rest;
};
TypeText take_apart(const std::string& native) {
  TypeText out;
  bool quoted = false;
  for (size_t i = 0; i < native.size(); ++i) {
    const char c = native[i];
    if (c == '"') {
      if (quoted && i + 1 < native.size() && native[i + 1] == '"')
        out.bare += native[i++];
      else
        quoted = !quoted;
    } else if (!quoted && c == '.') {
      out.bare.clear();
    } else if (!quoted && (c == '(' || c == '[')) {
      out.rest = native.substr(i);
      return out;
    } else {
      out.bare += c;
    }
  }
  return out;
}

// The same type in another schema than the source's, such as an extension installed elsewhere; only kinds without a
// stranger's code behind them.
Result<std::string> qualified_elsewhere(Session& session, const std::string& native) {
  const TypeText text = take_apart(native);
  const Parameter parameters[] = {text.bare};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      session.connection().execute(
          "SELECT n.nspname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE "
          "t.typname = $1::name AND t.typtype IN ('b', 'e') AND t.typelem = 0 AND n.nspname !~ '^pg_' LIMIT 2",
          parameters));
  if (found.rows.size() != 1) return std::string();
  return quote_name(found.rows.front()[0].value_or("")) + "." + quote_name(text.bare) + text.rest;
}

}  // namespace

Result<std::map<Oid, std::string>> composite_fields_of(Session& session, const std::vector<Oid>& types) {
  std::string list;
  for (const Oid type : types) list += (list.empty() ? "" : ",") + std::to_string(type);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult answer,
                          session.connection().query(postgres::composite_fields_sql("SELECT pg_catalog.unnest('{" +
                                                                                    list + "}'::pg_catalog.oid[])")));
  return postgres::composite_fields(answer);
}

Result<std::string> type_for(Session& session, const sdk::Field& field) {
  std::string native(native_type_text(field));
  std::string by_arrow = declared_type(field.type);
  if (native.empty()) return by_arrow;
  RB_SDK_ASSIGN_OR_RETURN(std::optional<KnownType> known, find_type(session, native));
  if (!known) {
    RB_SDK_ASSIGN_OR_RETURN(const std::string elsewhere, qualified_elsewhere(session, native));
    if (!elsewhere.empty()) {
      native = elsewhere;
      RB_SDK_ASSIGN_OR_RETURN(known, find_type(session, native));
    }
  }
  if (!known) {
    session.warn_once("column " + quote_name(field.name) + ": " + session.options().where() + " has no type " + native +
                      " that this user can trust, so the new table gets " + by_arrow +
                      ". To keep the type, create it there (CREATE EXTENSION, CREATE TYPE), drop the table or this "
                      "column, which a load takes as it is, and load all rows again.");
    return by_arrow;
  }
  if (known->type.oid == postgres::kOidNumeric) {
    // to_regtype() drops the modifier, and that decides how the values are sent.
    known->type.modifier = numeric_modifier(native);
  }
  if (!field.native_fields.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(auto fields, composite_fields_of(session, {known->type.oid}));
    const std::string& there = fields[known->type.oid];
    if (there != field.native_fields) {
      session.warn_once("column " + quote_name(field.name) + ": " + session.options().where() + " has another type " +
                        native + ", with " + (there.empty() ? "no fields" : "the fields " + there) +
                        " where the values have " + field.native_fields + ", so the new column gets " + by_arrow +
                        ". To keep the type, make the two alike and load into a new table.");
      return by_arrow;
    }
  }
  return is_sent_as(known->type, field.type) ? native : by_arrow;
}

Status create_table(Session& session, const NewTable& table) {
  std::string sql = "CREATE TABLE " + table.name.sql() + " (";
  std::string separator = "\n  ";
  std::map<std::string, std::string> types;  // wide tables have few different ones
  for (const sdk::Field& field : table.schema.fields) {
    std::string& type = types[field.type.name() + " " + field.native_type + " " + field.native_fields];
    if (type.empty()) {
      RB_SDK_ASSIGN_OR_RETURN(type, type_for(session, field));
    }
    const bool in_key = std::find(table.key.begin(), table.key.end(), field.name) != table.key.end();
    sql += separator + quote_name(field.name) + " " + type;
    if (in_key || (table.declare_not_null && !field.nullable)) sql += " NOT NULL";
    separator = ",\n  ";
  }
  if (!table.key.empty()) {
    std::string key;
    for (const std::string& name : table.key) key += (key.empty() ? "" : ", ") + quote_name(name);
    sql += separator + "PRIMARY KEY (" + key + ")";
  }
  return session.exec(sql + "\n)");
}

}  // namespace rapidbyte::dest_postgres
