#pragma once
// ColumnPlan and TargetPlan: what was decided, once per schema of a stream, about each stored column, and the rows that
// cannot be stored.

#include <string>
#include <vector>

#include "rapidbyte/table/refused_rows.h"
#include "src/column_type.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

/// How one column of the batch is stored.
struct ColumnPlan {
  size_t source = 0;  // index in the batch
  std::string name;  // as the table spells it
  PgType type;
  Fit fit = Fit::kExact;
  bool has_binary = true;  // false: the values are sent as texts that the server parses
  bool binary_text = false;  // a COPY converts the texts to the type's binary form (binary_text.h)
  bool convert = false;  // its type changed: convert value by value to natural_type(type)
  bool null_if_changed = false;  // a value that cannot be converted becomes NULL instead of a refused row
  bool refuse_null = false;  // part of the upsert key
  bool insert_only = false;  // GENERATED ALWAYS AS IDENTITY: cannot be updated
  bool special_values = false;  // see sdk::Field::special_values
  // The column does not accept the source's type, and no value has come yet: the text of TYPE_CHANGED for when one
  // does.
  std::string type_changed = {};
};

enum class RowFormat : uint8_t { kBinary, kText };

/// Where the rows of a stream go.
struct TargetPlan {
  TableName name;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> key;  // upsert only
  RowFormat format = RowFormat::kBinary;
  /// Rows get their number within the load in a last column, int8 (the staging of upserts).
  bool number_rows = false;
  /// Triggers of the table see every row.
  bool has_triggers = false;
  /// Writing the rows, or fitting the table, may run users' code in the session (TableInfo::calls_code).
  bool calls_code = true;
  /// SQL that precedes the first rows, in their transaction.
  std::string before_rows = {};
  /// The table has none of the stream's columns, and no row has come yet: the text of NO_COLUMNS for when one does.
  std::string no_columns = {};
};

using table::RefusedRow;

}  // namespace rapidbyte::dest_postgres
