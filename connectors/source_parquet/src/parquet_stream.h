#pragma once
// ParquetStream: the files of a stream, its columns, and the SQL that reads a part of them. Files may have different
// columns: the stream has all of them, by name, and each in a type that holds the values of all files.

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/shared/duckdb/engine.h"
#include "connectors/source_parquet/src/file_stamp.h"
#include "connectors/source_parquet/src/options.h"
#include "file_set.h"
#include "rapidbyte/sdk/context.h"

namespace rapidbyte::source_parquet {

using sdk::Result;
using sdk::Status;
using source_file::FileEntry;

/// Rows [begin, end) of one file.
struct Part {
  std::string file;  // its name
  uint64_t begin = 0;
  uint64_t end = 0;
  FileStamp stamp = {};  // when the partition was planned
};

/// Some row groups that are read at a time.
struct Window {
  uint64_t begin = 0;  // rows
  uint64_t end = 0;
  uint64_t bytes = 0;  // as they are in memory, about
};

class ParquetStream {
 public:
  /// NO_FILES, FILE_NOT_FOUND, INVALID_PATH ... (config) as file_set.h says; SQL_INVALID (config) for a `where` that is
  /// no expression.
  static Result<ParquetStream> make(duck::Engine& engine, const std::string& folder, StreamOptions options);

  [[nodiscard]] const std::vector<FileEntry>& files() const { return files_; }
  [[nodiscard]] const StreamOptions& options() const { return options_; }
  /// The columns of all files, those of `select` if there is one. FILE_UNREADABLE (data), UNKNOWN_COLUMN (config).
  Result<sdk::Schema> columns() const;
  /// The row groups of a file, some of them together so that a part is worth its query. FILE_UNREADABLE (data).
  Result<std::vector<Window>> windows(const FileEntry& file) const;
  /// Reads rows [begin, end) of a file in these columns. `condition` is more SQL for WHERE, or empty.
  Result<std::unique_ptr<duck::Query>> rows(const FileEntry& file, const sdk::Schema& columns, const Window& window,
                                            const std::string& condition, const sdk::Json& parameters) const;
  /// The one value of an expression over the same rows, as text; null for null.
  Result<sdk::Json> value(const FileEntry& file, const sdk::Schema& columns, const Window& window,
                          const std::string& expression, const std::string& condition,
                          const sdk::Json& parameters) const;

 private:
  ParquetStream(duck::Engine& engine, StreamOptions options) : engine_(engine), options_(std::move(options)) {}
  [[nodiscard]] std::string scan(const std::vector<std::string>& paths, const std::string& more = {}) const;
  [[nodiscard]] Status unreadable(const std::string& name, const sdk::Error& why) const;
  Result<std::string> select_from(const FileEntry& file, const sdk::Schema& columns, const Window& window,
                                  const std::string& condition) const;

  duck::Engine& engine_;
  StreamOptions options_;
  std::vector<FileEntry> files_;
};

}  // namespace rapidbyte::source_parquet
