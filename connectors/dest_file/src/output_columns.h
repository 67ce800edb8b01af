#pragma once
// What of a batch becomes a column of a file, as SQL: nothing is changed on the way, and what a format cannot hold
// exactly becomes text.

#include <cstddef>
#include <string>
#include <vector>

#include "connectors/dest_file/src/config.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::dest_file {

using duck::quoted_name;
using duck::quoted_text;
using duck::type_sql;

struct OutputColumn {
  size_t source = 0;      // index in the batch
  sdk::Field field = {};  // as the table has it
  bool convert = false;          // see table::ColumnFit
  bool null_if_changed = false;
  std::string type_changed = {};
};

/// A select list over a batch of `rows`; for ndjson it is one text.
std::string select_list(Format format, const sdk::Schema& rows, const std::vector<OutputColumn>& columns);

}  // namespace rapidbyte::dest_file
