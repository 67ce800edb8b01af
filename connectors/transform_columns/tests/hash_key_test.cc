#include "connectors/transform_columns/src/hash_key.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace rapidbyte::transform_columns {
namespace {

TEST(HashKeyTest, TheBlocksAreThoseOfRfc2104) {
  // RFC 4231, test case 1: the key is twenty bytes 0x0b.
  const sdk::Json blocks = hash_key_blocks(std::string(20, '\x0b'));
  std::string inner;
  std::string outer;
  for (int i = 0; i < 64; ++i) {
    inner += i < 20 ? "3d" : "36";
    outer += i < 20 ? "57" : "5c";
  }
  EXPECT_EQ(blocks["rapidbyte_inner"], inner);
  EXPECT_EQ(blocks["rapidbyte_outer"], outer);
}

TEST(HashKeyTest, AKeyThatIsMissingOrOfNoUseIsRefusedAndNeverShown) {
  unsetenv(kHashKeyVariable);
  EXPECT_EQ(read_hash_key().error().code, "HASH_KEY_INVALID");
  for (const std::string& key : {std::string(15, 'k'), std::string(65, 'k'), std::string()}) {
    setenv(kHashKeyVariable, key.c_str(), 1);
    const auto blocks = read_hash_key();
    ASSERT_FALSE(blocks.ok()) << key;
    EXPECT_EQ(blocks.error().code, "HASH_KEY_INVALID");
    EXPECT_EQ(blocks.error().message.find("kkk"), std::string::npos);
  }
  for (const size_t bytes : {16, 64}) {
    setenv(kHashKeyVariable, std::string(bytes, 'k').c_str(), 1);
    EXPECT_TRUE(read_hash_key().ok()) << bytes;
  }
}

}  // namespace
}  // namespace rapidbyte::transform_columns
