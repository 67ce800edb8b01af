#pragma once
// TableStream: one table or view as a stream: its columns, and the SQL that reads a part of it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/shared/duckdb/database.h"
#include "connectors/source_duckdb/src/options.h"
#include "rapidbyte/sdk/context.h"

namespace rapidbyte::source_duckdb {

using sdk::Result;
using sdk::Status;

/// By what a database is known to be the one that it was: size and time of change of its file and of its log.
struct DatabaseStamp {
  std::string text;

  bool operator==(const DatabaseStamp&) const = default;
  static DatabaseStamp of(const std::string& path);
};

/// Rows of a table by their row numbers, [begin, end). Rows that were deleted leave gaps.
struct Window {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class TableStream {
 public:
  /// TABLE_MISSING (config); SQL_INVALID (config) for a `where` that is no condition on the table's columns;
  /// UNKNOWN_COLUMN (config).
  static Result<TableStream> make(duck::Database& database, const std::string& schema, StreamOptions options);

  [[nodiscard]] const StreamOptions& options() const { return options_; }
  [[nodiscard]] const duck::TableDescription& table() const { return table_; }
  /// The columns that are read, in types that batches can carry.
  [[nodiscard]] const sdk::Schema& columns() const { return columns_; }
  /// DuckDB's type of a column, whether or not it is read; nullopt when there is none of that name.
  [[nodiscard]] std::optional<std::string> type_of(const std::string& column) const;
  /// Row numbers end here; 0 for a view, which has none.
  [[nodiscard]] uint64_t end() const { return end_; }

  /// Reads rows. `condition` is more SQL for WHERE, or empty; `window`: of a table.
  Result<std::unique_ptr<duck::Query>> rows(const sdk::Schema& columns, const std::optional<Window>& window,
                                            const std::string& condition) const;
  /// SELECT `what` FROM the rows that `condition` and the stream's own `where` leave, and `rest`.
  Result<std::vector<duck::TextRow>> ask(const std::string& what, const std::string& condition,
                                         const std::string& rest) const;

 private:
  TableStream(duck::Database& database, StreamOptions options) : database_(&database), options_(std::move(options)) {}
  [[nodiscard]] std::string from(const std::optional<Window>& window, const std::string& condition) const;

  duck::Database* database_;
  StreamOptions options_;
  std::string sql_name_;
  duck::TableDescription table_;
  sdk::Schema columns_;
  uint64_t end_ = 0;
};

}  // namespace rapidbyte::source_duckdb
