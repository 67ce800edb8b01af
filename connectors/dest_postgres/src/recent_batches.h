#pragma once
// RecentBatches: copies of the batches that were sent last, so that a row which the server refuses a little later can
// still be shown. A copy costs a hundredth of what sending the batch does.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace rapidbyte::dest_postgres {

class RecentBatches {
 public:
  /// `first_row`: of the stream.
  void add(std::span<const uint8_t> batch, uint64_t first_row, uint64_t rows) {
    std::vector<uint8_t> bytes;
    // What leaves gives its memory to what comes.
    while (!batches_.empty() && bytes_ + batch.size() > kMaxBytes) {
      bytes_ -= batches_.front().bytes.size();
      bytes = std::move(batches_.front().bytes);
      batches_.pop_front();
    }
    if (batch.size() > kMaxBytes) return;
    bytes.assign(batch.begin(), batch.end());
    bytes_ += batch.size();
    batches_.push_back({std::move(bytes), first_row, rows});
  }

  struct Found {
    std::span<const uint8_t> batch;  // empty: it is gone
    size_t row = 0;                  // in the batch
  };
  [[nodiscard]] Found find(uint64_t row) const {
    for (const Batch& batch : batches_) {
      if (row >= batch.first_row && row - batch.first_row < batch.rows) {
        return {batch.bytes, static_cast<size_t>(row - batch.first_row)};
      }
    }
    return {};
  }

 private:
  // About what fits between this program and the server's executor: the buffers of both sockets.
  static constexpr size_t kMaxBytes = size_t{8} << 20;
  struct Batch {
    std::vector<uint8_t> bytes;
    uint64_t first_row = 0;
    uint64_t rows = 0;
  };
  std::deque<Batch> batches_;
  size_t bytes_ = 0;
};

}  // namespace rapidbyte::dest_postgres
