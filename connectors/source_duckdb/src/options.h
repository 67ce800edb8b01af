#pragma once
// The config of source-duckdb and the keys of its streams (manifest.json), checked.

#include <string>
#include <vector>

#include "rapidbyte/sdk/config.h"

namespace rapidbyte::source_duckdb {

struct StreamOptions {
  std::string name;
  std::string table = {};  // as the database names it
  std::vector<std::string> select = {};
  std::string where = {};
  std::vector<std::string> tie_breaker = {};
};

struct Options {
  std::string path;
  std::string schema;
  std::vector<StreamOptions> streams;  // what the pipeline asks for; empty when nothing is known of it
};

/// INVALID_CONFIG (config) with every problem.
sdk::Result<Options> parse_options(const sdk::Json& config);
sdk::Result<StreamOptions> parse_stream_options(const sdk::Json& entry, const std::string& name);

}  // namespace rapidbyte::source_duckdb
