#pragma once
// PrefixHash: a 64-bit hash of all bytes so far, for noticing that the part of a file that has been read was edited
// since. Not for security. The value does not depend on how the bytes are split; asking for it changes nothing.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::source_file {

class PrefixHash {
 public:
  void feed(const char* data, size_t size) {
    length_ += size;
    if (tail_size_ != 0) {
      const size_t count = size < kStripe - tail_size_ ? size : kStripe - tail_size_;
      std::memcpy(tail_ + tail_size_, data, count);
      tail_size_ += count;
      data += count;
      size -= count;
      if (tail_size_ < kStripe) return;
      mix_stripe(lanes_, tail_);
      tail_size_ = 0;
    }
    for (; size >= kStripe; data += kStripe, size -= kStripe) mix_stripe(lanes_, data);
    std::memcpy(tail_, data, size);
    tail_size_ = size;
  }

  [[nodiscard]] uint64_t value() const {
    uint64_t lanes[4] = {lanes_[0], lanes_[1], lanes_[2], lanes_[3]};
    char rest[kStripe] = {};
    std::memcpy(rest, tail_, tail_size_);
    mix_stripe(lanes, rest);
    uint64_t state = length_;
    for (const uint64_t lane : lanes) mix(state, lane);
    return state ^ (state >> 32U);
  }

 private:
  // Four words side by side, so that their multiplications overlap.
  static constexpr size_t kStripe = 32;

  static void mix(uint64_t& state, uint64_t word) {
    // An odd multiplier near 2^64 / golden ratio; the rotation brings the well-mixed high bits down for the next word.
    state = (state ^ word) * 0x9E3779B97F4A7C15ULL;
    state = (state << 29U) | (state >> 35U);
  }
  static void mix_stripe(uint64_t* lanes, const char* stripe) {
    for (size_t i = 0; i < 4; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, stripe + 8 * i, 8);
      mix(lanes[i], word);
    }
  }

  // Digits of pi: any four different values will do.
  uint64_t lanes_[4] = {0x243F6A8885A308D3ULL, 0x13198A2E03707344ULL, 0xA4093822299F31D0ULL, 0x082EFA98EC4E6C89ULL};
  char tail_[kStripe] = {};
  size_t tail_size_ = 0;
  uint64_t length_ = 0;
};

/// A hash as 16 hexadecimal digits: JSON numbers above 2^53 do not survive every reader.
inline std::string hash_text(uint64_t value) {
  char text[20];
  const int size = snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return {text, static_cast<size_t>(size)};
}

/// The inverse; nullopt for other texts.
inline std::optional<uint64_t> hash_of_text(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    value = value * 16 + static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

}  // namespace rapidbyte::source_file
