#pragma once
// Cursor: the position of an incremental stream: the highest cursor value that was read, and the tie-breakers of the
// row that has it. Rows behind it are those with a higher cursor, or the same and a higher tie-breaker. Values travel
// as DuckDB's exact text.

#include <optional>
#include <string>
#include <vector>

#include "connectors/source_duckdb/src/table_stream.h"
#include "rapidbyte/sdk/context.h"

namespace rapidbyte::source_duckdb {

class Cursor {
 public:
  /// Of a full refresh there is none: nullopt. UNKNOWN_COLUMN, CURSOR_TYPE, TIE_BREAKER_MISSING, CURSOR_CHANGED
  /// (config); NULL_TIE_BREAKER (data).
  static Result<std::optional<Cursor>> make(const TableStream& stream, const sdk::StreamContext& ctx);

  /// SQL: the rows behind the last position.
  [[nodiscard]] std::string condition() const;
  /// Reads the highest position among these rows; the last one when there are none.
  Result<sdk::CursorValue> highest(const TableStream& stream) const;
  /// The position that this read begins behind.
  [[nodiscard]] sdk::CursorValue last() const { return value_of(last_); }
  /// What decides which rows a position stands for.
  [[nodiscard]] sdk::Json about() const;

 private:
  struct Part {
    std::string column;
    std::string type;  // DuckDB's
  };
  [[nodiscard]] sdk::CursorValue value_of(const std::vector<std::string>& values) const;
  Status take_last(const TableStream& stream, const sdk::CursorValue& stored);

  std::vector<Part> parts_;  // the cursor, then the tie-breakers
  std::vector<std::string> last_;  // as parts_; empty: from the beginning
};

}  // namespace rapidbyte::source_duckdb
