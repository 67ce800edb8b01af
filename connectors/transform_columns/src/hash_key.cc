#include "connectors/transform_columns/src/hash_key.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::transform_columns {
namespace {

constexpr size_t kBlockBytes = 64;
// A shorter key can be found by trying, and then all values that were hashed with it.
constexpr size_t kLeastKeyBytes = 16;

std::string block(std::string_view key, uint8_t pad) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    const auto byte = static_cast<uint8_t>((i < key.size() ? static_cast<uint8_t>(key[i]) : 0U) ^ pad);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

}  // namespace

sdk::Json hash_key_blocks(std::string_view key) {
  return {{"rapidbyte_inner", block(key, 0x36)}, {"rapidbyte_outer", block(key, 0x5C)}};
}

sdk::Result<sdk::Json> read_hash_key() {
  const std::string name = kHashKeyVariable;
  const char* key = std::getenv(name.c_str());
  if (key == nullptr) {
    return sdk::Status(sdk::config_error(
        codes::kHashKeyInvalid, "hmac-sha256 needs a key: set the environment variable " + name +
                                    " and grant it to the transform with `permissions: {env: [" + name + "]}`"));
  }
  const std::string_view bytes = key;
  // A longer key would be hashed first, and be no better.
  if (bytes.size() < kLeastKeyBytes || bytes.size() > kBlockBytes) {
    return sdk::Status(sdk::config_error(codes::kHashKeyInvalid,
                                         "the key in " + name + " has " + std::to_string(bytes.size()) +
                                             " bytes; it must have 16 to 64, such as `openssl rand -hex 32` makes"));
  }
  return hash_key_blocks(bytes);
}

}  // namespace rapidbyte::transform_columns
