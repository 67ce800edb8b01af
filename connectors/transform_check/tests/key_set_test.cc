#include "connectors/transform_check/src/key_set.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <random>
#include <set>

namespace rapidbyte::transform_check {
namespace {

TEST(KeySetTest, TheHashIsSipHash) {
  // The first two of the reference's vectors for 128 bits: key 00 to 0f, input of no byte and of one.
  constexpr uint64_t kLow = 0x0706050403020100U;
  constexpr uint64_t kHigh = 0x0f0e0d0c0b0a0908U;
  EXPECT_EQ(sip_hash({}, kLow, kHigh), (KeyHash{0xe6a825ba047f81a3U, 0x930255c71472f66dU}));
  const std::array<uint8_t, 1> zero{0};
  EXPECT_EQ(sip_hash(zero, kLow, kHigh), (KeyHash{0x44af996bd8c187daU, 0x45fc229b11597634U}));
  std::set<uint64_t> different;
  std::array<uint8_t, 40> bytes{};
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  for (size_t size = 0; size <= bytes.size(); ++size)
    different.insert(sip_hash(std::span(bytes).first(size), kLow, kHigh).low);
  EXPECT_EQ(different.size(), bytes.size() + 1);
}

TEST(KeySetTest, KnowsWhatItHasSeen) {
  KeySet set(uint64_t{64} << 20U);
  std::mt19937_64 random(7);
  std::set<std::pair<uint64_t, uint64_t>> all;
  for (int i = 0; i < 200'000; ++i) {
    // Low bits that meet often: the slots are probed.
    const KeyHash hash{random() % 5000, random() % 40 << 56U};
    const bool fresh = all.emplace(hash.low, hash.high).second;
    const bool free = hash == KeyHash{};
    if (free) continue;  // stands for another key; below
    EXPECT_EQ(set.add(hash), fresh ? KeySet::Added::kNew : KeySet::Added::kThere);
  }
  EXPECT_EQ(set.size(), all.size() - all.count({0, 0}));
  EXPECT_EQ(KeySet(1 << 20).add({0, 0}), KeySet::Added::kNew) << "the mark of a free slot is a key, too";
}

TEST(KeySetTest, ItsMemoryIsBoundedAndWhatIsInItStaysKnown) {
  constexpr uint64_t kBytes = uint64_t{4} << 20U;
  KeySet set(kBytes);
  std::mt19937_64 random(7);
  std::vector<KeyHash> keys;
  for (;;) {
    const KeyHash hash{random(), random()};
    const auto added = set.add(hash);
    EXPECT_LE(set.bytes(), kBytes);
    if (added == KeySet::Added::kFull) break;
    keys.push_back(hash);
    ASSERT_LT(keys.size(), kBytes / sizeof(KeyHash)) << "more than fits";
  }
  EXPECT_GT(keys.size(), kBytes / 40) << "less than is documented";
  for (const KeyHash& hash : keys) EXPECT_EQ(set.add(hash), KeySet::Added::kThere);
}

}  // namespace
}  // namespace rapidbyte::transform_check
