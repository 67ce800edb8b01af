#pragma once
// SHA-256 as lower-case hex, by OpenSSL. For component checksums and cache keys.

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace rapidbyte {

/// 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string sha256_hex(std::string_view text);
/// Of all the pieces that `next` gives, up to an empty one.
[[nodiscard]] std::string sha256_hex(const std::function<std::span<const std::byte>()>& next);

}  // namespace rapidbyte
