#pragma once
// The config of dest-file (manifest.json), checked.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/config.h"

namespace rapidbyte::dest_file {

enum class Format : uint8_t { kParquet, kCsv, kNdjson };

struct Config {
  std::string folder;
  Format format = Format::kParquet;
  std::string compression;  // zstd, snappy, gzip or none
  std::optional<uint64_t> file_size;
  std::vector<std::string> partition_by;
  std::string delimiter = ",";
  bool header = true;
  std::string null_value;
  bool accept_emptied = false;

  /// INVALID_CONFIG (config).
  static sdk::Result<Config> parse(const sdk::Json& json);
  /// Of a file's name: ".parquet", ".csv.gz".
  [[nodiscard]] std::string ending() const;
};

}  // namespace rapidbyte::dest_file
