#pragma once
// BufferPool: recycles batch buffers, because fresh pages cost more than the copy into them. Thread safe. A
// PooledBuffer returns its memory when destroyed and may outlive the pool (then it just frees).

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace rapidbyte {

class BufferPool;

/// Owns a block of at least `size()` bytes, uninitialised. Movable.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;
  PooledBuffer(const PooledBuffer&) = delete;
  PooledBuffer& operator=(const PooledBuffer&) = delete;
  ~PooledBuffer();

  [[nodiscard]] std::byte* data() { return block_.get(); }
  [[nodiscard]] const std::byte* data() const { return block_.get(); }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {block_.get(), size_}; }
  /// Shortens the visible part. Requires size <= capacity().
  void resize_within_capacity(size_t size) { size_ = size; }

 private:
  friend class BufferPool;
  struct Shelf;
  std::unique_ptr<std::byte[]> block_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  std::weak_ptr<Shelf> shelf_;
  void give_back() noexcept;
};

class BufferPool {
 public:
  /// Keeps at most `max_idle_bytes` of returned buffers; the rest is freed.
  explicit BufferPool(size_t max_idle_bytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// A buffer of exactly `size` visible bytes, contents undefined.
  [[nodiscard]] PooledBuffer acquire(size_t size);
  /// A pooled copy of `bytes`.
  [[nodiscard]] PooledBuffer copy_of(std::span<const std::byte> bytes);
  [[nodiscard]] size_t idle_bytes() const;

 private:
  std::shared_ptr<PooledBuffer::Shelf> shelf_;
};

}  // namespace rapidbyte
