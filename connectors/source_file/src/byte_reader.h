#pragma once
// ByteReader: the text of one file, decompressed, front to back. Plain, gzip (any number of members) and zstd (any
// number of frames), recognised by the file's first bytes; a name that says otherwise is an error. A compressed file
// that ends too early is an error, never a short file. One thread; owns its file descriptor.

#include <cstdint>
#include <memory>
#include <string>

#include "file_watch.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_file {

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  /// Reads up to `capacity` (at least 1) bytes; 0 only at the end that the file had when it was opened.
  /// FILE_READ_FAILED, COMPRESSED_DATA_CORRUPT, COMPRESSED_DATA_TRUNCATED, FILE_CHANGED (data) name the file.
  virtual sdk::Result<size_t> read(char* out, size_t capacity) = 0;
  /// Goes back to the first byte. FILE_READ_FAILED.
  virtual sdk::Status rewind() = 0;
  [[nodiscard]] virtual const FileWatch& watch() const = 0;
};

/// Opens `path`; messages show `shown_name`. FILE_NOT_FOUND, FILE_OPEN_FAILED, COMPRESSION_MISMATCH (config).
sdk::Result<std::unique_ptr<ByteReader>> open_byte_reader(const std::string& path, const std::string& shown_name);

}  // namespace rapidbyte::source_file
