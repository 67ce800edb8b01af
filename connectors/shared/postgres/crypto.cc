#include "postgres/crypto.h"

#include <mbedtls/base64.h>
#include <mbedtls/md5.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

// The only one of these headers that lacks it.
extern "C" {
#include <mbedtls/constant_time.h>
}

#include <cstring>

namespace rapidbyte::postgres {

namespace {

constexpr size_t kBlockBytes = 64;  // of SHA-256, RFC 2104's B

/// One SHA-256 computation; owns Mbed TLS's context and wipes it. Mbed TLS's software SHA-256 reports no errors: its
/// return codes are for hardware that replaces it.
class Sha256 {
 public:
  Sha256() {
    mbedtls_sha256_init(&context_);
    (void)mbedtls_sha256_starts(&context_, /*is224=*/0);
  }
  Sha256(const Sha256& other) {
    mbedtls_sha256_init(&context_);
    mbedtls_sha256_clone(&context_, &other.context_);
  }
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256() { mbedtls_sha256_free(&context_); }

  void update(std::span<const uint8_t> bytes) { (void)mbedtls_sha256_update(&context_, bytes.data(), bytes.size()); }
  Sha256Digest finish() {
    Sha256Digest out{};
    (void)mbedtls_sha256_finish(&context_, out.data());
    return out;
  }

 private:
  mbedtls_sha256_context context_{};
};

/// HMAC (RFC 2104) with the key's two blocks hashed in advance, which halves the work of the key derivation.
class HmacSha256 {
 public:
  explicit HmacSha256(std::span<const uint8_t> key) {
    std::array<uint8_t, kBlockBytes> block{};
    if (key.size() > kBlockBytes) {
      const Sha256Digest digest = sha256(key);
      std::memcpy(block.data(), digest.data(), digest.size());
    } else if (!key.empty()) {
      std::memcpy(block.data(), key.data(), key.size());
    }
    for (uint8_t& byte : block) byte ^= 0x36;
    inner_.update(block);
    for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    outer_.update(block);
    mbedtls_platform_zeroize(block.data(), block.size());
  }

  [[nodiscard]] Sha256Digest operator()(std::span<const uint8_t> first, std::span<const uint8_t> second = {}) const {
    Sha256 inner(inner_);
    inner.update(first);
    inner.update(second);
    Sha256 outer(outer_);
    outer.update(inner.finish());
    return outer.finish();
  }

 private:
  Sha256 inner_;
  Sha256 outer_;
};

}  // namespace

Sha256Digest sha256(std::span<const uint8_t> message) {
  Sha256 hash;
  hash.update(message);
  return hash.finish();
}

Sha256Digest hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message) {
  return HmacSha256(key)(message);
}

Sha256Digest salted_password(std::string_view password, std::span<const uint8_t> salt, uint32_t iterations) {
  const HmacSha256 hmac(bytes_of(password));
  constexpr uint8_t kFirstBlock[4] = {0, 0, 0, 1};
  Sha256Digest round = hmac(salt, kFirstBlock);
  Sha256Digest out = round;
  for (uint32_t i = 1; i < iterations; ++i) {
    round = hmac(round);
    for (size_t at = 0; at < out.size(); ++at) out[at] = static_cast<uint8_t>(out[at] ^ round[at]);
  }
  return out;
}

std::string md5_hex(std::span<const uint8_t> message) {
  std::array<uint8_t, 16> digest{};
  (void)mbedtls_md5(message.data(), message.size(), digest.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : digest) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string base64_encode(std::span<const uint8_t> bytes) {
  // Four characters for three bytes, and a zero that Mbed TLS appends.
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  size_t length = 0;
  if (mbedtls_base64_encode(reinterpret_cast<unsigned char*>(out.data()), out.size(), &length, bytes.data(),
                            bytes.size()) != 0) {
    return {};
  }
  out.resize(length);
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  // Mbed TLS skips line breaks and accepts a text without its padding; RFC 5802 allows neither.
  if (text.size() % 4 != 0 || text.find_first_of(" \r\n") != std::string_view::npos) return std::nullopt;
  std::string out(text.size() / 4 * 3 + 1, '\0');
  size_t length = 0;
  if (mbedtls_base64_decode(reinterpret_cast<unsigned char*>(out.data()), out.size(), &length,
                            reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 0) {
    return std::nullopt;
  }
  out.resize(length);
  return out;
}

bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && mbedtls_ct_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace rapidbyte::postgres
