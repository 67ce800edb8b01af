// Two connectors in one component: source-numbers gives the numbers from 0, dest-sum adds them up and says the sum.
// Each has a manifest of its own, which names this component and, as its first argument, the connector.

#include "rapidbyte/sdk/registered_connector.h"

namespace {

using namespace rapidbyte::sdk;

Schema schema() { return {{{"n", DataType::of(TypeId::kInt64), false}}}; }

struct Numbers {
  Status open(const Json& config) {
    ConfigReader reader(config);
    count_ = reader.required_uint("count", 1, 1'000'000);
    return reader.finish();
  }

  Result<Catalog> discover() {
    CatalogStream numbers;
    numbers.name = "numbers";
    numbers.schema = schema();
    return Catalog{{numbers}};
  }

  Result<ReadSummary> read(const StreamContext&) {
    RB_SDK_ASSIGN_OR_RETURN(BatchBuilder batch, BatchBuilder::make(schema()));
    for (uint64_t n = 0; n < count_; ++n) {
      batch.column(0).append(static_cast<int64_t>(n));
      batch.end_row();
    }
    RB_SDK_RETURN_NOT_OK(batch.emit());
    return ReadSummary{.records_read = count_, .batches_emitted = 1};
  }

 private:
  uint64_t count_ = 0;
};

struct Sum {
  Status open(const Json& config) { return ConfigReader(config).finish(); }

  Result<WriteSummary> write(const StreamContext& ctx) {
    int64_t sum = 0;
    BatchReader reader;
    auto summary = run_commit_loop(
        [&](std::span<const uint8_t> batch) -> Result<WriteCount> {
          RB_SDK_RETURN_NOT_OK(reader.load(batch));
          for (size_t row = 0; row < reader.rows(); ++row) sum += reader.column(0).value<int64_t>(row);
          return WriteCount{.written = reader.rows()};
        },
        [](const std::string&) { return Status(); });
    if (summary.ok()) host::log_info("the sum of " + ctx.stream_name + " is " + std::to_string(sum));
    return summary;
  }
};

}  // namespace

RAPIDBYTE_CONNECTORS(rapidbyte::sdk::source_named<Numbers>("source-numbers"),
                     rapidbyte::sdk::destination_named<Sum>("dest-sum"))
