#pragma once
// LoadWriter: writes the rows of one load into one table, with the receipt of each commit, and the evidence of the rows
// in it (row_evidence.h).

#include <optional>
#include <string>

#include "rapidbyte/table/life_cycle.h"
#include "src/receipts.h"
#include "src/row_evidence.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_sqlite {

class LoadWriter final : public table::Writer {
 public:
  /// `before`: the receipt of an earlier run of the same load into this table.
  LoadWriter(Database& database, const sdk::StreamContext& ctx, const std::string& table, TableWriter::OnSchema make,
             const std::optional<table::Receipt>& before);

  Result<sdk::WriteCount> write(std::span<const uint8_t> batch) override;
  Status commit(const table::Receipt& receipt) override;

 private:
  Database& database_;
  const sdk::StreamContext& ctx_;
  TableWriter writer_;
  EvidenceCollector collector_;
  bool appends_;
  int64_t rows_committed_ = 0;
};

}  // namespace rapidbyte::dest_sqlite
