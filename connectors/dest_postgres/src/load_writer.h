#pragma once
// LoadWriter: writes the rows of one load to the server, with a receipt for each commit. A replace of few rows is held
// (held_load.h) until the load has succeeded, or there are too many of them.

#include <optional>

#include "rapidbyte/sdk/batch_reader.h"
#include "src/dialect.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_postgres {

class LoadWriter final : public table::Writer {
 public:
  /// `previous`: the receipt after which the rows begin.
  LoadWriter(PostgresDialect& dialect, const sdk::StreamContext& ctx, std::optional<Receipt> previous);

  Result<sdk::WriteCount> write(std::span<const uint8_t> batch) override;
  Result<sdk::WriteCount> settle() override;
  Status commit(const Receipt& receipt) override;

 private:
  [[nodiscard]] bool holds() const { return may_hold_ && dialect_.held_; }
  /// Sends the held rows, of which there are now too many, to the server.
  Result<sdk::WriteCount> stop_holding();
  /// Without the rows that were already counted while they were held.
  Result<sdk::WriteCount> uncounted(Result<sdk::WriteCount> count);

  PostgresDialect& dialect_;
  const sdk::StreamContext& ctx_;
  TableName target_;
  std::optional<Receipt> previous_;
  bool may_hold_;
  TableWriter writer_;
  sdk::BatchReader held_batch_;
  uint64_t told_ = 0;  // rows already counted while they were held
};

}  // namespace rapidbyte::dest_postgres
