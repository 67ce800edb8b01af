#pragma once
// The SQL that reads a table: columns with their casts, conditions, order. Pure.

#include <string>
#include <vector>

#include "catalog.h"
#include "column_type.h"

namespace rapidbyte::source_postgres {

struct TableQuery {
  TableName table;
  /// Without the rows of child tables.
  bool only = false;
  std::vector<ColumnPlan> columns;
  /// All must hold; each is put in brackets.
  std::vector<std::string> conditions;
  /// Names of columns.
  std::vector<std::string> order;

  /// A column of the table that no name in the select list can hide: "schema"."table"."column".
  [[nodiscard]] std::string column_sql(std::string_view column) const;
  [[nodiscard]] std::string select_sql() const;
  [[nodiscard]] std::string copy_sql() const;
};

/// " WHERE (a) AND (b)", or nothing.
std::string where_sql(const std::vector<std::string>& conditions);

}  // namespace rapidbyte::source_postgres
