#include "table_query.h"

#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::source_postgres {

std::string where_sql(const std::vector<std::string>& conditions) {
  std::string sql;
  for (const std::string& condition : conditions) {
    // On separate lines: a user's condition may end with a comment.
    sql += (sql.empty() ? " WHERE (" : " AND (") + condition + "\n)";
  }
  return sql;
}

std::string TableQuery::column_sql(std::string_view column) const {
  return table.sql() + "." + table::quote_name(column);
}

std::string TableQuery::from_sql() const { return (only ? " FROM ONLY " : " FROM ") + table.sql(); }

std::string TableQuery::select_sql() const {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnPlan& column = columns[i];
    if (i != 0) sql += ", ";
    const std::string name = column_sql(column.field.name);
    if (column.by_output) {
      // num_nulls() counts a value, where IS NULL looks into composites.
      sql += "CASE WHEN pg_catalog.num_nulls(" + name + ") OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%s', " +
             name + ") END";
    } else {
      sql += name;
      if (column.cast_to_text) sql += "::pg_catalog.text";
    }
  }
  sql += from_sql();
  if (output_in_catalog) {
    // Without a column in it, it is evaluated once, before the first row.
    std::vector<std::string> all = {
        "(SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)) IS NOT NULL"};
    all.insert(all.end(), conditions.begin(), conditions.end());
    sql += where_sql(all);
  } else {
    sql += where_sql(conditions);
  }
  for (size_t i = 0; i < order.size(); ++i) sql += (i == 0 ? " ORDER BY " : ", ") + column_sql(order[i]);
  return sql;
}

std::string TableQuery::copy_sql() const { return "COPY (" + select_sql() + ") TO STDOUT (FORMAT binary)"; }

}  // namespace rapidbyte::source_postgres
