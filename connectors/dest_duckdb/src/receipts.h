#pragma once
// Receipts: one row per pipeline, stream and partition in the table _rapidbyte_receipts, written in the same
// transaction as the rows that it covers. It says up to which source checkpoint the table is complete, so that a killed
// run neither loses nor doubles a row. Its identity is the RowEvidence of the table.

#include <optional>
#include <string>

#include "connectors/shared/duckdb/database.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/dialect.h"

namespace rapidbyte::dest_duckdb {

using sdk::Result;
using sdk::Status;

inline constexpr const char* kReceiptsTable = "_rapidbyte_receipts";

/// The newest receipt of this pipeline, stream and partition. Creates nothing.
Result<std::optional<table::Receipt>> read_receipt(duck::Database& database, const sdk::StreamContext& ctx);
/// Writes it into the open transaction; creates the table when it is absent.
Status write_receipt(duck::Database& database, const sdk::StreamContext& ctx, const table::Receipt& receipt);

/// How a later run finds out whether the rows that a receipt describes are still in their table, although others may
/// have written the database meanwhile: how many rows the table had, and a hash of its first one. It costs a look-up
/// per commit.
struct RowEvidence {
  int64_t table_rows = 0;
  std::string first_row = {};

  /// Of the table as the open transaction sees it.
  static Result<RowEvidence> of_table(duck::Database& database, const std::string& table);
  /// From a receipt's identity; a missing or malformed one has no rows.
  static RowEvidence of(const table::Receipt& receipt);
  [[nodiscard]] std::string to_text() const;
  /// Why the rows are not all there any more, as far as that can be told; empty when they are.
  [[nodiscard]] std::string what_differs(const RowEvidence& now) const;
};

}  // namespace rapidbyte::dest_duckdb
