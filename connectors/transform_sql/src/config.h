#pragma once
// The `config` of transform-sql in a pipeline.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/config.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::transform_sql {

struct Lookup {
  std::string name;
  std::string path;
  std::string format;  // csv, json, parquet: DuckDB's read_<format>()
};

struct Config {
  /// For the streams that match no pattern of `queries`.
  std::optional<std::string> query;
  /// Names and patterns (rapidbyte/protocol/name_pattern.h) with their queries; a name comes before patterns, else the
  /// first that fits decides.
  std::vector<std::pair<std::string, std::string>> queries;
  std::vector<Lookup> tables;
  /// Values of `$name`.
  sdk::Json parameters = sdk::Json::object();
  /// Queries may use all rows of a stream together.
  bool whole = false;
  /// Where rows go that do not fit into memory; empty: nowhere.
  std::string spill_folder;
  /// Bytes that may lie there.
  uint64_t spill_bytes = uint64_t{10} << 30U;

  static sdk::Result<Config> parse(const sdk::Json& config);
  /// The stream's query; nullptr: it passes through.
  [[nodiscard]] const std::string* query_for(std::string_view stream) const;
};

}  // namespace rapidbyte::transform_sql
