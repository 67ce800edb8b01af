#pragma once
// The keys that a rule `unique` has seen, in a bounded memory: 128 bits of each, by SipHash-2-4 with a key of the
// process, so that nobody can make two that meet; by accident two of a billion meet once in 10^20 streams. 256 tables
// that grow one by one, so that growing takes little more than what is there.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rapidbyte::transform_check {

struct KeyHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const KeyHash&) const = default;
};

/// SipHash-2-4 with 128 bits.
KeyHash sip_hash(std::span<const uint8_t> bytes, uint64_t key_low, uint64_t key_high);

class KeySet {
 public:
  enum class Added : uint8_t { kNew, kThere, kFull };

  explicit KeySet(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  Added add(KeyHash hash);
  [[nodiscard]] uint64_t size() const { return size_; }
  /// What the tables take. While one grows, it takes half as much again as the new one.
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  struct Table {
    std::vector<KeyHash> slots;  // a power of two of them; {0, 0} is free
    size_t used = 0;
  };
  bool grow(Table& table);
  static bool insert(Table& table, KeyHash hash);

  std::array<Table, 256> tables_;
  uint64_t most_bytes_;
  uint64_t bytes_ = 0;
  uint64_t size_ = 0;
};

}  // namespace rapidbyte::transform_check
