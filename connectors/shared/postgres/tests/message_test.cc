#include "postgres/message.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::postgres {
namespace {

TEST(MessageTest, NumbersAreBigEndian) {
  uint8_t bytes[8];
  store_be(bytes, uint64_t{0x0102030405060708});
  EXPECT_EQ(std::vector<uint8_t>(bytes, bytes + 8), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(load_be<uint16_t>(bytes), 0x0102U);
  EXPECT_EQ(load_be<uint32_t>(bytes + 4), 0x05060708U);
  EXPECT_EQ(load_be<uint8_t>(bytes + 1), 2U);
  store_be(bytes, int32_t{-2});
  EXPECT_EQ(load_be<int32_t>(bytes), -2);
}

TEST(MessageTest, AReaderStopsAtTheEndOfTheBody) {
  const uint8_t bytes[] = {0, 7, 'a', 'b', 0, 9};
  BodyReader body(bytes);
  EXPECT_EQ(body.number<uint16_t>(), 7U);
  EXPECT_EQ(body.zero_terminated(), "ab");
  EXPECT_FALSE(body.failed());
  EXPECT_EQ(body.number<uint32_t>(), 0U);
  EXPECT_TRUE(body.failed());
  EXPECT_TRUE(body.at_end());
  EXPECT_EQ(body.number<uint8_t>(), 0U);
  EXPECT_TRUE(body.bytes(1).empty());
}

TEST(MessageTest, ATextWithoutItsZeroIsRefused) {
  const uint8_t bytes[] = {'a', 'b'};
  BodyReader body(bytes);
  EXPECT_EQ(body.zero_terminated(), "");
  EXPECT_TRUE(body.failed());
}

TEST(MessageTest, AWriterCountsTheLength) {
  sdk::ByteBuffer out;
  out.push(uint8_t{99});
  ASSERT_TRUE(MessageWriter(out, 'Q').zero_terminated("ab").end().ok());
  ASSERT_TRUE(MessageWriter(out, '\0').number(uint16_t{5}).end().ok());
  const std::vector<uint8_t> expected = {99, 'Q', 0, 0, 0, 7, 'a', 'b', 0, 0, 0, 0, 6, 0, 5};
  EXPECT_EQ(std::vector<uint8_t>(out.data(), out.data() + out.size()), expected);
}

TEST(MessageTest, TypesAreDescribedReadably) {
  EXPECT_EQ(describe_message_type('Z'), "'Z'");
  EXPECT_EQ(describe_message_type('\x01'), "0x01");
  EXPECT_EQ(describe_message_type('\xfe'), "0xfe");
}

}  // namespace
}  // namespace rapidbyte::postgres
