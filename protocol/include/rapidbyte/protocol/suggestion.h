#pragma once
// "Did you mean": the nearest of a few known words. Pure functions, for error messages only.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rapidbyte::protocol {

/// Number of letters to insert, delete, replace or swap with their neighbour to turn `a` into `b`.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, if it is near enough to be meant: upper and lower case, `-` and `_` count as equal, and at
/// most a third of the letters may differ. The first one wins a tie.
[[nodiscard]] std::optional<std::string_view> closest(std::string_view word, std::span<const std::string_view> known);

/// "; did you mean x?", else "; known are a, b, c", of more than 20 the first 20 and how many more there are.
[[nodiscard]] std::string suggestion_text(std::string_view word, std::span<const std::string_view> known);

}  // namespace rapidbyte::protocol
