#pragma once
// What a table of the server looks like now, read from its catalogs, and the creation of new ones. Inside whatever
// transaction the session has open.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/column_fit.h"
#include "src/column_type.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

/// PostgreSQL's own limits (MaxHeapAttributeNumber, NAMEDATALEN - 1).
inline constexpr size_t kMaxColumns = 1600;
inline constexpr size_t kMaxNameBytes = 63;

struct TableColumn {
  std::string name;
  PgType type;
  bool not_null = false;
  bool has_default = false;  // its own, its domain's, or identity
  bool identity = false;
  bool identity_always = false;  // accepts a value only on INSERT, and only with OVERRIDING SYSTEM VALUE
  bool generated = false;
  int number = 0;  // attnum
};

struct TableInfo {
  Oid oid = 0;
  TableName name;
  char kind = 'r';  // relkind: r table, p partitioned
  std::vector<TableColumn> columns;
  bool has_triggers = false;  // or one of its partitions
  /// Writing rows may run code that does not come with the server: users' triggers, defaults, checks, index
  /// expressions, types and operators.
  bool calls_code = true;

  [[nodiscard]] const TableColumn* find(std::string_view column) const;
};

/// The table, or nullopt when there is none with that name. TARGET_NOT_A_TABLE (schema) for a view, a foreign table,
/// ...
Result<std::optional<TableInfo>> read_table(Session& session, const TableName& name);

/// Queues that look; returns the place of its answer, which table_of() reads.
Result<size_t> queue_table_look(Session& session, const TableName& name);
Result<std::optional<TableInfo>> table_of(const Session& session, const TableName& name,
                                          const postgres::QueryResult& found);

/// NAME_REFUSED (config) for a schema's or table's name that PostgreSQL would refuse or truncate.
Status check_table_name(std::string_view stream, const TableName& name);
/// The columns that a table can have.
inline constexpr table::ColumnLimits kColumnLimits = {.product = "PostgreSQL",
                                                      .a_table = "a PostgreSQL table",
                                                      .most_columns = kMaxColumns,
                                                      .most_name_bytes = kMaxNameBytes};

/// Creates the schema unless it exists, inside the open transaction.
Status ensure_schema(Session& session, const std::string& schema);

/// The fields of those of `types` that are composite or contain composites: in the words of Field::native_fields.
Result<std::map<Oid, std::string>> composite_fields_of(Session& session, const std::vector<Oid>& types);

/// Type of a new column for `field`: the source's own type where this server has it and the values are sent as values
/// of that type, otherwise by its Arrow type. Requires that no transaction has failed.
Result<std::string> type_for(Session& session, const sdk::Field& field);

struct NewTable {
  TableName name;
  sdk::Schema schema;
  std::vector<std::string> key;
  /// Declares NOT NULL what the schema says is never null.
  bool declare_not_null = false;
};
Status create_table(Session& session, const NewTable& table);

}  // namespace rapidbyte::dest_postgres
