#pragma once
// TableName: a table by its schema and name, as they are spelled in the catalog.

#include <string>

#include "postgres/connection.h"

namespace rapidbyte::dest_postgres {

struct TableName {
  std::string schema;
  std::string table;

  /// "schema"."table" for SQL.
  [[nodiscard]] std::string sql() const {
    return postgres::quote_identifier(schema) + "." + postgres::quote_identifier(table);
  }
  /// schema.table for messages.
  [[nodiscard]] std::string text() const { return schema + "." + table; }
  bool operator==(const TableName&) const = default;
};

}  // namespace rapidbyte::dest_postgres
