#pragma once
// FileStamp: by what a file is known to be the one that it was, without reading it.

#include <cstdint>
#include <string>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_parquet {

struct FileStamp {
  uint64_t size = 0;
  int64_t modified_seconds = 0;
  int64_t modified_nanoseconds = 0;

  bool operator==(const FileStamp&) const = default;
  /// FILE_OPEN_FAILED (config).
  static sdk::Result<FileStamp> of(const std::string& path);
};

}  // namespace rapidbyte::source_parquet
