#pragma once
// StreamReader: reads one stream, or one of its partitions: a table some row groups at a time, so that a load can
// resume between them; a view at once.

#include <cstdint>
#include <optional>
#include <string>

#include "connectors/source_duckdb/src/cursor.h"
#include "connectors/source_duckdb/src/table_stream.h"
#include "rapidbyte/sdk/connector.h"

struct ArrowArray;

namespace rapidbyte::source_duckdb {

class StreamReader {
 public:
  /// `path`: the database.
  StreamReader(const sdk::StreamContext& ctx, const TableStream& stream, const std::string& path)
      : ctx_(ctx), stream_(stream), path_(path), pacer_(ctx) {}

  /// Everything, or what is behind the position to resume from. Errors: those of Cursor::make(), SOURCE_CHANGED (data)
  /// when the database is not the one that an interrupted load has read, CURSOR_CHANGED (config) when the stream's
  /// settings are not, DATABASE_CORRUPT, SQL_FAILED (data).
  Result<sdk::ReadSummary> read_all();
  /// A partition.
  Result<sdk::ReadSummary> read_window_only(const Window& window);

 private:
  Status set_up();
  Status resume(const sdk::Json& position);
  Status read(const std::optional<Window>& window);
  Status send(const ArrowArray& rows);
  [[nodiscard]] sdk::Json about() const;

  const sdk::StreamContext& ctx_;
  const TableStream& stream_;
  const std::string& path_;
  sdk::CheckpointPacer pacer_;
  sdk::Schema columns_;
  std::optional<Cursor> cursor_;
  std::optional<sdk::IpcEncoder> encoder_;
  sdk::ReadSummary summary_;
  uint64_t row_ = 0;  // of a table: the number of the first row that is not read
};

}  // namespace rapidbyte::source_duckdb
