#include "rapidbyte/base/buffer_pool.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rapidbyte {
namespace {

// Capacities are multiples of 64 KiB, so that batches of nearly equal size share buffers.
constexpr size_t kGranularity = size_t{64} * 1024;

struct Block {
  std::unique_ptr<std::byte[]> memory;
  size_t capacity;
};

}  // namespace

struct PooledBuffer::Shelf {
  std::mutex mutex;
  std::vector<Block> idle;
  size_t idle_bytes = 0;
  size_t max_idle_bytes = 0;
};

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : block_(std::move(other.block_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      shelf_(std::move(other.shelf_)) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
  if (this != &other) {
    give_back();
    block_ = std::move(other.block_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    shelf_ = std::move(other.shelf_);
  }
  return *this;
}

PooledBuffer::~PooledBuffer() { give_back(); }

void PooledBuffer::give_back() noexcept {
  if (!block_) return;
  if (auto shelf = shelf_.lock()) {
    std::lock_guard lock(shelf->mutex);
    if (capacity_ <= shelf->max_idle_bytes - std::min(shelf->idle_bytes, shelf->max_idle_bytes)) {
      try {
        shelf->idle.push_back({std::move(block_), capacity_});
        shelf->idle_bytes += capacity_;
      } catch (...) {
        // No room for the bookkeeping: the block is freed below.
      }
    }
  }
  block_.reset();
  size_ = capacity_ = 0;
}

BufferPool::BufferPool(size_t max_idle_bytes) : shelf_(std::make_shared<PooledBuffer::Shelf>()) {
  shelf_->max_idle_bytes = max_idle_bytes;
}

BufferPool::~BufferPool() = default;

PooledBuffer BufferPool::acquire(size_t size) {
  PooledBuffer buffer;
  buffer.size_ = size;
  buffer.shelf_ = shelf_;
  {
    std::lock_guard lock(shelf_->mutex);
    // Best fit that wastes at most half; the list is short (queue depth).
    auto best = shelf_->idle.end();
    for (auto it = shelf_->idle.begin(); it != shelf_->idle.end(); ++it) {
      if (it->capacity >= size && (best == shelf_->idle.end() || it->capacity < best->capacity)) best = it;
    }
    if (best != shelf_->idle.end() && best->capacity / 2 <= std::max(size, kGranularity)) {
      shelf_->idle_bytes -= best->capacity;
      buffer.capacity_ = best->capacity;
      buffer.block_ = std::move(best->memory);
      shelf_->idle.erase(best);
      return buffer;
    }
  }
  buffer.capacity_ = (size / kGranularity + 1) * kGranularity;
  buffer.block_ = std::make_unique_for_overwrite<std::byte[]>(buffer.capacity_);
  return buffer;
}

PooledBuffer BufferPool::copy_of(std::span<const std::byte> bytes) {
  PooledBuffer buffer = acquire(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

size_t BufferPool::idle_bytes() const {
  std::lock_guard lock(shelf_->mutex);
  return shelf_->idle_bytes;
}

}  // namespace rapidbyte
