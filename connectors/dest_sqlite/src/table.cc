#include "src/table.h"

#include <algorithm>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_sqlite {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_with_name(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

// Length of the identifier at the start of `sql`, quoted in any of SQLite's four ways or bare.
size_t identifier_length(std::string_view sql) {
  const char open = sql.empty() ? '\0' : sql.front();
  const char close = open == '[' ? ']' : open;
  if (open != '"' && open != '`' && open != '\'' && open != '[') {
    const size_t end = sql.find_first_of(" \t\r\n\f(/-");
    return end == std::string_view::npos ? sql.size() : end;
  }
  for (size_t i = 1; i < sql.size(); ++i) {
    if (sql[i] != close) continue;
    if (close != ']' && i + 1 < sql.size() && sql[i + 1] == close) {
      ++i;  // a doubled quote
      continue;
    }
    return i + 1;
  }
  return sql.size();
}

// ALTER TABLE leaves other spaces than we do.
std::string without_spaces(std::string_view sql) {
  std::string out;
  bool quoted = false;
  for (const char c : sql) {
    if (c == '"') quoted = !quoted;
    if (quoted || (c != ' ' && c != '\n')) out += c;
  }
  return out;
}

struct ColumnDefinition {
  std::string name;
  std::string declared;
  bool not_null = false;
};

std::string create_sql(std::string_view table, const std::vector<ColumnDefinition>& columns,
                       const std::vector<std::string>& key) {
  std::string sql = "CREATE TABLE " + quote_name(table) + " (";
  for (size_t i = 0; i < columns.size(); ++i) {
    sql += (i == 0 ? "\n  " : ",\n  ") + quote_name(columns[i].name);
    if (!columns[i].declared.empty()) sql += " " + columns[i].declared;
    if (columns[i].not_null) sql += " NOT NULL";
  }
  if (!key.empty()) sql += ",\n  PRIMARY KEY (" + table::quote_names(key) + ")";
  return sql + "\n)";
}

}  // namespace

std::string lower_name(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

const TableColumn* TableInfo::find(std::string_view column) const {
  for (const TableColumn& candidate : columns) {
    if (same_name(candidate.name, column)) return &candidate;
  }
  return nullptr;
}

std::vector<std::string> TableInfo::key() const {
  std::vector<std::string> names;
  for (int position = 1;; ++position) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [position](const TableColumn& column) { return column.key_position == position; });
    if (found == columns.end()) return names;
    names.push_back(found->name);
  }
}

bool TableInfo::has_integer_key() const {
  const std::vector<std::string> names = key();
  return names.size() == 1 && same_name(find(names.front())->declared, "INTEGER");
}

bool TableInfo::is_plain() const {
  std::vector<ColumnDefinition> definitions;
  for (const TableColumn& column : columns) {
    definitions.push_back({column.name, column.declared, column.not_null});
  }
  return without_spaces(with_table_name(sql, "t")) == without_spaces(create_sql("t", definitions, key()));
}

Status check_table_name(std::string_view stream, std::string_view table) {
  const auto refuse = [&](std::string_view why) {
    return sdk::config_error(codes::kNameRefused,
                             "stream \"" + std::string(stream) + "\" cannot become a table named " + quote_name(table) +
                                 ": " + std::string(why) +
                                 ". Rename the stream, or set `table_prefix` in the destination's config.");
  };
  if (table.empty()) return refuse("the name is empty");
  if (table.find('\0') != std::string_view::npos) return refuse("it holds a NUL character");
  if (starts_with_name(table, "sqlite_")) return refuse("SQLite reserves names that begin with sqlite_");
  if (starts_with_name(table, "_rapidbyte_"))
    return refuse("names that begin with _rapidbyte_ are this connector's own");
  return {};
}

namespace {

// Name and SQL of the table.
Result<std::optional<TableInfo>> find_table(Database& database, std::string_view name) {
  // These queries read all of the catalogue, which has no index: with lower(name) they would be most of the cost of a
  // small stream in a database of thousands of tables.
  RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                          database.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE"));
  statement.bind(1, name);
  RB_SDK_ASSIGN_OR_RETURN(const bool found, statement.step());
  if (!found) return std::optional<TableInfo>();
  const std::string type = statement.text(0);
  TableInfo table;
  table.name = statement.text(1);
  table.sql = statement.text(2);
  const bool is_virtual = type == "table" && table.sql.substr(0, 14) == "CREATE VIRTUAL";
  if (type == "table" && !is_virtual) return std::optional(std::move(table));
  return sdk::schema_error(codes::kTargetNotATable,
                           "database " + database.path() + ": " + quote_name(table.name) + " is " +
                               (is_virtual        ? "a virtual table"
                                : type == "index" ? "an index"
                                                  : "a view") +
                               ", so rows cannot be loaded into it. Rename it or the stream, or set `table_prefix`.");
}

}  // namespace

Result<bool> has_table(Database& database, std::string_view name) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> found, find_table(database, name));
  return found.has_value();
}

Result<std::optional<TableInfo>> read_table(Database& database, std::string_view name) {
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> found, find_table(database, name));
  if (!found) return found;
  TableInfo& table = *found;
  {
    RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                            database.prepare("SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM "
                                             "pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid"));
    statement.bind(1, table.name);
    for (;;) {
      RB_SDK_ASSIGN_OR_RETURN(const bool more, statement.step());
      if (!more) break;
      TableColumn column;
      column.name = statement.text(0);
      column.declared = statement.text(1);
      column.affinity = affinity_of(column.declared);
      column.not_null = statement.integer(2) != 0;
      column.has_default = statement.integer(3) != 0;
      column.key_position = static_cast<int>(statement.integer(4));
      column.generated = statement.integer(5) != 0;
      table.columns.push_back(std::move(column));
    }
  }
  {
    RB_SDK_ASSIGN_OR_RETURN(Statement statement, database.prepare("SELECT strict, wr FROM pragma_table_list(?) WHERE "
                                                                  "schema = 'main'"));
    statement.bind(1, table.name);
    RB_SDK_ASSIGN_OR_RETURN(const bool found, statement.step());
    table.without_rowid = found && statement.integer(1) != 0;
    if (found && statement.integer(0) != 0) {
      // In a STRICT table ANY keeps every value; in others the word means NUMERIC.
      for (TableColumn& column : table.columns) {
        if (same_name(column.declared, "ANY")) column.affinity = Affinity::kBlob;
      }
    }
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<Dependent> dependents, read_dependents(database, table.name));
  table.fires_triggers = std::any_of(dependents.begin(), dependents.end(),
                                     [](const Dependent& dependent) { return dependent.type == "trigger"; });
  return found;
}

Result<std::vector<Dependent>> read_dependents(Database& database, std::string_view table) {
  RB_SDK_ASSIGN_OR_RETURN(
      Statement statement,
      database.prepare("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type IN "
                       "('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid"));
  statement.bind(1, table);
  std::vector<Dependent> dependents;
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, statement.step());
    if (!more) return dependents;
    dependents.push_back({statement.text(0), statement.text(1), statement.text(2)});
  }
}

std::string create_table_sql(const NewTable& table) {
  std::vector<ColumnDefinition> columns;
  for (const sdk::Field& field : table.schema.fields) {
    const bool in_key = std::any_of(table.key.begin(), table.key.end(),
                                    [&field](const std::string& name) { return same_name(name, field.name); });
    // SQLite, by an old bug that it preserves, lets key columns be NULL unless they say otherwise.
    columns.push_back(
        {field.name, std::string(declared_type(field.type)), in_key || (table.declare_not_null && !field.nullable)});
  }
  return create_sql(table.name, columns, table.key);
}

std::string with_table_name(std::string_view sql, std::string_view name) {
  // sqlite_schema stores the text as "CREATE TABLE " followed by what the user wrote from the name on.
  constexpr std::string_view kStart = "CREATE TABLE ";
  std::string_view rest = sql.substr(std::min(sql.size(), kStart.size()));
  rest.remove_prefix(identifier_length(rest));
  return std::string(kStart) + quote_name(name) + std::string(rest);
}

}  // namespace rapidbyte::dest_sqlite
