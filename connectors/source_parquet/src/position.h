#pragma once
// Where a read stands, as it travels in checkpoints under the key `position`: so many files done, and a row in the next
// one. With it travels what the position is about: other files, columns or conditions would make it another place.

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/source_parquet/src/options.h"
#include "file_set.h"
#include "rapidbyte/sdk/context.h"

namespace rapidbyte::source_parquet {

struct Position {
  uint64_t files_done = 0;
  uint64_t done_hash = 0;  // of the files that are done, and of the one that is being read
  uint64_t row = 0;  // in the next file: the first that is not read
  sdk::Json highest;  // cursor value so far, as text; null without one
  sdk::Json about;  // about_of()

  [[nodiscard]] sdk::Json to_json() const;
  /// INVALID_RESUME (internal).
  static sdk::Result<Position> from_json(const sdk::Json& json);
};

/// Hash of the first `count` files: their names, sizes and times of change. FILE_OPEN_FAILED (config).
sdk::Result<uint64_t> hash_of_files(const std::vector<source_file::FileEntry>& files, uint64_t count);

/// What decides which rows and values are read.
sdk::Json about_of(const StreamOptions& options, const std::string& cursor_column);

/// SOURCE_CHANGED (data) when the files that were read, or are being read, are not what they were; CURSOR_CHANGED
/// (config) when the stream's settings are not.
sdk::Status check_position(const Position& position, const std::vector<source_file::FileEntry>& files,
                           const StreamOptions& options, const std::string& cursor_column);

}  // namespace rapidbyte::source_parquet
