#include "table_query.h"

namespace rapidbyte::source_postgres {

std::string where_sql(const std::vector<std::string>& conditions) {
  std::string sql;
  for (const std::string& condition : conditions) {
    // On lines of their own: a user's condition may end with a comment.
    sql += (sql.empty() ? " WHERE (" : " AND (") + condition + "\n)";
  }
  return sql;
}

std::string TableQuery::column_sql(std::string_view column) const {
  return table.sql() + "." + postgres::quote_identifier(column);
}

std::string TableQuery::select_sql() const {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnPlan& column = columns[i];
    if (i != 0) sql += ", ";
    sql += column_sql(column.field.name);
    if (column.cast_to_text) sql += "::pg_catalog.text";
  }
  sql += (only ? " FROM ONLY " : " FROM ") + table.sql() + where_sql(conditions);
  for (size_t i = 0; i < order.size(); ++i) sql += (i == 0 ? " ORDER BY " : ", ") + column_sql(order[i]);
  return sql;
}

std::string TableQuery::copy_sql() const { return "COPY (" + select_sql() + ") TO STDOUT (FORMAT binary)"; }

}  // namespace rapidbyte::source_postgres
