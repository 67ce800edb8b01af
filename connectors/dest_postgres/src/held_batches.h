#pragma once
// HeldBatches: copies of the batches that were sent last, so that a row which the server refuses a little later can
// still be shown, or all of them be sent again around it. A copy costs a hundredth of what sending the batch does.

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace rapidbyte::dest_postgres {

struct HeldBatch {
  std::vector<uint8_t> bytes;
  uint64_t first_row = 0;  // of the stream
  uint64_t rows = 0;
};

class HeldBatches {
 public:
  void add(std::span<const uint8_t> batch, uint64_t first_row, uint64_t rows) {
    HeldBatch held{.bytes = std::move(spare_), .first_row = first_row, .rows = rows};
    held.bytes.assign(batch.begin(), batch.end());
    bytes_ += batch.size();
    batches_.push_back(std::move(held));
  }
  /// As add(), but the oldest leave when all together have more than `max_bytes`; a larger one is not kept.
  void add_within(size_t max_bytes, std::span<const uint8_t> batch, uint64_t first_row, uint64_t rows) {
    while (!batches_.empty() && bytes_ + batch.size() > max_bytes) drop_oldest();
    if (batch.size() <= max_bytes) add(batch, first_row, rows);
  }
  void clear() {
    while (!batches_.empty()) drop_oldest();
  }

  [[nodiscard]] const std::deque<HeldBatch>& batches() const { return batches_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }

  struct Found {
    std::span<const uint8_t> batch;  // empty: it is gone
    size_t row = 0;                  // in the batch
  };
  [[nodiscard]] Found find(uint64_t row) const {
    for (const HeldBatch& held : batches_) {
      if (row >= held.first_row && row - held.first_row < held.rows) {
        return {held.bytes, static_cast<size_t>(row - held.first_row)};
      }
    }
    return {};
  }

 private:
  void drop_oldest() {
    bytes_ -= batches_.front().bytes.size();
    // What leaves gives its memory to what comes.
    spare_ = std::move(batches_.front().bytes);
    batches_.pop_front();
  }

  std::deque<HeldBatch> batches_;
  std::vector<uint8_t> spare_;
  size_t bytes_ = 0;
};

}  // namespace rapidbyte::dest_postgres
