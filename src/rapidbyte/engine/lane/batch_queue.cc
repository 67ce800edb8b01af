#include "rapidbyte/engine/lane/batch_queue.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

Status cancelled_error() {
  return internal_error(codes::kCancelled, "the run was cancelled while waiting for a batch");
}

Status upstream_failed() {
  return internal_error(codes::kUpstreamFailed,
                        "the stage before this one failed; its own error says why. Roll back what is uncommitted");
}

}  // namespace

BatchQueue::BatchQueue(QueueLimits limits, const CancelToken& cancel, std::shared_ptr<BufferPool> pool,
                       pipeline::Compression compression)
    : limits_(limits),
      cancel_(cancel),
      pool_(std::move(pool)),
      compression_(compression),
      packer_(pool_),
      unpacker_(pool_) {
  on_cancel_ = cancel_.on_cancel([this] {
    // Under the lock: a waiter is either before its check of the flag or already waiting.
    std::lock_guard lock(mutex_);
    room_.notify_all();
    arrival_.notify_all();
  });
}

bool BatchQueue::has_room(uint64_t bytes) const {
  if (counts_.waiting_batches == 0) return true;
  return counts_.waiting_batches < limits_.max_batches && counts_.waiting_bytes < limits_.max_bytes &&
         bytes <= limits_.max_bytes - counts_.waiting_bytes;
}

// The clock is read only when a wait is needed.
template <typename Ready>
void BatchQueue::wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                      std::chrono::nanoseconds& waited, Ready ready) {
  if (ready()) return;
  const auto begun = std::chrono::steady_clock::now();
  changed.wait(lock, ready);
  waited += std::chrono::steady_clock::now() - begun;
}

Status BatchQueue::push_batch(std::span<const std::byte> batch, uint64_t rows) {
  PooledBuffer waiting;
  if (packs()) {
    RB_ASSIGN_OR_RETURN(waiting, packer_.pack(compression_, batch));
  } else {
    waiting = pool_->copy_of(batch);
  }
  const uint64_t bytes = waiting.size();
  std::unique_lock lock(mutex_);
  wait(lock, room_, counts_.push_wait,
       [&] { return cancel_.cancelled() || state_ != State::kOpen || has_room(bytes); });
  if (cancel_.cancelled()) return cancelled_error();
  if (state_ != State::kOpen) {
    return internal_error(codes::kChannelSend, "the next stage no longer takes batches; its own error says why");
  }
  entries_.push_back({QueueItem{std::move(waiting), std::nullopt}, rows, batch.size()});
  ++counts_.pushed_batches;
  counts_.pushed_bytes += batch.size();
  counts_.pushed_rows += rows;
  ++counts_.waiting_batches;
  counts_.waiting_bytes += bytes;
  arrival_.notify_one();
  return {};
}

Status BatchQueue::push_marker(CheckpointMarker marker) {
  std::lock_guard lock(mutex_);
  if (cancel_.cancelled()) return cancelled_error();
  if (state_ != State::kOpen) {
    return internal_error(codes::kChannelSend, "the next stage no longer takes checkpoints; its own error says why");
  }
  marker.batches_covered = counts_.pushed_batches;
  marker.rows_covered = counts_.pushed_rows;
  if (!entries_.empty() && entries_.back().item.marker) {
    entries_.back().item.marker = std::move(marker);
  } else {
    entries_.push_back({QueueItem{{}, std::move(marker)}, 0, 0});
  }
  arrival_.notify_one();
  return {};
}

void BatchQueue::drop_last() {
  const Entry& entry = entries_.back();
  if (!entry.item.marker) {
    --counts_.waiting_batches;
    counts_.waiting_bytes -= entry.item.batch.size();
  }
  entries_.pop_back();
}

void BatchQueue::end(State state) {
  std::lock_guard lock(mutex_);
  if (state_ == State::kAbandoned) return;
  // A producer ends once; the consumer may leave after that.
  if (state_ != State::kOpen && state != State::kAbandoned) return;
  state_ = state;
  if (state == State::kFailed) {
    while (!entries_.empty() && !entries_.back().item.marker) drop_last();
  }
  if (state == State::kAbandoned) {
    while (!entries_.empty()) drop_last();
  }
  room_.notify_all();
  arrival_.notify_all();
}

void BatchQueue::close() { end(State::kClosed); }
void BatchQueue::fail() { end(State::kFailed); }
void BatchQueue::abandon() { end(State::kAbandoned); }

Result<bool> BatchQueue::wait_for_batch() {
  std::unique_lock lock(mutex_);
  wait(lock, arrival_, counts_.pop_wait,
       [&] { return cancel_.cancelled() || state_ != State::kOpen || counts_.waiting_batches > 0; });
  if (cancel_.cancelled()) return cancelled_error();
  if (counts_.waiting_batches > 0) return true;
  if (state_ == State::kFailed) return upstream_failed();
  return false;
}

Result<std::optional<QueueItem>> BatchQueue::pop() {
  RB_ASSIGN_OR_RETURN(std::optional<Entry> entry, take());
  if (!entry) return std::optional<QueueItem>();
  if (packs() && !entry->item.marker) {
    RB_ASSIGN_OR_RETURN(entry->item.batch, unpacker_.unpack(entry->item.batch.bytes(), entry->bytes));
  }
  return std::optional<QueueItem>(std::move(entry->item));
}

Result<std::optional<BatchQueue::Entry>> BatchQueue::take() {
  std::unique_lock lock(mutex_);
  wait(lock, arrival_, counts_.pop_wait,
       [&] { return cancel_.cancelled() || state_ != State::kOpen || !entries_.empty(); });
  if (cancel_.cancelled()) return cancelled_error();
  if (entries_.empty() && state_ == State::kFailed) return upstream_failed();
  if (entries_.empty()) return std::optional<Entry>();
  Entry entry = std::move(entries_.front());
  entries_.pop_front();
  if (!entry.item.marker) {
    --counts_.waiting_batches;
    counts_.waiting_bytes -= entry.item.batch.size();
    ++counts_.popped_batches;
    counts_.popped_bytes += entry.bytes;
    counts_.popped_rows += entry.rows;
    room_.notify_one();
  }
  return std::optional<Entry>(std::move(entry));
}

std::optional<CheckpointMarker> BatchQueue::pop_marker_if_next() {
  std::lock_guard lock(mutex_);
  if (entries_.empty() || !entries_.front().item.marker) return std::nullopt;
  std::optional<CheckpointMarker> marker = std::move(entries_.front().item.marker);
  entries_.pop_front();
  return marker;
}

QueueCounts BatchQueue::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace rapidbyte::engine
