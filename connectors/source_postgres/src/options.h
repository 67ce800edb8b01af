#pragma once
// Options: the connector's config and a stream's own keys as values, checked. Plain data, created once by open().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lag.h"
#include "postgres/connection_options.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"
#include "table_name.h"

namespace rapidbyte::source_postgres {

struct StreamOptions {
  std::string name;
  TableName table;
  /// Columns to read, in this order; empty: all.
  std::vector<std::string> select;
  /// An SQL condition; empty: all rows.
  std::string where;
  /// Columns that the user wants as text.
  std::vector<std::string> text_columns;
  /// nullopt: the primary key.
  std::optional<std::vector<std::string>> tie_breaker;
  std::optional<Lag> lag;
  /// Whether the rows of INHERITS children are read with their parent's; nullopt: the user did not say.
  std::optional<bool> child_rows;
  /// An earlier position is accepted although what it was made for has changed.
  bool keep_position = false;
  /// The pipeline's, for validate(): a read gets it from the host. Empty: the stream is not read incrementally.
  std::string cursor_field;
  /// Nobody named the table: only those of its columns are read that the role may read.
  bool only_readable = false;
  /// The pipeline names no streams, so that every table is one.
  bool all_streams = false;
};

struct SourceOptions {
  postgres::ConnectionOptions connection;
  std::vector<StreamOptions> streams;  // what the pipeline asks for; empty: everything
};

/// INVALID_CONFIG (config) with every problem.
sdk::Result<SourceOptions> parse_source_options(const sdk::Json& config);
/// `entry`: the stream's keys in the pipeline.
sdk::Result<StreamOptions> parse_stream_options(const sdk::Json& entry, const std::string& name,
                                                std::string_view default_schema);

}  // namespace rapidbyte::source_postgres
