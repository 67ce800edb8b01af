#pragma once
// ByteBuffer: a growing array of bytes that is never zeroed, keeps its memory on clear() and writes fixed-width values
// without a call. The building block of column builders and sockets. Out of memory ends the program (in a component: a
// trap, which the host reports as MEMORY_LIMIT).

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

namespace rapidbyte::sdk {

/// Copies `size` bytes between regions that do not overlap. Texts are usually short, and for those a call of memcpy (in
/// a component, an engine instruction that calls out) costs more than the copy; overlapping blocks are copied instead
/// of single bytes.
inline void copy_bytes(uint8_t* to, const uint8_t* from, size_t size) {
  typedef uint8_t Block __attribute__((vector_size(16)));
  // From this size on, the cost of the call is the smaller part.
  constexpr size_t kLong = 128;
  if (size >= 16) {
    if (size >= kLong) {
      std::memcpy(to, from, size);
      return;
    }
    Block block;
    for (size_t at = 0; at + 16 <= size; at += 16) {
      std::memcpy(&block, from + at, 16);
      std::memcpy(to + at, &block, 16);
    }
    std::memcpy(&block, from + size - 16, 16);
    std::memcpy(to + size - 16, &block, 16);
  } else if (size >= 8) {
    uint64_t first;
    uint64_t last;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + size - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + size - 8, &last, 8);
  } else if (size >= 4) {
    uint32_t first;
    uint32_t last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
  } else {
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ~ByteBuffer() { std::free(data_); }

  [[nodiscard]] uint8_t* data() { return data_; }
  [[nodiscard]] const uint8_t* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const uint8_t> span() const { return {data_, size_}; }

  void clear() { size_ = 0; }
  /// Cuts to `size`, which must not be larger than size().
  void truncate(size_t size) { size_ = size; }
  /// Makes room for `more` bytes after size().
  void reserve(size_t more) {
    if (more > capacity_ - size_) grow(more);
  }
  /// Sets the size; new bytes are not initialised.
  void resize(size_t size) {
    if (size > capacity_) grow(size - size_);
    size_ = size;
  }
  /// Sets the size; new bytes are `value`.
  void resize_filled(size_t size, uint8_t value) {
    const size_t old = size_;
    resize(size);
    if (size > old) std::memset(data_ + old, value, size - old);
  }
  void append(const void* bytes, size_t count) {
    reserve(count);
    if (count != 0) std::memcpy(data_ + size_, bytes, count);
    size_ += count;
  }
  void append_filled(size_t count, uint8_t value) { resize_filled(size_ + count, value); }
  template <typename T>
  void push(T value) {
    reserve(sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }

 private:
  void grow(size_t more) {
    // Doubling, from 256 bytes: a builder reaches its batch size after a dozen copies in the first batch and none
    // later.
    size_t wanted = capacity_ < 256 ? 256 : capacity_ * 2;
    if (more > SIZE_MAX - size_) std::abort();
    if (wanted < size_ + more) wanted = size_ + more;
    auto* block = static_cast<uint8_t*>(std::realloc(data_, wanted));
    if (block == nullptr) std::abort();
    data_ = block;
    capacity_ = wanted;
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace rapidbyte::sdk
