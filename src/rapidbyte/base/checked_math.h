#pragma once
// Arithmetic on sizes from outside: reports overflow instead of wrapping.

#include <concepts>
#include <optional>

namespace rapidbyte {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// Whether [offset, offset + length) lies within a buffer of `size`; no sum that could wrap.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool range_fits(T offset, T length, T size) {
  return offset <= size && length <= size - offset;
}

}  // namespace rapidbyte
