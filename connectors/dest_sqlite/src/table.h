#pragma once
// What a table of the database looks like now: kind, columns, keys, indexes and triggers, read from SQLite's own
// catalogue. Also creates new tables. All inside whatever transaction the caller has open.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/table/column_fit.h"
#include "src/column_type.h"
#include "src/database.h"

namespace rapidbyte::dest_sqlite {

/// SQLite's own limit (SQLITE_MAX_COLUMN).
inline constexpr size_t kMaxColumns = 2000;

struct TableColumn {
  std::string name;
  std::string declared;
  Affinity affinity = Affinity::kBlob;
  bool not_null = false;
  bool has_default = false;
  int key_position = 0;  // from 1 in the PRIMARY KEY, else 0
  bool generated = false;
};

/// Something that belongs to a table and is dropped with it.
struct Dependent {
  std::string type;  // index or trigger
  std::string name;
  std::string sql;
};

struct TableInfo {
  std::string name;  // as the database spells it
  std::string sql;   // its CREATE TABLE
  std::vector<TableColumn> columns;
  bool fires_triggers = false;
  bool without_rowid = false;  // WITHOUT ROWID: its rows have no numbers

  /// The column with that name; like SQLite, ASCII letters match in either case.
  [[nodiscard]] const TableColumn* find(std::string_view column) const;
  [[nodiscard]] std::vector<std::string> key() const;
  /// The key is SQLite's row number (INTEGER PRIMARY KEY), which takes NULL for "the next one".
  [[nodiscard]] bool has_integer_key() const;
  /// Whether it has only columns and perhaps a key, exactly as create_table_sql() makes them.
  [[nodiscard]] bool is_plain() const;
};

/// Names that differ only in the case of ASCII letters are the same to SQLite.
bool same_name(std::string_view a, std::string_view b);
/// The name with its ASCII letters in lower case.
std::string lower_name(std::string_view name);

/// NAME_REFUSED (config) for a table name reserved by SQLite or this connector; the message names `stream`.
Status check_table_name(std::string_view stream, std::string_view table);

/// Whether there is a table with that name. TARGET_NOT_A_TABLE (schema) for a view or virtual table.
Result<bool> has_table(Database& database, std::string_view name);
/// The table, or nullopt when there is none. The same error.
Result<std::optional<TableInfo>> read_table(Database& database, std::string_view name);

/// Indexes and triggers that were made with CREATE, in the order of creation.
Result<std::vector<Dependent>> read_dependents(Database& database, std::string_view table);

/// The columns that a table can have.
inline constexpr table::ColumnLimits kColumnLimits = {.product = "SQLite",
                                                      .a_table = "an SQLite table",
                                                      .most_columns = kMaxColumns,
                                                      .ignores_case = true,
                                                      .needs_columns = true};

struct NewTable {
  std::string name;
  sdk::Schema schema;
  std::vector<std::string> key;
  /// Declares NOT NULL what the schema says is never null.
  bool declare_not_null = false;
};
std::string create_table_sql(const NewTable& table);

/// The CREATE TABLE text `sql` with another table name.
std::string with_table_name(std::string_view sql, std::string_view name);

}  // namespace rapidbyte::dest_sqlite
