#pragma once
// TableName: a table as a stream's name or the option `table` spells it, and back. Plain names are taken literally,
// case and all ("Orders" is the table that SQL calls "Orders" in quotes), so that names from a catalog need no quoting;
// only a name with a dot or a quote in it is quoted.

#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_postgres {

struct TableName {
  std::string schema;
  std::string table;

  bool operator==(const TableName&) const = default;
  /// "schema"."table", for SQL.
  [[nodiscard]] std::string sql() const;
  /// The shortest spelling that parse_table_name() reads as this table: without the schema when it is `default_schema`.
  [[nodiscard]] std::string spelling(std::string_view default_schema) const;
};

/// `table`, `schema.table`, each part plain or in double quotes. INVALID_TABLE_NAME (config) says what is wrong.
sdk::Result<TableName> parse_table_name(std::string_view text, std::string_view default_schema);

}  // namespace rapidbyte::source_postgres
