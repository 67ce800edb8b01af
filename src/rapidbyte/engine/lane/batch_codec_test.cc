#include "rapidbyte/engine/lane/batch_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace rapidbyte::engine {
namespace {

using pipeline::Compression;

std::vector<std::byte> random_bytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> out(size);
  for (auto& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

std::vector<std::byte> table_like(size_t size) {
  std::vector<std::byte> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i % 8 == 0 ? i / 8 % 251 : 0);
  return out;
}

std::vector<std::byte> copied(const PooledBuffer& buffer) { return {buffer.bytes().begin(), buffer.bytes().end()}; }

class EveryCodec : public ::testing::TestWithParam<Compression> {
 protected:
  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>(size_t{16} << 20U);
  BatchCodec codec_{pool_};
};

TEST_P(EveryCodec, GivesBackWhatWentIn) {
  for (const auto& bytes : {std::vector<std::byte>{}, std::vector<std::byte>{std::byte{7}}, random_bytes(1000, 1),
                            random_bytes(3 << 20, 2), table_like(5 << 20), std::vector<std::byte>(1 << 20)}) {
    auto packed = codec_.pack(GetParam(), bytes);
    ASSERT_TRUE(packed.ok()) << packed.status().to_string();
    auto unpacked = codec_.unpack(packed->bytes(), bytes.size());
    ASSERT_TRUE(unpacked.ok()) << unpacked.status().to_string();
    EXPECT_EQ(copied(*unpacked), bytes);
  }
}

TEST_P(EveryCodec, ContinuesAfterACorruptBatch) {
  const auto bytes = table_like(100000);
  auto damaged = copied(*codec_.pack(GetParam(), bytes));
  damaged.resize(damaged.size() / 2);
  EXPECT_FALSE(codec_.unpack(damaged, bytes.size()).ok());
  auto packed = codec_.pack(GetParam(), bytes);
  EXPECT_EQ(copied(*codec_.unpack(packed->bytes(), bytes.size())), bytes);
}

TEST_P(EveryCodec, RefusesEveryTruncation) {
  const auto bytes = table_like(300);
  const auto packed = copied(*codec_.pack(GetParam(), bytes));
  for (size_t size = 0; size < packed.size(); ++size) {
    auto result = codec_.unpack({packed.data(), size}, 1 << 20);
    ASSERT_FALSE(result.ok()) << size;
    EXPECT_EQ(result.error().code, "DECOMPRESSION_FAILED") << size;
  }
  auto longer = packed;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(codec_.unpack(longer, 1 << 20).ok());
}

// Stored bytes carry no checksum, so this is about the codecs that do.
class ChecksummedCodec : public EveryCodec {};
INSTANTIATE_TEST_SUITE_P(Codecs, ChecksummedCodec, ::testing::Values(Compression::kLz4, Compression::kZstd));

TEST_P(ChecksummedCodec, NeverAnswersWithOtherBytesWhenABitIsChanged) {
  const auto bytes = random_bytes(200, 3);
  const auto packed = copied(*codec_.pack(GetParam(), bytes));
  for (size_t i = 0; i < packed.size() * 8; ++i) {
    auto changed = packed;
    changed[i / 8] ^= static_cast<std::byte>(1U << (i % 8));
    auto result = codec_.unpack(changed, 1 << 20);
    if (result.ok()) {
      EXPECT_EQ(copied(*result), bytes) << "bit " << i;
    }
  }
}

TEST_P(EveryCodec, TakesNoMemoryForASizeThatIsALie) {
  auto packed = copied(*codec_.pack(GetParam(), table_like(1000)));
  for (const uint64_t size : {uint64_t{1001}, uint64_t{999}, uint64_t{0}, uint64_t{1} << 40U, UINT64_MAX}) {
    std::memcpy(packed.data() + 8, &size, sizeof(size));
    EXPECT_FALSE(codec_.unpack(packed, SIZE_MAX).ok()) << size;
    auto bounded = codec_.unpack(packed, 1000);
    ASSERT_FALSE(bounded.ok());
    EXPECT_EQ(bounded.error().code, size > 1000 ? "BATCH_TOO_LARGE" : "DECOMPRESSION_FAILED");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, EveryCodec, ::testing::Values(Compression::kNone, Compression::kLz4, Compression::kZstd),
    [](const auto& info) {
      return std::string(info.param == Compression::kNone ? "none" : info.param == Compression::kLz4 ? "lz4" : "zstd");
    });

TEST(BatchCodec, ThePackedFormIsSmallAndSoIsItsBuffer) {
  auto pool = std::make_shared<BufferPool>(size_t{16} << 20U);
  BatchCodec codec(pool);
  const auto bytes = table_like(4 << 20);
  for (const Compression compression : {Compression::kLz4, Compression::kZstd}) {
    auto packed = codec.pack(compression, bytes);
    ASSERT_TRUE(packed.ok());
    EXPECT_LT(packed->size(), bytes.size() / 4);
    EXPECT_LT(packed->capacity(), bytes.size() / 2);
  }
}

TEST(BatchCodec, OneCodecUnpacksWhatAnotherPacked) {
  auto pool = std::make_shared<BufferPool>(0);
  BatchCodec sender(pool);
  BatchCodec receiver(pool);
  const auto bytes = table_like(100000);
  for (const Compression compression : {Compression::kLz4, Compression::kZstd, Compression::kNone}) {
    auto packed = sender.pack(compression, bytes);
    EXPECT_EQ(copied(*receiver.unpack(packed->bytes(), bytes.size())), bytes);
  }
}

TEST(BatchCodec, RefusesBytesThatItNeverPacked) {
  BatchCodec codec(std::make_shared<BufferPool>(0));
  for (const auto& bytes :
       {std::vector<std::byte>{}, random_bytes(15, 4), random_bytes(16, 5), random_bytes(5000, 6)}) {
    EXPECT_EQ(codec.unpack(bytes, 1 << 20).error().code, "DECOMPRESSION_FAILED");
  }
  auto unknown = copied(*codec.pack(Compression::kNone, random_bytes(10, 7)));
  unknown[4] = std::byte{9};
  EXPECT_EQ(codec.unpack(unknown, 1 << 20).error().code, "DECOMPRESSION_FAILED");
}

}  // namespace
}  // namespace rapidbyte::engine
