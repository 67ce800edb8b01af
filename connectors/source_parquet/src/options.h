#pragma once
// The config of source-parquet and the keys of its streams (manifest.json), checked.

#include <string>
#include <vector>

#include "rapidbyte/sdk/config.h"

namespace rapidbyte::source_parquet {

struct StreamOptions {
  std::string name;
  std::string path = {};  // empty: by the name
  std::vector<std::string> select = {};
  std::string where = {};
  bool hive_partitions = true;
};

struct Options {
  std::string folder;
  std::vector<StreamOptions> streams;  // what the pipeline asks for; empty when nothing is known of it
};

/// INVALID_CONFIG (config) with every problem.
sdk::Result<Options> parse_options(const sdk::Json& config);
sdk::Result<StreamOptions> parse_stream_options(const sdk::Json& entry, const std::string& name);

}  // namespace rapidbyte::source_parquet
