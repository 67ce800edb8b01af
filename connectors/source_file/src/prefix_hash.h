#pragma once
// PrefixHash: a 64-bit hash of all bytes so far, for noticing that the part of a file that has been read was edited since.
// Not for security. The value does not depend on how the bytes are cut into pieces; asking for it changes nothing.

#include <cstdint>
#include <cstring>

namespace rapidbyte::source_file {

class PrefixHash {
 public:
  void feed(const char* data, size_t size) {
    length_ += size;
    while (tail_size_ != 0 && size != 0) {
      tail_ |= static_cast<uint64_t>(static_cast<unsigned char>(*data)) << (8 * tail_size_);
      ++data;
      --size;
      if (++tail_size_ == 8) {
        mix(state_, tail_);
        tail_ = 0;
        tail_size_ = 0;
      }
    }
    for (; size >= 8; data += 8, size -= 8) {
      uint64_t word = 0;
      std::memcpy(&word, data, 8);
      mix(state_, word);
    }
    for (; size != 0; ++data, --size) {
      tail_ |= static_cast<uint64_t>(static_cast<unsigned char>(*data)) << (8 * tail_size_++);
    }
  }

  [[nodiscard]] uint64_t value() const {
    uint64_t state = state_;
    mix(state, tail_);
    mix(state, length_);
    return state ^ (state >> 32U);
  }

 private:
  static void mix(uint64_t& state, uint64_t word) {
    // An odd multiplier near 2^64 / golden ratio; the rotation brings the well-mixed high bits down for the next word.
    state = (state ^ word) * 0x9E3779B97F4A7C15ULL;
    state = (state << 29U) | (state >> 35U);
  }

  uint64_t state_ = 0x243F6A8885A308D3ULL;  // digits of pi: any non-zero start will do
  uint64_t tail_ = 0;
  uint32_t tail_size_ = 0;
  uint64_t length_ = 0;
};

}  // namespace rapidbyte::source_file
