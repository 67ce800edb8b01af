#pragma once
// ParquetSource: the connector source-parquet.

#include <memory>
#include <vector>

#include "connectors/source_parquet/src/parquet_stream.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::source_parquet {

class ParquetSource {
 public:
  Status open(const sdk::Json& config);
  Result<sdk::Catalog> discover();
  Result<sdk::Validation> validate();
  Result<std::vector<sdk::Json>> plan_partitions(const sdk::StreamContext& ctx, uint32_t want);
  Result<sdk::ReadSummary> read(const sdk::StreamContext& ctx);

 private:
  [[nodiscard]] Result<std::vector<StreamOptions>> streams() const;
  Result<ParquetStream> stream_of(const sdk::StreamContext& ctx);
  Status open_engine(uint64_t memory_bytes);

  Options options_;
  std::unique_ptr<duck::Engine> engine_;
};

}  // namespace rapidbyte::source_parquet
