#pragma once
// The hashes and encodings that a login needs, over Mbed TLS: SHA-256, its HMAC, the key derivation of SCRAM, MD5 and
// base64. Pure functions.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rapidbyte::postgres {

using Sha256Digest = std::array<uint8_t, 32>;

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Sha256Digest sha256(std::span<const uint8_t> message);
Sha256Digest hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message);
/// Hi() of RFC 5802: PBKDF2 with HMAC-SHA-256 and one block of output. `iterations` at least 1.
Sha256Digest salted_password(std::string_view password, std::span<const uint8_t> salt, uint32_t iterations);
/// 32 lower-case hexadecimal digits.
std::string md5_hex(std::span<const uint8_t> message);

std::string base64_encode(std::span<const uint8_t> bytes);
/// nullopt when `text` is not base64 with its padding.
std::optional<std::string> base64_decode(std::string_view text);

/// Takes the same time wherever the two differ.
bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b);

}  // namespace rapidbyte::postgres
