#include "rapidbyte/sdk/connector.h"

namespace {

using namespace rapidbyte::sdk;

/// One stream of `count` rows: n and its square.
struct Squares {
  Status open(const Json& config) {
    ConfigReader reader(config);
    count_ = reader.required_uint("count", 1, 1'000'000'000);
    return reader.finish();
  }

  Result<Catalog> discover() {
    CatalogStream squares;
    squares.name = "squares";
    squares.schema = schema();
    return Catalog{{squares}};
  }

  Result<ReadSummary> read(const StreamContext& ctx) {
    RB_SDK_ASSIGN_OR_RETURN(BatchBuilder batch, BatchBuilder::make(schema()));
    CheckpointPacer pacer(ctx);
    ReadSummary summary;
    // Resume from the checkpoint of an earlier run; without one, start at the beginning.
    for (uint64_t n = uint_member(ctx.resume, "next").value_or(0); n < count_;) {
      const auto value = static_cast<int64_t>(n);
      batch.column(0).append(value);
      batch.column(1).append(value * value);
      batch.end_row();
      ++n;
      if (n < count_ && batch.byte_size() < ctx.limits.max_batch_bytes) continue;
      const uint64_t rows = batch.rows();
      const uint64_t bytes = batch.byte_size();
      RB_SDK_RETURN_NOT_OK(batch.emit());
      summary.records_read += rows;
      summary.bytes_read += bytes;
      ++summary.batches_emitted;
      pacer.add_batch(rows, bytes);
      RB_SDK_RETURN_NOT_OK(pacer.emit_if_due(CursorValue(), {{"next", n}}));
    }
    summary.checkpoint_count = pacer.count();
    return summary;
  }

 private:
  static Schema schema() {
    return {{{"n", DataType::of(TypeId::kInt64), false}, {"square", DataType::of(TypeId::kInt64), false}}};
  }

  uint64_t count_ = 0;
};

}  // namespace

RAPIDBYTE_SOURCE(Squares)
