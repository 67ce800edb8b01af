#pragma once
// StreamReader: reads one stream, or one of its partitions: file after file, some row groups at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/source_parquet/src/parquet_stream.h"
#include "connectors/source_parquet/src/position.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::source_parquet {

class StreamReader {
 public:
  StreamReader(const sdk::StreamContext& ctx, const ParquetStream& stream, sdk::Schema columns)
      : ctx_(ctx), stream_(stream), columns_(std::move(columns)), pacer_(ctx) {}

  /// Everything, or what is behind the position to resume from. Errors: CURSOR_TYPE, CURSOR_CHANGED (config),
  /// FILE_UNREADABLE, FILE_CHANGED, SOURCE_CHANGED (data).
  Result<sdk::ReadSummary> read_all();
  /// The parts of a partition.
  Result<sdk::ReadSummary> read_parts(const std::vector<Part>& parts);

 private:
  Status set_up_cursor();
  Status read_file(const FileEntry& file, uint64_t begin, uint64_t end, bool has_position);
  Status read_window(const FileEntry& file, const Window& window);
  Status send(const ArrowArray& rows);
  Status note_highest(const FileEntry& file, const Window& window);
  [[nodiscard]] sdk::CursorValue cursor_value(const sdk::Json& text) const;
  [[nodiscard]] std::string condition() const;
  [[nodiscard]] sdk::Json parameters() const;
  Result<sdk::ReadSummary> finish();

  const sdk::StreamContext& ctx_;
  const ParquetStream& stream_;
  sdk::Schema columns_;
  sdk::CheckpointPacer pacer_;
  std::optional<sdk::IpcEncoder> encoder_;
  sdk::ReadSummary summary_;
  Position position_;
  std::string cursor_column_;  // empty: a full refresh
  sdk::DataType cursor_type_;
  sdk::Json last_;  // the cursor's last value, as text; null: from the beginning
};

}  // namespace rapidbyte::source_parquet
