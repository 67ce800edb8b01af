#include "src/load_sql.h"

#include <algorithm>
#include <charconv>

#include "postgres/connection.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_postgres {
namespace {

using table::quote_name;

// The columns of a row: "a", "b". Each has `prefix` before it.
std::string column_list(const TargetPlan& plan, std::string_view prefix = {}) {
  std::string out;
  for (const ColumnPlan& column : plan.columns) {
    if (!out.empty()) out += ", ";
    out.append(prefix);
    out += quote_name(column.name);
  }
  return out;
}

std::string key_list(const TargetPlan& plan) {
  std::string out;
  for (const std::string& name : plan.key) out += (out.empty() ? "" : ", ") + quote_name(name);
  return out;
}

bool in_key(const TargetPlan& plan, const std::string& name) {
  return std::find(plan.key.begin(), plan.key.end(), name) != plan.key.end();
}

std::string insert_into(const TargetPlan& plan) {
  std::string sql = "INSERT INTO " + plan.name.sql();
  if (!plan.key.empty()) sql += " AS t";
  return sql + " (" + column_list(plan) + ") OVERRIDING SYSTEM VALUE ";
}

// What follows the rows of an upsert.
std::string on_conflict(const TargetPlan& plan) {
  std::string updates;
  std::string old_values;
  std::string new_values;
  for (const ColumnPlan& column : plan.columns) {
    if (in_key(plan, column.name) || column.insert_only) continue;
    const std::string name = quote_name(column.name);
    const std::string separator = updates.empty() ? "" : ", ";
    updates += separator + name + " = excluded." + name;
    old_values += separator + "t." + name;
    new_values += separator + "excluded." + name;
  }
  std::string sql = " ON CONFLICT (" + key_list(plan) + ") DO ";
  if (updates.empty() && plan.has_triggers) {
    // So that every row is counted, and a trigger that drops one is noticed.
    const auto counted = std::find_if(plan.columns.begin(), plan.columns.end(),
                                      [](const ColumnPlan& column) { return !column.insert_only; });
    if (counted != plan.columns.end()) {
      updates = quote_name(counted->name) + " = excluded." + quote_name(counted->name);
    }
  }
  if (updates.empty()) return sql + "NOTHING";
  sql += "UPDATE SET " + updates;
  if (plan.has_triggers) return sql;
  // A row that already exists unchanged is not written again: overlapping loads cost no more than reading. Compared by
  // their bytes: 1.0 and 1.00 are equal but not the same, and json has no equality at all.
  return sql + " WHERE ROW(" + old_values + ")::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(" + new_values +
         ")::pg_catalog.record";
}

}  // namespace

bool counts_upserts(const TargetPlan& plan) {
  return !plan.key.empty() && plan.has_triggers &&
         std::any_of(plan.columns.begin(), plan.columns.end(),
                     [](const ColumnPlan& column) { return !column.insert_only; });
}

std::string copy_sql(const TargetPlan& plan) {
  std::string sql = "COPY ";
  std::string columns = column_list(plan);
  if (plan.key.empty()) {
    sql += plan.name.sql();
  } else {
    sql += kUpsertTable;
    columns += std::string(columns.empty() ? "" : ", ") + kRowNumber;
  }
  if (!columns.empty()) sql += " (" + columns + ")";
  return sql + " FROM STDIN (FORMAT " + (plan.format == RowFormat::kBinary ? "binary" : "text") + ")";
}

std::string create_upsert_table_sql(const TargetPlan& plan) {
  return std::string("CREATE TEMP TABLE _rapidbyte_upsert ON COMMIT DELETE ROWS AS SELECT ") + column_list(plan) +
         ", 0::bigint AS " + kRowNumber + " FROM " + plan.name.sql() + " WITH NO DATA";
}

std::string merge_sql(const TargetPlan& plan, std::optional<std::pair<uint64_t, uint64_t>> rows) {
  std::string sql =
      insert_into(plan) + "SELECT DISTINCT ON (" + key_list(plan) + ") " + column_list(plan) + " FROM " + kUpsertTable;
  if (rows) {
    sql += std::string(" WHERE ") + kRowNumber + " OPERATOR(pg_catalog.>=) " + std::to_string(rows->first) + " AND " +
           kRowNumber + " OPERATOR(pg_catalog.<) " + std::to_string(rows->second);
  }
  return sql + " ORDER BY " + key_list(plan) + ", " + kRowNumber + " DESC" + on_conflict(plan);
}

std::string forget_replaced_sql(const TargetPlan& plan) {
  return std::string("DELETE FROM ") + kUpsertTable + " t USING (SELECT " + kRowNumber +
         " AS replaced, pg_catalog.row_number() OVER (PARTITION BY " + key_list(plan) + " ORDER BY " + kRowNumber +
         " DESC) AS n FROM " + kUpsertTable +
         ") d WHERE d.n OPERATOR(pg_catalog.>) 1 AND d.replaced OPERATOR(pg_catalog.=) t." + kRowNumber;
}

std::string upsert_row_sql(const TargetPlan& plan, uint64_t row) {
  return "SELECT " + column_list(plan) + " FROM " + kUpsertTable + " WHERE " + kRowNumber + " OPERATOR(pg_catalog.=) " +
         std::to_string(row);
}

ArrayType array_type(const ColumnPlan& column) {
  if (!column.has_binary || column.type.array == 0) return {postgres::kOidTextArray, postgres::kOidText};
  return {column.type.array, column.type.oid};
}

uint64_t count_of(const std::optional<std::string>& text) {
  uint64_t count = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

std::string insert_sql(const TargetPlan& plan) {
  // Set-returning functions in a select list return their rows one by one, in step; in FROM, each would first be
  // written to its own tuplestore, which makes the server half as slow again.
  std::string columns;
  std::string names;
  std::string values;
  std::string keys;
  for (size_t i = 0; i < plan.columns.size(); ++i) {
    const ColumnPlan& column = plan.columns[i];
    const std::string name = "c" + std::to_string(i);
    const std::string separator = i == 0 ? "" : ", ";
    columns += separator + "pg_catalog.unnest($" + std::to_string(i + 1) + ") AS " + name;
    names += separator + name;
    std::string value = name;
    if (array_type(column).element != column.type.oid) value += "::" + column.type.cast;
    values += separator + value;
    // Rows of one key are those that the column's own type considers equal.
    if (in_key(plan, column.name)) keys += (keys.empty() ? "" : ", ") + value;
  }
  if (plan.key.empty()) {
    return insert_into(plan) + "SELECT " + values + " FROM (SELECT " + columns + ") AS u";
  }
  const std::string arrays = " FROM (SELECT " + columns + ", pg_catalog.unnest($" +
                             std::to_string(plan.columns.size() + 1) + ") AS row_number) AS u ORDER BY " + keys +
                             ", row_number DESC";
  const std::string distinct = "SELECT DISTINCT ON (" + keys + ") ";
  if (!counts_upserts(plan)) return insert_into(plan) + distinct + values + arrays + on_conflict(plan);
  return "WITH r AS MATERIALIZED (" + distinct + names + arrays + "), w AS (" + insert_into(plan) + "SELECT " + values +
         " FROM r" + on_conflict(plan) +
         " RETURNING 1) SELECT (SELECT pg_catalog.count(*) FROM r), (SELECT pg_catalog.count(*) FROM w)";
}

}  // namespace rapidbyte::dest_postgres
