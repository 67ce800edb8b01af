#pragma once
// DuckdbSource: the connector source-duckdb. The database is opened for reading; the host holds DuckDB's lock for
// readers on it, so nobody changes it during a read.

#include <memory>
#include <optional>
#include <vector>

#include "connectors/source_duckdb/src/cursor.h"
#include "connectors/source_duckdb/src/table_stream.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::source_duckdb {

class DuckdbSource {
 public:
  Status open(const sdk::Json& config);
  Result<sdk::Catalog> discover();
  Result<sdk::Validation> validate();
  Result<std::vector<sdk::Json>> plan_partitions(const sdk::StreamContext& ctx, uint32_t want);
  Result<sdk::ReadSummary> read(const sdk::StreamContext& ctx);
  Status close();

 private:
  Status open_database(uint64_t memory_bytes);
  /// What the pipeline asks for, or all tables and views of the schema.
  Result<std::vector<StreamOptions>> streams();
  Result<TableStream> stream_of(const sdk::StreamContext& ctx);

  Options options_;
  std::unique_ptr<duck::Database> database_;
};

}  // namespace rapidbyte::source_duckdb
