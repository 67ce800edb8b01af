#pragma once
// TableName: a table by its schema and name, as spelled in the catalog.

#include <string>
#include <string_view>

#include "postgres/connection.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_postgres {

/// A condition on pg_class c and pg_namespace n of the system's catalog: that c is the table with these names, which
/// are SQL of type text.
inline std::string table_condition_sql(const std::string& schema, const std::string& table) {
  return "n.nspname OPERATOR(pg_catalog.=) " + schema + "::pg_catalog.name AND c.relname OPERATOR(pg_catalog.=) " +
         table + "::pg_catalog.name";
}

struct TableName {
  std::string schema;
  std::string table;

  /// "schema"."table" for SQL.
  [[nodiscard]] std::string sql() const { return table::quote_name(schema) + "." + table::quote_name(table); }
  /// A condition on pg_class c and pg_namespace n of the system's catalog: that c is this table.
  [[nodiscard]] std::string condition_sql() const {
    return table_condition_sql(postgres::quote_literal(schema), postgres::quote_literal(table));
  }
  /// schema.table for messages.
  [[nodiscard]] std::string text() const { return schema + "." + table; }
  bool operator==(const TableName&) const = default;
};

/// Where a stream's rows go. With `schema_from_stream`, sales.orders means table orders in schema sales, and double
/// quotes hold a name together, as source-postgres spells names with a dot or a quote: "v1.0" is one name. Otherwise,
/// and where the quotes are not closed, the name is taken literally.
TableName target_table(std::string_view stream, const std::string& default_schema, bool schema_from_stream);

}  // namespace rapidbyte::dest_postgres
