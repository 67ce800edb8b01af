#pragma once
// The SQL that reads a table: columns with their casts, conditions, order. Our own functions, operators and types are
// all named with their schema, because a user's condition may need a search_path in which others can put theirs. Pure.

#include <string>
#include <vector>

#include "catalog.h"
#include "column_type.h"

namespace rapidbyte::source_postgres {

struct TableQuery {
  TableName table;
  /// Leaves out the rows of child tables.
  bool only = false;
  /// The statement's names are looked up in the path that is set when it is planned, but it runs with the system's path
  /// alone, so that texts name the schema of what they refer to.
  bool output_in_catalog = false;
  std::vector<ColumnPlan> columns;
  /// All must hold; each is put in brackets.
  std::vector<std::string> conditions;
  /// Names of columns.
  std::vector<std::string> order;

  /// A column of the table that no name in the select list can hide: "schema"."table"."column".
  [[nodiscard]] std::string column_sql(std::string_view column) const;
  [[nodiscard]] std::string from_sql() const;
  [[nodiscard]] std::string select_sql() const;
  [[nodiscard]] std::string copy_sql() const;
};

/// " WHERE (a) AND (b)", or nothing.
std::string where_sql(const std::vector<std::string>& conditions);

}  // namespace rapidbyte::source_postgres
