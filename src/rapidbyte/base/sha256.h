#pragma once
// SHA-256 as lower-case hex, by OpenSSL. For component checksums and cache keys.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rapidbyte {

/// 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string sha256_hex(std::string_view text);

/// The same for bytes that arrive in pieces. Neither copyable nor movable.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::byte> bytes);
  /// The hash of everything so far; call it once, last.
  [[nodiscard]] std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rapidbyte
