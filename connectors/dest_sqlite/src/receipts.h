#pragma once
// Receipts: one row per pipeline, stream and partition in the table _rapidbyte_receipts, written in the same
// transaction as the rows that it covers. It says up to which source checkpoint the table is complete, so that a killed
// run neither loses nor doubles a row. Its target and its identity (RowEvidence) are kept within the checkpoint.

#include <optional>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/dialect.h"
#include "src/database.h"

namespace rapidbyte::dest_sqlite {

inline constexpr const char* kReceiptsTable = "_rapidbyte_receipts";

class Receipts {
 public:
  explicit Receipts(Database& database) : database_(database) {}

  /// The newest receipt of this pipeline, stream and partition. Creates nothing.
  Result<std::optional<table::Receipt>> read(const sdk::StreamContext& ctx);
  /// Writes it into the open transaction; creates the table when it is absent.
  Status write(const sdk::StreamContext& ctx, const table::Receipt& receipt);

 private:
  Database& database_;
};

}  // namespace rapidbyte::dest_sqlite
