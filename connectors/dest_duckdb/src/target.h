#pragma once
// From a stream's columns to those of its table: creates the table or fits an existing one as rapidbyte/table decides,
// and says for each column of a batch where and how it is stored.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/shared/duckdb/database.h"
#include "rapidbyte/table/column_fit.h"

namespace rapidbyte::dest_duckdb {

using sdk::Result;
using sdk::Status;

/// Names that differ only in the case of ASCII letters are the same to DuckDB.
bool same_name(std::string_view a, std::string_view b);
std::string lower_name(std::string_view name);

/// Whether a column of type `stored` (DuckDB's name) stores every value of a batch's column unchanged, whose own type
/// in DuckDB is `given`.
bool stores_unchanged(std::string_view stored, std::string_view given);

/// How one column of the batch is stored.
struct ColumnPlan {
  size_t source = 0;  // index in the batch
  std::string name;   // as the table spells it
  std::string type;   // of the table
  bool convert = false;           // see table::ColumnFit
  bool null_if_changed = false;
  std::string type_changed = {};
  /// A null is refused, row by row: part of the upsert's key, or NOT NULL.
  bool refuse_null = false;
  bool in_key = false;  // of the upsert
};

struct TargetPlan {
  std::string table;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> key;  // upsert only, as the table spells it
  /// The columns of its primary key and its unique constraints.
  std::vector<std::vector<std::string>> unique_keys;
  std::string no_columns = {};  // see table::TableFit
};

/// NAME_REFUSED (config) for a table name that is empty, or the connector's own; the message names `stream`.
Status check_table_name(std::string_view stream, std::string_view table);

/// The table, or nullopt when there is none. TARGET_NOT_A_TABLE (schema) for a view.
Result<std::optional<duck::TableDescription>> read_table(duck::Database& database, const std::string& name);

/// Creates or fits the table inside the open transaction. Errors (schema): those of table::fit_table() and
/// table::check_columns(); COLUMN_UNSUPPORTED for a type that the database cannot hold.
Result<TargetPlan> prepare_target(duck::Database& database, const std::string& table,
                                  const table::TableRequest& request);

/// UPSERT_KEY_NOT_UNIQUE (schema) unless the table has a unique key over exactly these columns.
Status check_upsert_key(duck::Database& database, const std::string& table, const std::vector<std::string>& key);

/// Creates the table that is to take the place of `target`, if it is there: like it when its definition holds more than
/// columns and a key (constraints, defaults, computed columns), otherwise with the stream's columns and its key. Errors
/// as of prepare_target(), and NEW_COLUMN, REMOVED_COLUMN (schema).
Status create_replacement(duck::Database& database, const std::string& target, const std::string& name,
                          const table::TableRequest& request);

}  // namespace rapidbyte::dest_duckdb
