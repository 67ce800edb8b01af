#include "rapidbyte/base/sha256.h"

// These functions need none of OpenSSL's set-up, which takes a millisecond of every start. OpenSSL 3 keeps them,
// although it deprecates them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <cstdlib>

namespace rapidbyte {

namespace {

// They fail for a null context only.
void must(int result) {
  if (result != 1) std::abort();
}

}  // namespace

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { must(SHA256_Init(&state_->context)); }
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  must(SHA256_Update(&state_->context, bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  must(SHA256_Final(digest.data(), &state_->context));
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(digest.size() * 2);
  for (unsigned char byte : digest) {
    text.push_back(kHex[byte >> 4U]);
    text.push_back(kHex[byte & 15U]);
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text.data(), text.size()))); }

}  // namespace rapidbyte
