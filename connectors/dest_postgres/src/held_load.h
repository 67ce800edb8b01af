#pragma once
// HeldLoad: a replace of few rows that has not been sent to the server yet. They are kept until the load has succeeded,
// and then written in the transaction that publishes them: a staging table would cost the server ten times as much as
// the rows.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/held_batches.h"
#include "src/receipts.h"

namespace rapidbyte::dest_postgres {

class HeldLoad {
 public:
  /// `table`: the target as it was when the load began.
  explicit HeldLoad(postgres::Oid table) : table_(table) {}

  /// Keeps a copy of a batch; false: with it, the load would exceed the size up to which rows are held.
  bool add(std::span<const uint8_t> batch, uint64_t rows) {
    if (batch.size() > kMostBytes - batches_.bytes()) return false;
    batches_.add(batch, rows_, rows);
    rows_ += rows;
    return true;
  }

  [[nodiscard]] postgres::Oid table() const { return table_; }
  [[nodiscard]] const std::deque<HeldBatch>& batches() const { return batches_.batches(); }
  [[nodiscard]] uint64_t rows() const { return rows_; }

  /// The checkpoint after all rows.
  std::optional<std::string> checkpoint_json;
  /// run-write was called on this instance. If not, the rows went to other instances, as those of partitions do.
  bool written = false;

 private:
  // Readers of the table wait while they are sent.
  static constexpr size_t kMostBytes = size_t{256} << 10;

  postgres::Oid table_;
  HeldBatches batches_;
  uint64_t rows_ = 0;
};

}  // namespace rapidbyte::dest_postgres
