#pragma once
// What of a batch becomes a column of a file, as SQL: nothing is changed on the way, and what a format cannot hold
// exactly becomes text.

#include <cstddef>
#include <string>
#include <vector>

#include "connectors/dest_file/src/config.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::dest_file {

struct OutputColumn {
  size_t source = 0;      // index in the batch
  sdk::Field field = {};  // as the table has it
  bool convert = false;          // see table::ColumnFit
  bool null_if_changed = false;
  std::string type_changed = {};
};

/// An SQL name.
std::string sql_name(const std::string& name);
/// An SQL text.
std::string sql_text(const std::string& text);

/// A select list over a batch of `rows`; for ndjson it is one text.
std::string select_list(Format format, const sdk::Schema& rows, const std::vector<OutputColumn>& columns);

/// The name of a type in DuckDB's SQL.
std::string sql_type(const sdk::DataType& type);

}  // namespace rapidbyte::dest_file
