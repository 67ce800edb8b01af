#include "connectors/transform_check/src/key_set.h"

#include <bit>
#include <cstring>

namespace rapidbyte::transform_check {
namespace {

constexpr size_t kFirstSlots = 64;

struct SipState {
  uint64_t v0, v1, v2, v3;
  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  uint64_t finish() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

KeyHash sip_hash(std::span<const uint8_t> bytes, uint64_t key_low, uint64_t key_high) {
  SipState state{key_low ^ 0x736f6d6570736575U, key_high ^ 0x646f72616e646f6dU ^ 0xEEU, key_low ^ 0x6c7967656e657261U,
                 key_high ^ 0x7465646279746573U};
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));  // wasm and x86 are little-endian
    state.take(word);
  }
  uint64_t last = static_cast<uint64_t>(bytes.size()) << 56U;
  for (size_t i = 0; at + i < bytes.size(); ++i) last |= static_cast<uint64_t>(bytes[at + i]) << (8 * i);
  state.take(last);
  state.v2 ^= 0xEEU;
  KeyHash hash;
  hash.low = state.finish();
  state.v1 ^= 0xDDU;
  hash.high = state.finish();
  return hash;
}

KeySet::Added KeySet::add(KeyHash hash) {
  if (hash == KeyHash{}) hash.low = 1;  // the mark of a free slot
  Table& table = tables_[hash.high >> 56U];
  // Seven eighths full at most. A key that is there is found even if there is no room for more.
  if ((table.used + 1) * 8 > table.slots.size() * 7 && !grow(table)) {
    if (!table.slots.empty() && table.used < table.slots.size()) {
      Table& full = table;
      const size_t mask = full.slots.size() - 1;
      for (size_t i = hash.low & mask; full.slots[i] != KeyHash{}; i = (i + 1) & mask) {
        if (full.slots[i] == hash) return Added::kThere;
      }
    }
    return Added::kFull;
  }
  if (!insert(table, hash)) return Added::kThere;
  ++size_;
  return Added::kNew;
}

bool KeySet::insert(Table& table, KeyHash hash) {
  const size_t mask = table.slots.size() - 1;
  size_t i = hash.low & mask;
  for (; table.slots[i] != KeyHash{}; i = (i + 1) & mask) {
    if (table.slots[i] == hash) return false;
  }
  table.slots[i] = hash;
  ++table.used;
  return true;
}

bool KeySet::grow(Table& table) {
  const size_t slots = table.slots.empty() ? kFirstSlots : table.slots.size() * 2;
  const uint64_t more = (slots - table.slots.size()) * sizeof(KeyHash);
  // The old table lives until its keys have moved.
  if (bytes_ + slots * sizeof(KeyHash) > most_bytes_) return false;
  Table larger;
  larger.slots.resize(slots);
  for (const KeyHash& hash : table.slots) {
    if (hash != KeyHash{}) insert(larger, hash);
  }
  table = std::move(larger);
  bytes_ += more;
  return true;
}

}  // namespace rapidbyte::transform_check
