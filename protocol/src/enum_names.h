#pragma once
// Enums whose cases are numbered from 0 and have one name each, in that order.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace rapidbyte::protocol {

/// An invalid value has the last case's name, so that a number from outside does not end the program.
template <typename Enum, size_t N>
constexpr std::string_view name_of(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<size_t>(value);
  return names[index < N ? index : N - 1];
}

template <typename Enum, size_t N>
constexpr std::optional<Enum> find_case(const std::array<std::string_view, N>& names, std::string_view text) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace rapidbyte::protocol
