#pragma once
// From a stream's columns to those of its files: an append fits what the listing says that the files have, as
// rapidbyte/table decides; each file has the columns that were known when it was begun.

#include <optional>
#include <string>
#include <vector>

#include "connectors/dest_file/src/listing.h"
#include "connectors/dest_file/src/output_columns.h"
#include "rapidbyte/table/column_fit.h"

namespace rapidbyte::dest_file {

struct TargetPlan {
  std::vector<OutputColumn> columns;
  std::string no_columns = {};  // see table::TableFit
  /// All columns of the table, in its order.
  sdk::Schema table;
};

/// Fits the columns to a table of `existing` columns, or makes one. `described`: for messages. Errors (schema): those
/// of table::fit_table() and table::check_columns(); COLUMN_UNSUPPORTED for a type that no file of ours can hold.
Result<TargetPlan> fit_columns(const table::TableRequest& request, const std::optional<sdk::Schema>& existing,
                               const std::string& described);

/// The columns of a table that takes the place of one of `existing` columns.
Result<sdk::Schema> replacing_columns(const table::TableRequest& request, const std::optional<sdk::Schema>& existing,
                                      const std::string& described);

/// UNKNOWN_COLUMN, NO_COLUMNS, COLUMN_UNSUPPORTED (schema): `partition_by` names columns of the table, of types whose
/// values can be a folder's name, and leaves some over.
Status check_partition_columns(const std::vector<std::string>& names, const sdk::Schema& table,
                               const std::string& described);

}  // namespace rapidbyte::dest_file
