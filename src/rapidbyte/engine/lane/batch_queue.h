#pragma once
// BatchQueue: the queue between two stages. One stage pushes, one pops; batches are bounded in number and in bytes, so
// that a slow stage blocks the one before it. Checkpoint markers travel in order after the batches that they cover and
// take no room. With compression only the compressed form waits: a batch is compressed on the producer's thread before
// it waits for room and decompressed on the consumer's thread after it has left, so that neither stage knows about it,
// and rows and bytes are counted uncompressed. One producer and one consumer at a time; counts() from any thread. Every
// wait ends when the cancel token fires.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/lane/batch_codec.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::engine {

/// Limits for what waits, in the form in which it waits.
struct QueueLimits {
  uint64_t max_batches = 16;
  uint64_t max_bytes = uint64_t{16} << 20U;
  bool operator==(const QueueLimits&) const = default;
};

/// One of the two: a batch, or (empty batch) a marker.
struct QueueItem {
  PooledBuffer batch;
  std::optional<CheckpointMarker> marker;
};

/// Totals since the queue was made, in Arrow bytes, and what waits now, in the bytes that it occupies.
struct QueueCounts {
  uint64_t pushed_batches = 0, pushed_bytes = 0, pushed_rows = 0;
  uint64_t popped_batches = 0, popped_bytes = 0, popped_rows = 0;
  uint64_t waiting_batches = 0, waiting_bytes = 0;
  /// Time that the producer waited for room, and the consumer for something to take.
  std::chrono::nanoseconds push_wait{0}, pop_wait{0};
};

class BatchQueue {
 public:
  /// Buffers come from `pool`.
  BatchQueue(QueueLimits limits, const CancelToken& cancel, std::shared_ptr<BufferPool> pool,
             pipeline::Compression compression = pipeline::Compression::kNone);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  /// Copies a batch of `rows` rows into the queue; blocks while there is no room. A batch larger than `max_bytes` is
  /// admitted when no other batch waits. CHANNEL_SEND when the consumer is gone, CANCELLED, COMPRESSION_FAILED.
  Status push_batch(std::span<const std::byte> batch, uint64_t rows);
  /// Adds a marker; never blocks. Its `batches_covered` becomes the number of batches pushed so far. A marker directly
  /// after another one replaces it (it covers the same batches and knows more), so markers cannot pile up.
  Status push_marker(CheckpointMarker marker);
  /// The producer is done; the consumer gets what waits and then the end.
  void close();
  /// The producer failed. The consumer still gets what waits up to the last marker, so that a source that fails often
  /// makes progress each time, and then UPSTREAM_FAILED, so that it does not take this for the end.
  void fail();

  /// Waits for a batch, or for the end; takes nothing. False: only markers wait, and after them the end.
  /// UPSTREAM_FAILED (when there is no batch), CANCELLED.
  Result<bool> wait_for_batch();
  /// The next batch or marker, nullopt at the end. UPSTREAM_FAILED, CANCELLED, DECOMPRESSION_FAILED.
  Result<std::optional<QueueItem>> pop();
  /// The marker at the head, if there is one now. Never blocks.
  std::optional<CheckpointMarker> pop_marker_if_next();
  /// The consumer is gone: what waits is dropped and the producer gets CHANNEL_SEND.
  void abandon();

  [[nodiscard]] QueueCounts counts() const;

 private:
  enum class State : uint8_t { kOpen, kClosed, kFailed, kAbandoned };
  struct Entry {
    QueueItem item;  // its batch in the form in which it waits
    uint64_t rows = 0;
    uint64_t bytes = 0;  // of the batch as Arrow
  };
  [[nodiscard]] bool packs() const { return compression_ != pipeline::Compression::kNone; }
  Result<std::optional<Entry>> take();
  [[nodiscard]] bool has_room(uint64_t bytes) const;
  template <typename Ready>
  static void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                   std::chrono::nanoseconds& waited, Ready ready);
  void end(State state);
  void drop_last();

  const QueueLimits limits_;
  const CancelToken cancel_;
  const std::shared_ptr<BufferPool> pool_;  // shared with the run
  const pipeline::Compression compression_;
  BatchCodec packer_;  // the producer's
  BatchCodec unpacker_;  // the consumer's
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable arrival_;
  std::deque<Entry> entries_;
  QueueCounts counts_;
  State state_ = State::kOpen;
  // Last: its waker uses the members above.
  CancelToken::Registration on_cancel_;
};

}  // namespace rapidbyte::engine
