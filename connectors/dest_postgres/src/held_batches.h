#pragma once
// HeldBatches: the batches that were sent last, so that a row which the server refuses a little later can still be
// shown, or all of them can be sent again around it. A copy costs a hundredth of sending the batch.

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace rapidbyte::dest_postgres {

struct HeldBatch {
  std::span<const uint8_t> bytes;
  std::vector<uint8_t> copy;  // where they are, unless they are borrowed
  uint64_t first_row = 0;  // of the stream
  uint64_t rows = 0;
};

class HeldBatches {
 public:
  void add(std::span<const uint8_t> batch, uint64_t first_row, uint64_t rows) {
    spare_.assign(batch.begin(), batch.end());
    push({.bytes = spare_, .copy = std::move(spare_), .first_row = first_row, .rows = rows});
    spare_ = {};
  }
  /// As add(), for bytes that stay valid until clear().
  void borrow(std::span<const uint8_t> batch, uint64_t first_row, uint64_t rows) {
    push({.bytes = batch, .copy = {}, .first_row = first_row, .rows = rows});
  }
  /// As add(), but drops the oldest when together they exceed `max_bytes`; a batch larger than that is not kept.
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
    std::span<const uint8_t> batch;  // empty: no longer held
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
  void push(HeldBatch held) {
    bytes_ += held.bytes.size();
    batches_.push_back(std::move(held));
  }
  void drop_oldest() {
    bytes_ -= batches_.front().bytes.size();
    // A batch that leaves passes its memory on to the next one.
    if (!batches_.front().copy.empty()) spare_ = std::move(batches_.front().copy);
    batches_.pop_front();
  }

  std::deque<HeldBatch> batches_;
  std::vector<uint8_t> spare_;
  size_t bytes_ = 0;
};

}  // namespace rapidbyte::dest_postgres
